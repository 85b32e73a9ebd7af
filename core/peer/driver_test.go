package peer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// A timer may go off a little before the clock says so. The engine asks for another then, for the driver has none left.
func TestTickTooEarlyIsAskedForAgain(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	h.pair(h.nodes[0], h.nodes[1])
	h.until("first copy", h.converged)
	h.wait(60_000)
	n := h.nodes[0]
	at := n.wakeAt
	if at <= h.now {
		t.Fatalf("nothing is waited for at %d: %d", h.now, at)
	}
	n.wakeAt = 0
	h.now = at - 1
	n.step(Tick{})
	if n.wakeAt != at {
		t.Errorf("a Tick at %d for WakeAt %d: asked for %d", h.now, at, n.wakeAt)
	}
}

// Others are dialled when the first operations are answered, and that is on its way; and some time even if they are not.
func TestOthersAreDialledBehindTheFirstAnswers(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	n := h.nodes[0]
	h.pair(n, h.nodes[1])
	for i := range 100 {
		n.put(fmt.Sprintf("k/%03d", i), `"`+strings.Repeat("x", 40_000)+`"`)
	}
	const never = 2 * dialAtLast
	get := &Op{ID: 1 << 40, Do: Get{Key: "k/007"}}
	for _, c := range []struct {
		name   string
		asks   Events
		answer Millis // after how long the storage answers what that needs
		want   Millis // after how long others are dialled
	}{
		{"nothing is asked", nil, never, dialAfter},
		{"answered soon", Events{get}, dialAfter - 1, dialAfter},
		{"answered late: in the Step behind that", Events{get}, dialAfter + 60, dialAfter + 61},
		{"not answered", Events{get}, never, dialAtLast},
	} {
		h.now += 60_000
		n.crash()
		n.step(c.asks) // what the storage is asked waits in the harness’s queue
		start := h.now
		for answered := false; len(n.conns) == 0 && h.now <= start+dialAtLast; {
			if at := start + c.answer; !answered && at <= n.wakeAt {
				h.now, answered = at, true
				h.run()
				continue
			}
			h.now, n.wakeAt = n.wakeAt, 0
			n.step(Tick{})
		}
		if got := h.now - start; len(n.conns) == 0 || got != c.want {
			t.Errorf("%s: %d dialled after %d ms, want %d", c.name, len(n.conns), got, c.want)
		}
		h.run()
	}
}

// Failed is the last that an engine asks for.
func TestNothingAfterFailed(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	h.pair(h.nodes[0], h.nodes[1])
	h.until("first copy", h.converged)
	var out Actions
	e := h.nodes[0].e
	e.Step(h.now, &Op{ID: 1 << 40, Do: Batch{Writes: []Write{{Key: "k", Kind: 1, Value: []byte("1")}}}}, &out)
	out.Reset()
	e.Step(h.now+40_000, Committed{Err: storage.ErrExists}, &out)
	if n := len(out.List); n == 0 {
		t.Error("nothing happened")
	} else if f, ok := out.List[n-1].(Failed); !ok || f.Err != EFenced {
		t.Errorf("the last action is %#v", out.List[n-1])
	}
	out.Reset()
	e.Step(h.now+80_000, Tick{}, &out)
	if len(out.List) != 0 {
		t.Errorf("asked for %#v after Failed", out.List)
	}
}

// A batch of none is answered when all that was before it is stored, and at once if that is so.
func TestBatchOfNone(t *testing.T) {
	h := newHarness(t, "Laptop")
	e := h.nodes[0].e
	const put, during, after = 1 << 40, 1<<40 + 1, 1<<40 + 2
	for _, c := range []struct {
		ev   Event
		want []uint64
	}{
		{&Op{ID: put, Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte("1")}}}}, nil},
		{&Op{ID: during, Do: Batch{}}, nil},
		{Committed{}, []uint64{put, during}},
		{&Op{ID: after, Do: Batch{}}, []uint64{after}},
	} {
		var out Actions
		e.Step(h.now, c.ev, &out)
		var got []uint64
		for _, a := range out.List {
			if r, ok := a.(Reply); ok && r.Err == OK {
				got = append(got, r.Op)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%#v: answers to %d, want to %d", c.ev, got, c.want)
		}
	}
}

// Days are reckoned by the Sync Server's clock when the own one is wrong, however often that is set.
func TestClockIsSetAgainAndAgain(t *testing.T) {
	const day = 86_400_000
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	for i, days := range []int64{2, -3, 5, 0, 1} {
		b.ahead = days * day
		b.crash()
		b.wakeAt = h.now
		key := string(rune('a' + i))
		a.put(key, `1`)
		h.until("in session", func() bool { return b.get(key) == `1` })
		b.ahead += 9 * day // set while it runs; the session stands, and ends some time
		h.wait(1000)
		for id, s := range h.conns {
			if s.n == b {
				h.drop(id)
			}
		}
		a.put(key, `2`)
		h.until("in session again", func() bool { return b.get(key) == `2` })
	}
}

// What comes with the event that an engine fails of is answered before it says so.
func TestFailedComesBehindEveryAnswer(t *testing.T) {
	h := newHarness(t, "Laptop")
	e := h.nodes[0].e
	var out Actions
	e.Step(h.now, &Op{ID: 1 << 40, Do: Batch{Writes: []Write{{Key: "k", Kind: 1, Value: []byte("1")}}}}, &out)
	out.Reset()
	e.Step(h.now, Events{Committed{Err: storage.ErrExists}, &Op{ID: 1<<40 + 1, Do: Get{Key: "k"}}}, &out)
	if n := len(out.List); n != 3 {
		t.Fatalf("%d actions: %#v", n, out.List)
	} else if _, ok := out.List[n-1].(Failed); !ok {
		t.Errorf("the last action is %#v", out.List[n-1])
	}
}
