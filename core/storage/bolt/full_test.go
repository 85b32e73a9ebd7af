//go:build linux

package bolt_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
)

// TestFullDisk fills a small file system of its own, where the system lets this program mount one; TestFileLimit needs nothing.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("masq", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Logf("no file system of its own (%v): TestFileLimit tests the same by another limit", err)
		return
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := fill(filepath.Join(dir, "masq.db"), func() error { return os.Remove(ballast) }); err != nil {
		t.Error(err)
	}
}

// TestFileLimit does it in a process of its own that may not write files longer than 1 MiB, until it raises its limit.
func TestFileLimit(t *testing.T) {
	below(t)
}

func below(t *testing.T, env ...string) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(append(os.Environ(), "MASQ_BOLT_FILL="+filepath.Join(t.TempDir(), "masq.db")), env...)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "filled\n" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestMain(m *testing.M) {
	if path := os.Getenv("MASQ_BOLT_FILL"); path != "" {
		test := fillBelowLimit
		if os.Getenv("MASQ_BOLT_RESERVE") != "" {
			test = reserveBelowLimit
		}
		if err := test(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("filled")
		return
	}
	os.Exit(m.Run())
}

func fillBelowLimit(path string) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	low := limit
	low.Cur = 1000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &low); err != nil {
		return err
	}
	if _, err := bolt.Open(path); !errors.Is(err, storage.ErrQuota) {
		return fmt.Errorf("no room for a new database is %v", err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 0 {
		return fmt.Errorf("something is left of it: %v, %v", files, err)
	}
	low.Cur = 1 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &low); err != nil {
		return err
	}
	return fill(path, func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit) })
}

// fill writes until there is no room, several times; makes some, writes on, and looks at everything. Between that it opens anew.
func fill(path string, makeRoom func() error) error {
	s, err := bolt.Open(path)
	if err != nil {
		return err
	}
	next := storage.Log
	for round := range 6 {
		before, limit := next, storage.ID(4000) // 12 MB
		if round == 5 {
			limit = 100
		}
		for err = nil; err == nil && next-before < limit; {
			if err = s.Commit(storage.Commit{Adds: []storage.Block{block(next)}}, storage.Strict); err == nil {
				next++
			}
		}
		full := round < 5
		switch {
		case full && !errors.Is(err, storage.ErrQuota):
			return fmt.Errorf("round %d: no room is %v", round, err)
		case !full && (err != nil || next == before):
			return fmt.Errorf("with room again: %v", err)
		}
		if err := holds(s, next); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		if round%2 == 1 { // with an error in between, and opened again
			if err := s.Close(); err != nil {
				return err
			}
			if s, err = bolt.Open(path); err != nil {
				return fmt.Errorf("opening when there is no room: %w", err)
			}
			if err := holds(s, next); err != nil {
				return err
			}
		}
		if round == 4 {
			if err := makeRoom(); err != nil {
				return err
			}
		}
	}
	return s.Close()
}

// block is the content that id has in these tests.
func block(id storage.ID) storage.Block {
	data := make([]byte, 3000)
	for i := range data {
		data[i] = byte(uint64(id) + uint64(i)>>4)
	}
	return storage.Block{ID: id, Data: data}
}

// holds checks that the log up to end, and nothing else, is there.
func holds(s storage.Store, end storage.ID) error {
	ids, err := s.List()
	if err != nil || len(ids) != int(end-storage.Log) {
		return fmt.Errorf("%d blocks, want %d: %v", len(ids), end-storage.Log, err)
	}
	blocks, err := s.Load(ids)
	if err != nil {
		return err
	}
	for i, b := range blocks {
		want := block(storage.Log + storage.ID(i))
		if b.ID != want.ID || string(b.Data) != string(want.Data) {
			return fmt.Errorf("block %x is not what it was", b.ID)
		}
	}
	return nil
}
