package native

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// ring is a keyring in memory, which may be locked.
type ring struct {
	mu     sync.Mutex
	texts  map[string]string
	locked bool
}

var errLocked = errors.New("locked")

func (r *ring) get(name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text, ok := r.texts[name]; ok && !r.locked {
		return text, nil
	}
	return "", errLocked
}

func (r *ring) set(name, text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.locked {
		return errLocked
	}
	if r.texts == nil {
		r.texts = map[string]string{}
	}
	r.texts[name] = text
	return nil
}

func keyFile(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, keyName))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestKeyStays: the key that was made is the key for ever, wherever it is kept.
func TestKeyStays(t *testing.T) {
	for name, c := range map[string]struct {
		ring keys
		word string
	}{
		"no keyring":       {nil, keyWord},
		"a keyring":        {&ring{}, keyringWord},
		"a locked keyring": {&ring{locked: true}, keyWord},
	} {
		dir := t.TempDir()
		first, err := storeKey(dir, c.ring)
		if err != nil || first == [32]byte{} {
			t.Fatalf("%s: %v", name, err)
		}
		if again, err := storeKey(dir, c.ring); err != nil || again != first {
			t.Errorf("%s: another key the second time: %v", name, err)
		}
		if !strings.HasPrefix(keyFile(t, dir), c.word) {
			t.Errorf("%s: it is in the wrong place", name)
		}
		if info, err := os.Stat(filepath.Join(dir, keyName)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Errorf("%s: %d files, %v", name, len(files), err)
		}
		if c.word == keyWord { // a keyring that comes later changes nothing
			if again, err := storeKey(dir, &ring{}); err != nil || again != first {
				t.Errorf("%s: another key with a keyring: %v", name, err)
			}
		}
	}
}

// TestNeverASecondKey: where there is data, or the word of a key, there is that key or an error.
func TestNeverASecondKey(t *testing.T) {
	const good = keyWord + "0101010101010101010101010101010101010101010101010101010101010101\n"
	const inRing = keyringWord + "01010101010101010101010101010101\n"
	for name, c := range map[string]struct {
		file string
		mode os.FileMode
		ring keys
		want error
	}{
		"data alone":              {"", 0, nil, ErrNoKey},
		"data alone, a keyring":   {"", 0, &ring{}, ErrNoKey},
		"a key":                   {good, 0o600, nil, nil},
		"no line end":             {good[:68], 0o600, nil, nil},
		"a short key":             {good[:60] + "\n", 0o600, nil, ErrBadKey},
		"a long key":              {good[:68] + "00\n", 0o600, nil, ErrBadKey},
		"another word":            {"Key " + good[4:], 0o600, nil, ErrBadKey},
		"no file's end":           {strings.Repeat("k", 10_000), 0o600, nil, ErrBadKey},
		"others may read it":      {good, 0o644, nil, ErrKeyExposed},
		"in the keyring, not me":  {inRing, 0o600, nil, ErrKeyInRing},
		"not in the keyring":      {inRing, 0o600, &ring{}, ErrKeyring},
		"in the keyring, no key":  {inRing, 0o600, &ring{texts: map[string]string{inRing[8:40]: "text"}}, ErrKeyring},
		"in the keyring":          {inRing, 0o600, &ring{texts: map[string]string{inRing[8:40]: good[4:68]}}, nil},
		"in the keyring, no name": {keyringWord + "\n", 0o600, &ring{}, ErrBadKey},
	} {
		if runtime.GOOS == "windows" && c.want == ErrKeyExposed {
			continue
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, databaseName), []byte("data"), 0o600); err != nil {
			t.Fatal(err)
		}
		if c.file != "" {
			path := filepath.Join(dir, keyName)
			if err := errors.Join(os.WriteFile(path, []byte(c.file), c.mode), os.Chmod(path, c.mode)); err != nil {
				t.Fatal(err)
			}
		}
		key, err := storeKey(dir, c.ring)
		if !errors.Is(err, c.want) || (err == nil) != (key[0] == 1 && key[31] == 1) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "0101") {
			t.Errorf("%s: the error shows too much: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, keyName)); c.file == "" && err == nil {
			t.Errorf("%s: a new key was written", name)
		}
	}
}

// TestKeyOfTwo: programs that start at once agree on one key.
func TestKeyOfTwo(t *testing.T) {
	for _, r := range []keys{nil, &ring{}} {
		dir := t.TempDir()
		var got [8][32]byte
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				var err error
				if got[i], err = storeKey(dir, r); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, key := range got {
			if key != got[0] {
				t.Error("two keys")
			}
		}
	}
}

// FuzzKeyFile: whatever is in the file, it is a key or an error, and the file stays as it is.
func FuzzKeyFile(f *testing.F) {
	for _, s := range []string{"", "key ", "key 01\n", "keyring 01010101010101010101010101010101\n", "key " + strings.Repeat("ab", 32)} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, keyName)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := storeKey(dir, &ring{}); err == nil && !strings.HasPrefix(text, keyWord) {
			t.Errorf("%q is a key", text)
		}
		if keyFile(t, dir) != text {
			t.Error("the file has changed")
		}
	})
}
