//go:build linux

package bolt_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
)

// TestReserve has another program fill a small file system; TestReserveBelowLimit needs none of its own.
func TestReserve(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("masq", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Logf("no file system of its own (%v): TestReserveBelowLimit tests the same by another limit", err)
		return
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	fill := func() error {
		f, err := os.Create(ballast)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("filling the disk: %w", err)
		}
		return nil
	}
	for name, use := range uses {
		path := filepath.Join(dir, name)
		if err := use(path, fill, func() error { return os.Remove(ballast) }); err != nil {
			t.Error(err)
		}
		os.Remove(path)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestReserveBelowLimit(t *testing.T) { below(t, "MASQ_BOLT_RESERVE=yes") }

// uses is what is done on a disk that another program fills.
var uses = map[string]func(path string, fill, makeRoom func() error) error{"reserve": useReserve, "late": useLate}

func reserveBelowLimit(path string) error {
	for name, use := range uses {
		if err := belowLimit(path+name, use); err != nil {
			return err
		}
	}
	return nil
}

// belowLimit has no file become longer than the database is.
func belowLimit(path string, use func(path string, fill, makeRoom func() error) error) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	fill := func() error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		low := limit
		low.Cur = uint64(info.Size())
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &low)
	}
	return use(path, fill, func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit) })
}

const large = 500_000

