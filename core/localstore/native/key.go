package native

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/zalando/go-keyring"
)

// The store key is in the system's keyring, or in a file where there is none. The file masq.key in the data directory is
// there in both cases and decides, so that a store never has two keys: its one line is "key " and the key, or "keyring "
// and the name that the key has in the keyring, both in hexadecimal.
const (
	keyWord     = "key "
	keyringWord = "keyring "
	service     = "Masq store key"
)

// keyringTimeout is how long the keyring may take, in which the user may have to unlock it.
const keyringTimeout = 2 * time.Minute

// Errors of the store key.
var (
	ErrNoKey      = errors.New("there is data but no key to it: put the file " + keyName + " back, or move the data away to begin anew")
	ErrBadKey     = errors.New("the file " + keyName + " is damaged: put it back from a backup")
	ErrKeyring    = errors.New("the system's keyring does not give the key to the data: unlock it and try again")
	ErrKeyInRing  = errors.New("the key to the data is in the system's keyring: start without --no-keyring")
	ErrKeyExposed = errors.New("other users may read the file " + keyName + ": chmod 600 it")
)

// keys keeps texts by name: the system's keyring.
type keys interface {
	get(name string) (string, error)
	set(name, text string) error
}

// storeKey returns the key of the store in dir, and makes one if there is neither a key nor data. ring is nil when the
// keyring is not to be used.
func storeKey(dir string, ring keys) ([32]byte, error) {
	key, err := readKey(dir, ring)
	if !errors.Is(err, os.ErrNotExist) {
		return key, err
	}
	if _, err := os.Lstat(filepath.Join(dir, databaseName)); !errors.Is(err, os.ErrNotExist) {
		return key, ErrNoKey
	}
	rand.Read(key[:])
	line := keyWord + hex.EncodeToString(key[:])
	if ring != nil {
		var name [16]byte
		rand.Read(name[:])
		if keep(ring, hex.EncodeToString(name[:]), key) {
			line = keyringWord + hex.EncodeToString(name[:])
		}
	}
	if err := writeKey(dir, line); err != nil {
		return key, fmt.Errorf("cannot write %s: %w", keyName, err)
	}
	return readKey(dir, ring) // it may be another's, who was faster
}

// keep puts a key into the keyring, and reports whether it is there.
func keep(ring keys, name string, key [32]byte) bool {
	text := hex.EncodeToString(key[:])
	if ring.set(name, text) != nil {
		return false
	}
	got, err := ring.get(name)
	return err == nil && got == text
}

// readKey returns the key that masq.key says, os.ErrNotExist if there is no such file.
func readKey(dir string, ring keys) (key [32]byte, err error) {
	f, err := os.Open(filepath.Join(dir, keyName))
	if err != nil {
		return key, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return key, err
	} else if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return key, ErrKeyExposed
	}
	line, err := io.ReadAll(io.LimitReader(f, 200))
	if err != nil {
		return key, err
	}
	line = bytes.TrimRight(line, "\r\n")
	if text, ok := bytes.CutPrefix(line, []byte(keyWord)); ok {
		return parseKey(string(text), ErrBadKey)
	}
	name, ok := bytes.CutPrefix(line, []byte(keyringWord))
	switch {
	case !ok || len(name) != 32:
		return key, ErrBadKey
	case ring == nil:
		return key, ErrKeyInRing
	}
	text, err := ring.get(string(name))
	if err != nil {
		return key, fmt.Errorf("%w (%w)", ErrKeyring, err)
	}
	return parseKey(text, ErrKeyring)
}

func parseKey(text string, wrong error) (key [32]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(key) {
		return key, wrong
	}
	return [32]byte(b), nil
}

// writeKey writes masq.key as a whole, and durably, unless there is one by now.
func writeKey(dir, line string) error {
	f, err := os.CreateTemp(dir, ".new-*.key") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(line + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	path := filepath.Join(dir, keyName)
	if err := os.Link(f.Name(), path); errors.Is(err, os.ErrExist) {
		return nil
	} else if err != nil { // a file system without links
		if err := os.Rename(f.Name(), path); err != nil {
			return err
		}
	}
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
	return nil
}

// systemKeyring is the keyring of the user's session, nil if there is none.
func systemKeyring() keys {
	switch runtime.GOOS {
	case "darwin", "windows":
		return ringOfSystem{}
	}
	// Without a session bus the library would start one, that nobody unlocks a keyring on.
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return ringOfSystem{}
	}
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		if _, err := os.Stat(filepath.Join(run, "bus")); err == nil {
			return ringOfSystem{}
		}
	}
	return nil
}

type ringOfSystem struct{}

func (ringOfSystem) get(name string) (text string, err error) {
	return inTime(func() (string, error) { return keyring.Get(service, name) })
}

func (ringOfSystem) set(name, text string) error {
	_, err := inTime(func() (string, error) { return "", keyring.Set(service, name, text) })
	return err
}

// inTime gives up f after keyringTimeout: it may wait for a user who is not there.
func inTime(f func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := f()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-time.After(keyringTimeout):
		return "", errors.New("it did not answer in time")
	}
}
