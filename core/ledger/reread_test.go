package ledger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

// rival is a ledger on the same storage that is about to lose it, and goes on meanwhile.
func (h *harness) rival() *harness {
	h.t.Helper()
	r := &harness{t: h.t, store: h.store, opt: h.opt}
	r.reopen()
	r.Part(1)
	return r
}

func (h *harness) record(text string) {
	h.Append(1, []byte(text))
	h.commit()
}

func (h *harness) shorten(part string) {
	h.SetPart(1, []byte(part))
	h.Checkpoint()
	h.commit()
}

// TestOpenAmidst: what another engine commits between List and Load is no damage, and what is read is of one moment. Blocks that
// are gone without that are.
func TestOpenAmidst(t *testing.T) {
	for _, c := range []struct {
		name   string
		amidst func(r *harness, load int) // before the load-th Load
		want   error
		part   string
		items  []string
	}{
		{"nothing", func(*harness, int) {}, nil, "", []string{"a", "b", "c"}},
		{"a record", func(r *harness, n int) {
			if n == 1 {
				r.record("d")
			}
		}, nil, "", []string{"a", "b", "c"}},
		{"a checkpoint", func(r *harness, n int) {
			if n == 1 {
				r.shorten("abc")
			}
		}, nil, "abc", nil},
		{"a checkpoint, and records behind it", func(r *harness, n int) {
			if n == 1 {
				r.shorten("abc")
				r.record("d")
				r.record("e")
			}
		}, nil, "abc", []string{"d", "e"}},
		{"a checkpoint, and many records", func(r *harness, n int) {
			if n == 1 {
				r.shorten("abc")
				for range 3 * guesses {
					r.record("d")
				}
			}
		}, nil, "abc", repeated("d", 3*guesses)},
		{"one checkpoint after the other", func(r *harness, n int) {
			if n <= 3 {
				r.record("x")
				r.shorten(fmt.Sprint(n))
			}
		}, nil, "3", nil},
		{"checkpoints for ever", func(r *harness, n int) { r.record("x"); r.shorten(fmt.Sprint(n)) }, ErrDamaged, "", nil},
		{"the last record is gone", func(r *harness, n int) { r.del(storage.Log | 4) }, ErrDamaged, "", nil},
		{"one between them is gone", func(r *harness, n int) { r.del(storage.Log | 3) }, ErrDamaged, "", nil},
		{"the first is gone", func(r *harness, n int) { r.del(storage.Log | 1) }, ErrDamaged, "", nil},
		{"all is gone", func(r *harness, n int) {
			for id := range r.raw() {
				r.del(id)
			}
		}, ErrDamaged, "", nil},
	} {
		for _, fenced := range []bool{false, true} { // then records stay, emptied
			t.Run(fmt.Sprint(c.name, ", fenced ", fenced), func(t *testing.T) {
				h := newHarness(t, Options{})
				h.shorten("")
				for _, x := range []string{"a", "b", "c"} {
					if fenced {
						h.Fence()
					}
					h.record(x)
				}
				r := h.rival()
				got := h.openAmidst(func(n int) { c.amidst(r, n) })
				if !errors.Is(got, c.want) {
					t.Fatalf("open: %v, want %v", got, c.want)
				}
				if got == nil {
					h.wantPart(1, c.part, c.items...)
				}
			})
		}
	}
}

func repeated(s string, n int) (out []string) {
	for range n {
		out = append(out, s)
	}
	return out
}

// openAmidst opens with something happening before each Load.
func (h *harness) openAmidst(before func(load int)) error {
	ids, err := h.store.List()
	if err != nil {
		h.t.Fatal(err)
	}
	h.Ledger = New(testVault(), ids, h.opt)
	for n := 1; ; n++ {
		err := h.Ledger.Open()
		if !errors.Is(err, ErrWait) {
			return err
		}
		before(n)
		blocks, err := h.store.Load(h.Wanted())
		if err != nil {
			h.t.Fatal(err)
		}
		if err := h.Loaded(blocks); err != nil {
			return err
		}
	}
}

// TestBlockGone: a block that is gone when the ledger is open is another engine's doing if that has put a manifest before this one has
// committed anything. Else it is damage.
func TestBlockGone(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(h, r *harness, id storage.ID)
		want error
	}{
		{"deleted by another engine", func(_, r *harness, id storage.ID) { r.DelBlock(id); r.shorten("new") }, storage.ErrExists},
		{"damaged", func(h, _ *harness, id storage.ID) { h.del(id) }, ErrDamaged},
		{"damaged, and this one has committed", func(h, _ *harness, id storage.ID) { h.Fence(); h.commit(); h.del(id) }, ErrDamaged},
		{"damaged, and this one has taken a checkpoint", func(h, _ *harness, id storage.ID) { h.shorten("new"); h.del(id) }, ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, Options{})
			id := h.AddBlock(storage.Segment, []byte("s"))
			h.shorten("part")
			h.reopen()
			h.Part(1)
			h.Refer(id)
			c.do(h, h.rival(), id)
			if err := h.wait(func() error { _, err := h.Block(id); return err }); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestBlockGoneInFlight: while the first commit is on its way, its outcome decides.
func TestBlockGoneInFlight(t *testing.T) {
	h := newHarness(t, Options{})
	id := h.AddBlock(storage.Segment, []byte("s"))
	h.shorten("part")
	h.reopen()
	h.Part(1)
	h.SetPart(1, []byte("new"))
	h.Checkpoint()
	commit := h.Begin()
	h.del(id)
	if _, err := h.Block(id); !errors.Is(err, ErrWait) {
		t.Fatal(err)
	}
	blocks, _ := h.store.Load(h.Wanted())
	if err := h.Loaded(blocks); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Block(id); !errors.Is(err, ErrWait) || len(h.Wanted()) != 0 {
		t.Errorf("%v before it is known whose the data is", err)
	}
	if err := h.store.Commit(commit, storage.Strict); err != nil {
		t.Fatal(err)
	}
	h.Committed()
	if _, err := h.Block(id); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, want damage", err)
	}
}