// useReserve writes, has the disk filled, deletes in every way that the engine has, and writes again when there is room. On the way it opens anew.
func useReserve(path string, fill, makeRoom func() error) error {
	s, err := bolt.Open(path)
	if err != nil {
		return err
	}
	if err := useOwed(s, fill, makeRoom); err != nil {
		return err
	}
	for i := range storage.ID(8) {
		if err := s.Commit(storage.Commit{Adds: []storage.Block{sized(storage.Segment|i, large)}}, storage.Strict); err != nil {
			return err
		}
	}
	if err := fill(); err != nil {
		return err
	}
	log := storage.Log
	record := func(size int, dels ...storage.ID) error {
		g := storage.Commit{Adds: []storage.Block{sized(log, size)}, Dels: dels}
		err := s.Commit(g, storage.Strict)
		if err == nil {
			log++
		}
		return err
	}
	for round := range 2 {
		if err := refuses(s, record); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		frees := storage.Commit{Adds: []storage.Block{sized(log, large)}, Frees: true}
		if err := s.Commit(frees, storage.Strict); err != nil {
			return fmt.Errorf("round %d: what is large and frees: %w", round, err)
		}
		log++
		for i := range 100 {
			if err := record(1000); err != nil {
				return fmt.Errorf("round %d: deletion %d, by a log record: %w", round, i, err)
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
		if s, err = bolt.Open(path); err != nil {
			return fmt.Errorf("opening when there is no room: %w", err)
		}
		if err := record(1000); err != nil {
			return fmt.Errorf("round %d: the first record of a start: %w", round, err)
		}
		if !s.Full() {
			return errors.New("opened again it does not know that the disk is full")
		}
		dels := []storage.ID{storage.Segment | storage.ID(round)}
		for id := storage.Log; id < log; id++ {
			dels = append(dels, id)
		}
		if err := record(large/2, dels...); err != nil {
			return fmt.Errorf("round %d: a checkpoint: %w", round, err)
		}
	}
	if ids, err := s.List(); err != nil || len(ids) != 7 {
		return fmt.Errorf("there are %d blocks: %w", len(ids), err)
	}
	if err := makeRoom(); err != nil {
		return err
	}
	if s.Full() {
		return errors.New("there is room, and it says that there is none")
	}
	for range 8 {
		if err := record(large); err != nil {
			return fmt.Errorf("with room again: %w", err)
		}
	}
	return s.Close()
}

// useOwed has the disk filled when a checkpoint owes more than the reserve, and then takes the checkpoint.
func useOwed(s *bolt.Store, fill, makeRoom func() error) error {
	const owed = 6 * large
	g := storage.Commit{Adds: []storage.Block{sized(storage.Log, 1000)}, Owes: owed}
	if err := s.Commit(g, storage.Strict); err != nil {
		return err
	}
	if err := fill(); err != nil {
		return err
	}
	g = storage.Commit{Dels: []storage.ID{storage.Log}}
	for i := range owed / large {
		g.Adds = append(g.Adds, sized(storage.Page|storage.ID(i), large))
	}
	if err := s.Commit(g, storage.Strict); err != nil {
		return fmt.Errorf("a checkpoint of what was owed: %w", err)
	}
	g = storage.Commit{}
	for i := range owed / large {
		g.Dels = append(g.Dels, storage.Page|storage.ID(i))
	}
	return errors.Join(s.Commit(g, storage.Strict), makeRoom())
}

// useLate deletes large blocks from among others, which bbolt has to write anew, until nothing but these is left, and looks at what is there.
func useLate(path string, fill, makeRoom func() error) error {
	const count, small = 40, 1000
	s, err := bolt.Open(path)
	if err != nil {
		return err
	}
	var all []storage.ID
	add := func(id storage.ID, size int) error {
		return s.Commit(storage.Commit{Adds: []storage.Block{sized(id, size)}, Frees: true}, storage.Strict)
	}
	for i := range storage.ID(count) {
		all = append(all, storage.Segment|(i+small))
		if err := errors.Join(add(storage.Segment|(i+small), large), add(storage.Segment|i, 3000), add(storage.Log|i, 3000)); err != nil {
			return err
		}
	}
	if err := fill(); err != nil {
		return err
	}
	others := storage.ID(0) // small ones, until nothing is left of the reserve
	for ; err == nil; others++ {
		err = add(storage.Page|others, 30_000)
	}
	others += 2*count - 1
	check := func(want int) error {
		ids, err := s.List()
		if err != nil || len(ids) != want {
			return fmt.Errorf("%d blocks are there, not %d: %w", len(ids), want, err)
		}
		blocks, err := s.Load(all)
		for i, b := range blocks {
			if left := i%2 == 0; left != (b.Data != nil) {
				return fmt.Errorf("block %d is there: %v", i, !left)
			}
		}
		return err
	}
	for i := range storage.ID(count / 2) {
		g := storage.Commit{Puts: []storage.Block{sized(storage.Log|i, 3000)}, Dels: []storage.ID{all[2*i+1]}}
		if err := s.Commit(g, storage.Strict); err != nil {
			return fmt.Errorf("deletion %d: %w", i, err)
		}
	}
	if err := check(count/2 + int(others)); err != nil {
		return err
	}
	if err := makeRoom(); err != nil {
		return err
	}
	for i := range storage.ID(count) { // who deleted it may have another
		if err := s.Commit(storage.Commit{Adds: []storage.Block{sized(storage.Page|1<<40|i, 100)}}, storage.Strict); err != nil {
			return err
		}
	}
	again := storage.Commit{Adds: []storage.Block{sized(all[1], 100)}}
	if err := s.Commit(again, storage.Strict); err != nil {
		return fmt.Errorf("adding what was deleted: %w", err)
	}
	if err := errors.Join(s.Commit(storage.Commit{Dels: []storage.ID{all[1]}}, storage.Strict), s.Close()); err != nil {
		return err
	}
	if s, err = bolt.Open(path); err != nil {
		return err
	}
	return errors.Join(check(count+count/2+int(others)), s.Close())
}

// refuses checks that nothing large is taken until no room is left but the reserve, and that all is read.
func refuses(s *bolt.Store, record func(size int, dels ...storage.ID) error) error {
	var err error
	for n := 0; err == nil; n++ {
		if err = record(large); n > 40 {
			return errors.New("there is no end of room")
		}
	}
	if !errors.Is(err, storage.ErrQuota) {
		return fmt.Errorf("something large is %w", err)
	}
	for !s.Full() {
		if err := record(50_000); err != nil {
			return fmt.Errorf("something small before only the reserve is left: %w", err)
		}
	}
	ids, err := s.List()
	if err != nil {
		return err
	}
	_, err = s.Load(ids)
	return err
}

func sized(id storage.ID, size int) storage.Block {
	return storage.Block{ID: id, Data: make([]byte, size)}
}
