package ledger

import (
	"errors"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

// TestRecover: after a commit that failed the ledger is what another one would be that is opened on the same storage, and goes on.
func TestRecover(t *testing.T) {
	history := map[string]func(h *harness){
		"nothing": func(*harness) {},
		"records": func(h *harness) { h.SetMeta("k", []byte("v")); h.commit(); h.Append(1, []byte("item")); h.commit() },
		"a checkpoint": func(h *harness) {
			h.Fence()
			h.SetMeta("k", []byte("v"))
			h.commit()
			h.SetPart(1, []byte("part"))
			h.Checkpoint()
			h.commit()
		},
		"records behind it": func(h *harness) {
			h.Fence()
			h.commit()
			h.SetPart(1, []byte("part"))
			h.Checkpoint()
			h.commit()
			h.Append(1, []byte("item"))
			h.commit()
		},
	}
	lost := map[string]func(h *harness){
		"a setting": func(h *harness) { h.SetMeta("k", []byte("w")); h.SetMeta("new", []byte("1")) },
		"an item":   func(h *harness) { h.Append(1, []byte("more")) },
		"a fence":   func(h *harness) { h.Fence() },
		"a checkpoint": func(h *harness) {
			h.AddBlock(storage.Segment, []byte("s"))
			h.SetPart(1, []byte("new"))
			h.Checkpoint()
		},
	}
	for before, history := range history {
		for what, lose := range lost {
			for _, landed := range []bool{false, true} {
				t.Run(before+", then "+what+map[bool]string{true: " that is there after all"}[landed], func(t *testing.T) {
					h := newHarness(t, Options{})
					history(h)
					lose(h)
					commit := h.Begin()
					h.SetMeta("k", []byte("what fills the next one"))
					if landed {
						if err := h.store.Commit(commit, storage.Strict); err != nil {
							t.Fatal(err)
						}
					}
					h.Recover()
					if err := h.wait(h.Ledger.Open); err != nil {
						t.Fatal(err)
					}
					if h.Pending() != (what == "a fence" && !landed) {
						t.Errorf("pending: %v", h.Pending())
					}
					other := &harness{t: t, store: h.store.Reopen()}
					other.reopen()
					want := map[string]string{}
					for k, v := range other.meta {
						want[k] = string(v)
					}
					h.wantMeta(want)
					part, items := other.Part(1)
					var list []string
					for _, it := range items {
						list = append(list, string(it))
					}
					h.wantPart(1, string(part), list...)
					if h.next != other.next || h.first != other.first || len(h.fences) != len(other.fences) {
						t.Errorf("records %d to %d, %d fences; want %d to %d, %d", h.first, h.next, len(h.fences), other.first, other.next, len(other.fences))
					}
					h.SetMeta("then", []byte("1"))
					h.commit()
					h.SetPart(1, []byte("later"))
					h.Checkpoint()
					h.commit()
					want["then"] = "1"
					h.reopen()
					h.wantMeta(want)
					h.wantPart(1, "later")
				})
			}
		}
	}
}

// TestRecoverFenced: a commit may have failed of another engine's, though storage does not say so.
func TestRecoverFenced(t *testing.T) {
	for _, then := range []func(h *harness){func(*harness) {}, func(h *harness) { h.Checkpoint(); h.commit() }} {
		h := newHarness(t, Options{})
		h.SetMeta("k", []byte("v"))
		h.commit()
		other := &harness{t: t, store: h.store.Reopen()}
		other.reopen()
		other.SetMeta("k", []byte("of another"))
		other.Fence()
		other.commit()
		then(other)
		h.SetMeta("k", []byte("w"))
		h.Begin()
		h.Recover()
		if err := h.wait(h.Ledger.Open); !errors.Is(err, storage.ErrExists) {
			t.Errorf("%v, want ErrExists", err)
		}
	}
}

// TestRecoverOvertaken: while the first commit failed an older engine went on, which is not fenced yet.
func TestRecoverOvertaken(t *testing.T) {
	for _, since := range [][]func(*harness){
		{func(h *harness) { h.record("a") }},
		{func(h *harness) { h.shorten("part") }},
		{func(h *harness) { h.record("a") }, func(h *harness) { h.record("b") }, func(h *harness) { h.shorten("part") }},
	} {
		for _, before := range []func(*harness){func(*harness) {}, func(h *harness) { h.shorten("") }} {
			older := newHarness(t, Options{})
			older.Fence()
			older.record("first")
			before(older)
			h := older.rival()
			h.Fence()
			h.Begin()
			older.all(since)
			h.Recover()
			if err := h.wait(h.Ledger.Open); !errors.Is(err, storage.ErrExists) {
				t.Errorf("%v, want ErrExists", err)
			}
		}
	}
}

// TestRecoverDamaged: what was committed is missing.
func TestRecoverDamaged(t *testing.T) {
	h := newHarness(t, Options{})
	for range 3 {
		h.SetMeta("k", []byte("v"))
		h.commit()
	}
	h.SetMeta("k", []byte("w"))
	h.Begin()
	h.del(storage.Log | 3)
	h.Recover()
	if err := h.wait(h.Ledger.Open); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, want ErrDamaged", err)
	}
}
