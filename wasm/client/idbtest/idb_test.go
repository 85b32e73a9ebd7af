//go:build js && wasm

// Package idbtest holds the client's stores, js/src/storage.ts and js/src/opfs.ts, to the contract of core/storage, in a browser:
//
//	GOOS=js GOARCH=wasm go test -exec .ci/in-browser ./wasm/client/idbtest
//
// They are tested as they are built: the bundles come out of package web, so run "make build" first.
package idbtest

import (
	"errors"
	"io/fs"
	"strconv"
	"testing"

	"github.com/hack-pad/safejs"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/storagetest"
	"github.com/masqdev/masq/web"
)

func TestStore(t *testing.T) {
	class := evaluate(t)
	databases := 0
	open := func(t *testing.T) storage.Store {
		databases++
		name := "idbtest-" + strconv.Itoa(databases)
		t.Cleanup(func() { remove(t, name) })
		return openStore(t, class, name)
	}
	storagetest.Run(t, open, reopen(class))
}

// reopen closes a store and opens its data again.
func reopen(class safejs.Value) func(t *testing.T, s storage.Store) storage.Store {
	return func(t *testing.T, s storage.Store) storage.Store {
		name := s.(*store).name
		if err := s.Close(); err != nil {
			t.Fatal("closing to open again:", err)
		}
		return openStore(t, class, name)
	}
}

// evaluate runs the bundle and returns the class BlockStore in it.
func evaluate(t *testing.T) safejs.Value {
	code, err := fs.ReadFile(web.FS(), "storage.js")
	if err != nil {
		t.Fatal("web/dist/storage.js is not there: make build")
	}
	function := must1(safejs.Global().Get("Function"))(t)
	load := must1(function.New(string(code) + "\nreturn MasqStorage.BlockStore"))(t)
	return must1(load.Invoke())(t)
}

// store is a BlockStore behind the contract.
type store struct {
	name   string
	blocks safejs.Value
	closed bool // the contract minds a second Close, JavaScript does not
}

func openStore(t *testing.T, class safejs.Value, name string) *store {
	blocks, err := await(class.Call("open", name))
	must(t, err)
	return &store{name: name, blocks: blocks}
}

func (s *store) Commit(g storage.Commit, d storage.Durability) error {
	adds, err := toJS(g.Adds)
	if err != nil {
		return err
	}
	puts, err := toJS(g.Puts)
	if err != nil {
		return err
	}
	_, err = await(s.blocks.Call("commit", adds, puts, numbers(g.Dels), d == storage.Relaxed, float64(g.After)))
	return err
}

func (s *store) Load(ids []storage.ID) ([]storage.Block, error) {
	found, err := await(s.blocks.Call("load", numbers(ids)))
	if err != nil {
		return nil, err
	}
	out := make([]storage.Block, len(ids))
	for i, id := range ids {
		v, err := found.Index(i)
		if err != nil {
			return nil, err
		}
		out[i].ID = id
		if v.IsUndefined() {
			continue
		}
		n, err := v.Length()
		if err != nil {
			return nil, err
		}
		out[i].Data = make([]byte, n)
		if _, err := safejs.CopyBytesToGo(out[i].Data, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *store) List() ([]storage.ID, error) {
	found, err := await(s.blocks.Call("list"))
	if err != nil {
		return nil, err
	}
	n, err := found.Length()
	if err != nil {
		return nil, err
	}
	out := make([]storage.ID, n)
	for i := range out {
		v, err := found.Index(i)
		if err != nil {
			return nil, err
		}
		f, err := v.Float()
		if err != nil {
			return nil, err
		}
		out[i] = storage.ID(f)
	}
	return out, nil
}

func (s *store) Close() error {
	if s.closed {
		return storage.ErrClosed
	}
	s.closed = true
	_, err := s.blocks.Call("close")
	return err
}

// await waits for a promise. What it rejects with becomes one of the contract's errors.
func await(promise safejs.Value, err error) (safejs.Value, error) {
	if err != nil {
		return safejs.Undefined(), err
	}
	type result struct {
		value safejs.Value
		err   error
	}
	done := make(chan result, 1)
	settled := func(failed bool) safejs.Func {
		f, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
			if failed {
				done <- result{err: contractError(args[0])}
			} else {
				done <- result{value: args[0]}
			}
			return nil
		})
		if err != nil {
			panic(err)
		}
		return f
	}
	resolved, rejected := settled(false), settled(true)
	defer resolved.Release()
	defer rejected.Release()
	if _, err := promise.Call("then", resolved, rejected); err != nil {
		return safejs.Undefined(), err
	}
	r := <-done
	return r.value, r.err
}

func contractError(e safejs.Value) error {
	reason, err := e.Get("reason")
	if err != nil {
		return err
	}
	text, err := reason.String()
	if err != nil {
		return err
	}
	switch text {
	case "exists":
		return storage.ErrExists
	case "quota":
		return storage.ErrQuota
	case "closed":
		return storage.ErrClosed
	}
	return errors.New("idbtest: " + text)
}

func toJS(blocks []storage.Block) ([]any, error) {
	class, err := safejs.Global().Get("Uint8Array")
	if err != nil {
		return nil, err
	}
	out := make([]any, len(blocks))
	for i, b := range blocks {
		data, err := class.New(len(b.Data))
		if err != nil {
			return nil, err
		}
		if _, err := safejs.CopyBytesToJS(data, b.Data); err != nil {
			return nil, err
		}
		out[i] = map[string]any{"id": float64(b.ID), "data": data}
	}
	return out, nil
}

func numbers(ids []storage.ID) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = float64(id)
	}
	return out
}

func remove(t *testing.T, name string) {
	idb := must1(safejs.Global().Get("indexedDB"))(t)
	_, err := idb.Call("deleteDatabase", name)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must1(v safejs.Value, err error) func(*testing.T) safejs.Value {
	return func(t *testing.T) safejs.Value { must(t, err); return v }
}
