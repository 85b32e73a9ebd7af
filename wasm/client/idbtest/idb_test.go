//go:build js && wasm

// Package idbtest holds the client's IndexedDB store, js/src/storage.ts, to the contract of core/storage, in a browser:
//
//	GOOS=js GOARCH=wasm go test -exec .ci/in-browser ./wasm/client/idbtest
//
// It is tested as it is built: the bundle comes out of package web, so run "make build" first.
package idbtest

import (
	"errors"
	"io/fs"
	"slices"
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
	reopen := func(t *testing.T, s storage.Store) storage.Store {
		name := s.(*store).name
		if err := s.Close(); err != nil {
			t.Fatal("closing to open again:", err)
		}
		return openStore(t, class, name)
	}
	storagetest.Run(t, open, reopen)
}

// Whoever opens the data shuts out who has opened it before, which need not know of it yet.
func TestOpeningShutsOthersOut(t *testing.T) {
	class := evaluate(t)
	group := func(id storage.ID, dels ...storage.ID) storage.Group {
		return storage.Group{Adds: []storage.Block{{ID: id, Data: []byte{byte(id)}}}, Dels: dels}
	}
	t.Cleanup(func() { remove(t, "shut out") })
	first := openStore(t, class, "shut out")
	must(t, first.Commit(group(1), storage.Strict))
	second := openStore(t, class, "shut out")
	third := openStore(t, class, "shut out")
	for name, s := range map[string]*store{"first": first, "second": second} {
		if err := s.Commit(group(2, 1), storage.Relaxed); err != storage.ErrExists {
			t.Errorf("the %s commits: %v, want ErrExists", name, err)
		}
	}
	must(t, third.Commit(group(2), storage.Relaxed))
	must(t, third.Commit(group(3, 2), storage.Relaxed))
	if ids, err := third.List(); err != nil || !slices.Equal(ids, []storage.ID{1, 3}) {
		t.Errorf("there is %v, want 1 and 3 (%v)", ids, err)
	}
	if blocks, err := first.Load([]storage.ID{1}); err != nil || len(blocks[0].Data) != 1 {
		t.Error("the first finds nothing where there is something")
	}
	if _, err := first.Load([]storage.ID{1, 2}); err != storage.ErrExists {
		t.Errorf("the first loads what the third has deleted: %v, want ErrExists", err)
	}
	for _, s := range []*store{first, second, third} {
		must(t, s.Close())
	}
}

// evaluate runs the bundle and answers the class BlockStore in it.
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

func (s *store) Commit(g storage.Group, d storage.Durability) error {
	adds, err := toJS(g.Adds)
	if err != nil {
		return err
	}
	puts, err := toJS(g.Puts)
	if err != nil {
		return err
	}
	_, err = await(s.blocks.Call("commit", adds, puts, numbers(g.Dels), d == storage.Relaxed))
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
