package localstore

import (
	"io"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
)

// brittle is randomness that makes whoever reads it panic, while it is told to.
type brittle struct {
	io.Reader
	broken bool
}

func (b *brittle) Read(p []byte) (int, error) {
	if b.broken {
		panic("a bug that somebody has found")
	}
	return b.Reader.Read(p)
}

// A panic in the engine ends what it was about: who waits is told, another engine goes on from what is stored, and after too many of
// them the store stops.
func TestPanic(t *testing.T) {
	h := newHarness(t)
	b := &brittle{Reader: h.rand}
	var where []string
	h.other = func(a Action) bool {
		if a, ok := a.(Bug); ok {
			where = append(where, a.Where)
			return true
		}
		return false
	}
	h.rand = b
	h.start()
	c, k := h.app(notes)
	c.must("put", `{"key":"k","value":1}`)
	for i := range maxPanics {
		b.broken = true
		if got := c.call("put", `{"key":"l","value":2}`).code(); got != peer.EInternal {
			t.Fatalf("%d: put: %q", i, got)
		}
		b.broken = false
		if got := c.call("get", `{"key":"k"}`).code(); got != peer.EInternal && c.closed.Code != CloseRestart {
			t.Errorf("%d: get: %q", i, got)
		}
		h.wait(reopenMost)
		if c.closed.Code != CloseRestart {
			t.Errorf("%d: closed with %d", i, c.closed.Code)
		}
		c = h.web(notes).comeIn(k, notes)
		if got := c.must("get", `{"key":"k"}`); got != `{"value":1}` {
			t.Errorf("%d: there is %s", i, got)
		}
	}
	if len(where) != maxPanics || !strings.Contains(where[0], "a bug that somebody has found\n\t") || strings.Contains(where[0], "0x") {
		t.Errorf("said: %q", where)
	}
	if h.failed != peer.OK {
		t.Errorf("failed with %q", h.failed)
	}
	b.broken = true
	c.call("put", `{"key":"l","value":2}`)
	if h.failed != peer.EInternal {
		t.Errorf("one too many: %q", h.failed)
	}
}
