//go:build linux

package native

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// fillDisk has another program take all that the file system has, and returns how it gives that back.
func fillDisk(t *testing.T, dir string) (makeRoom func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	return func() { os.Remove(f.Name()) }
}

// smallDisk is a file system of its own, "" where none can be mounted.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	disk, err := os.MkdirTemp("", "masq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(disk) })
	if err := syscall.Mount("masq", disk, "tmpfs", 0, "size="+size); err != nil {
		t.Logf("no file system of its own: %v", err)
		return ""
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	return disk
}

// putUntilFull writes until what is free inside of the file is used up, too.
func (a *rpc) putUntilFull(app string) {
	value := strings.Repeat("x", 20_000)
	for i := range 2000 {
		if a.call("put", object{"app": app, "key": fmt.Sprintf("last%05d", i), "value": value}, nil) != "" {
			return
		}
	}
}

// Another program fills the disk of a store that runs. Reading, deleting and removing an application go on, also over a restart; writing is refused,
// and works again by itself. It needs a file system of its own: where none can be mounted, core/storage/bolt tests the reserve by another limit.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, "64m")
	if disk == "" {
		return
	}
	opt := Options{Dir: filepath.Join(disk, "data")}
	b := newHarness(t, opt)
	const kept, removed = "https://kept.example", "https://removed.example"
	for _, app := range []string{kept, removed} {
		b.allowed(app)
	}
	a := b.admin()
	value := strings.Repeat("x", 10_000)
	for i := range 300 { // of both in turn, so that they lie between each other
		for _, app := range []string{kept, removed} {
			if code := a.call("put", object{"app": app, "key": fmt.Sprintf("k%03d", i), "value": value}, nil); code != "" {
				t.Fatal(code)
			}
		}
	}
	for i := range 2000 {
		if code := a.call("put", object{"app": kept, "key": fmt.Sprintf("s%04d", i), "value": i}, nil); code != "" {
			t.Fatal(code)
		}
	}
	makeRoom := fillDisk(t, disk)
	put := func(size int) string {
		return a.call("put", object{"app": kept, "key": "new", "value": strings.Repeat("x", size)}, nil)
	}
	a.putUntilFull(kept)
	for range 2 {
		if code := put(10); code != "E_QUOTA" {
			t.Errorf("a put on a full disk: %q", code)
		}
		var st struct {
			Error string
			Apps  []struct{ Entries int }
		}
		if code := a.call("state", object{}, &st); code != "" || st.Error != "E_QUOTA" || len(st.Apps) != 2 || st.Apps[0].Entries == 0 {
			t.Errorf("the state is %+v, %q", st, code)
		}
		b.restart(opt)
		a = b.admin()
	}
	for i := range 2000 {
		if code := a.call("del", object{"app": kept, "key": fmt.Sprintf("s%04d", (i*7)%2000)}, nil); code != "" {
			t.Fatalf("deletion %d: %q", i, code)
		}
	}
	if code := a.call("removeApp", object{"app": removed, "data": true}, nil); code != "" {
		t.Errorf("removing an application: %q", code)
	}
	for i := range 300 {
		key := object{"app": kept, "key": fmt.Sprintf("k%03d", i)}
		if code := a.call("get", key, nil); code != "" {
			t.Fatalf("get: %q", code)
		}
		if code := a.call("del", key, nil); code != "" {
			t.Fatalf("deletion of large value %d: %q", i, code)
		}
	}
	makeRoom()
	if code := put(500_000); code != "" {
		t.Errorf("with room again: %q", code)
	}
}

// TestFullDiskOfMany: of many keys, far apart or many at once, each deletion goes through; and when enough has gone, writing works again by that alone.
func TestFullDiskOfMany(t *testing.T) {
	disk := smallDisk(t, "128m")
	if disk == "" {
		return
	}
	opt := Options{Dir: filepath.Join(disk, "data")}
	b := newHarness(t, opt)
	const app, other = "https://kept.example", "https://other.example"
	b.allowed(app)
	b.allowed(other)
	a := b.admin()
	const n = 20_000
	key := func(i int) string { return fmt.Sprintf("%s%05d", strings.Repeat("k", 100), i%n) }
	value := strings.Repeat("v", 300)
	batch := func(kind string, app string, first int) string {
		var ops []object
		for j := range 1000 {
			op := object{"type": kind, "key": key(first + j)}
			if kind == "put" {
				op["value"] = value
			}
			ops = append(ops, op)
		}
		return a.call("batch", object{"app": app, "operations": ops}, nil)
	}
	for i := 0; i < n; i += 1000 {
		for _, app := range []string{app, other} {
			if code := batch("put", app, i); code != "" {
				t.Fatal(code)
			}
		}
	}
	fillDisk(t, disk)
	a.putUntilFull(app)
	for i := range 1000 {
		if code := a.call("del", object{"app": app, "key": key(i * 7919)}, nil); code != "" {
			t.Fatalf("deletion %d: %q", i, code)
		}
	}
	for i := 0; i < n/2; i += 1000 {
		if code := batch("del", app, i); code != "" {
			t.Fatalf("deletions from %d: %q", i, code)
		}
	}
	if code := a.call("removeApp", object{"app": other, "data": true}, nil); code != "" {
		t.Errorf("removing an application: %q", code)
	}
	put := func() bool { return a.call("put", object{"app": app, "key": "new", "value": value}, nil) == "" }
	for i := 0; !put(); i++ { // what the application had goes a few blocks at a time
		if i == 1000 {
			t.Fatal("much is deleted, and nothing can be written")
		}
	}
}

// restart ends the store and begins another on the same data.
func (b *harness) restart(opt Options) {
	b.t.Helper()
	b.stop()
	opt.NoKeyring = true
	s, err := New(opt)
	if err != nil {
		b.t.Fatalf("beginning again: %v", err)
	}
	b.s = s
	b.serve(loopback(b.t)...)
	b.t.Cleanup(b.stop)
}
