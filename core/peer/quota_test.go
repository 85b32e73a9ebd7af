package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// kib is a JSON value of so many KiB.
func kib(n int) string { return `"` + strings.Repeat("x", n<<10-2) + `"` }

// tryIn writes, and returns the error.
func (n *node) tryIn(app string, do Verb) Code {
	n.m.t.Helper()
	id := n.do(Op{App: app, Do: do})
	r, ok := n.replies[id]
	if !ok {
		n.m.t.Fatalf("%s: %T is not answered", n.name, do)
	}
	return r.Err
}

func putOf(key, value string) Batch {
	return Batch{Writes: []Write{{Key: key, Kind: wire.JSON, Value: []byte(value)}}}
}

func (n *node) quotaIn(app string, bytes uint64) {
	n.m.t.Helper()
	n.must(Op{App: app, Do: SetQuota{Bytes: bytes}})
}

// withQuota is a store with an application that may store 1 MiB and has stored nearly that: 30 values of 32 KiB.
func withQuota(t *testing.T) *node {
	n := newStores(t, "Laptop").nodes[0]
	n.addApp(notes, "Notes")
	n.quotaIn(notes, 1<<20)
	for i := range 30 {
		n.putIn(notes, fmt.Sprint("k", i), kib(32))
	}
	return n
}

// A quota refuses only what would add.
func TestQuota(t *testing.T) {
	one := func(key, value string) Verb { return putOf(key, value) }
	for name, c := range map[string]struct {
		before func(n *node)
		do     Verb
		want   Code
	}{
		"what fits":                     {nil, one("new", kib(16)), OK},
		"what does not":                 {nil, one("new", kib(128)), EQuota},
		"in the place of as much":       {nil, one("k1", kib(32)), OK},
		"in the place of less":          {nil, one("k1", kib(160)), EQuota},
		"a deletion":                    {func(n *node) { n.quotaIn(notes, 1) }, Batch{Writes: []Write{{Key: "k1"}}}, OK},
		"a deletion of nothing":         {func(n *node) { n.quotaIn(notes, 1) }, Batch{Writes: []Write{{Key: "none"}}}, OK},
		"the same, with the quota less": {func(n *node) { n.quotaIn(notes, 1) }, one("k1", kib(32)), OK},
		"more, with the quota less":     {func(n *node) { n.quotaIn(notes, 1) }, one("k1", kib(33)), EQuota},
		"a batch that frees what it adds": {nil, Batch{Writes: []Write{
			{Key: "new", Kind: wire.JSON, Value: []byte(kib(128))}, {Key: "k1"}, {Key: "k2"}, {Key: "k3"}, {Key: "k4"},
		}}, OK},
		"an import of what is there": {nil, Import{Writes: []Write{{Key: "k1", Kind: wire.JSON, Value: []byte(kib(16))}}}, OK},
		"an import beside it":        {nil, Import{Writes: []Write{{Key: "k1", Kind: wire.JSON, Value: []byte(kib(128))}}}, EQuota},
		"after a deletion": {func(n *node) {
			n.tryIn(notes, Batch{Writes: []Write{{Key: "k1"}, {Key: "k2"}, {Key: "k3"}, {Key: "k4"}}})
		}, one("new", kib(128)), OK},
		"with a higher quota":    {func(n *node) { n.quotaIn(notes, 2<<20) }, one("new", kib(128)), OK},
		"without one":            {func(n *node) { n.quotaIn(notes, 0) }, one("new", kib(128)), OK},
		"after a restart":        {func(n *node) { n.crash() }, one("new", kib(128)), EQuota},
		"of another application": {func(n *node) { n.addApp(todo, "Todo") }, one("new", kib(16)), OK},
	} {
		t.Run(name, func(t *testing.T) {
			n := withQuota(t)
			if c.before != nil {
				c.before(n)
			}
			if got := n.tryIn(notes, c.do); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			n.m.wait(statusEvery)
			if st := n.appStatus(notes); st.Full != (c.want == EQuota) {
				t.Errorf("full: %v, %d of %d bytes", st.Full, st.Stored, st.Quota)
			}
			if got := n.tryIn(notes, Get{Key: "k29"}); got != OK {
				t.Errorf("what is stored: %q", got)
			}
		})
	}
}

// What overwriting and deleting free is counted at once, and exactly after a checkpoint.
func TestStoredFollowsWhatIsThere(t *testing.T) {
	n := withQuota(t)
	for i := range 200 {
		if got := n.tryIn(notes, putOf("k1", fmt.Sprintf(`"%d%s"`, i, strings.Repeat("y", 32<<10)))); got != OK {
			t.Fatalf("overwriting, time %d: %q", i, got)
		}
	}
	n.m.wait(1000)
	if got := n.appStatus(notes).Stored; got < 30<<15 || got > 1<<20 {
		t.Errorf("%d bytes are stored, there are %d", got, 30<<15)
	}
	for i := range 30 {
		n.tryIn(notes, Batch{Writes: []Write{{Key: fmt.Sprint("k", i)}}})
	}
	n.m.wait(1000)
	if got := n.appStatus(notes).Stored; got > 100<<10 {
		t.Errorf("%d bytes are stored when all is deleted", got)
	}
}

// What does not fit waits at its sender, and both sides say so. Everything else goes on, and it comes when there is room.
func TestQuotaHoldsWhatComes(t *testing.T) {
	for name, room := range map[string]func(full, sender *node){
		"a deletion there": func(full, _ *node) {
			for i := range 10 {
				full.tryIn(notes, Batch{Writes: []Write{{Key: fmt.Sprint("k", i)}}})
			}
		},
		"a higher quota":           func(full, _ *node) { full.quotaIn(notes, 4<<20) },
		"a deletion at the sender": func(_, sender *node) { sender.tryIn(notes, Batch{Writes: []Write{{Key: "large"}}}) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newStores(t, "Laptop", "Desk")
			full, sender := h.nodes[0], h.nodes[1]
			for _, n := range h.nodes {
				n.addApp(notes, "Notes")
				n.addApp(todo, "Todo")
			}
			full.quotaIn(notes, 1<<20)
			h.pair(full, sender)
			for i := range 30 {
				full.putIn(notes, fmt.Sprint("k", i), kib(32))
			}
			h.until("the first copy", func() bool { return sender.has(notes, "k29") })
			sender.putIn(notes, "large", kib(200))
			sender.putIn(notes, "small", `1`)
			h.until("it is told", func() bool { return full.appStatus(notes).Full && sender.appStatus(notes).Devices[0].Full })
			if full.has(notes, "large") {
				t.Error("it was taken")
			}
			if d := sender.appStatus(notes).Devices[0]; d.ToSend == 0 {
				t.Error("nothing is left to send")
			}
			full.putIn(notes, "back", `2`)
			sender.putIn(todo, "other", `3`)
			h.until("the other way, and another application", func() bool { return sender.has(notes, "back") && full.has(todo, "other") })
			h.wait(60_000)
			dials := full.dials + sender.dials
			h.wait(60_000)
			if d := full.dials + sender.dials - dials; d > 4 {
				t.Errorf("%d dials in a minute", d)
			}
			if st := full.appStatus(notes); st.Stored > st.Quota {
				t.Errorf("%d bytes of %d are stored", st.Stored, st.Quota)
			}
			room(full, sender)
			h.until("room", func() bool { return full.has(notes, "small") })
			h.until("all is well", func() bool {
				d := sender.appStatus(notes).Devices[0]
				return !full.appStatus(notes).Full && !d.Full && d.ToSend == 0
			})
		})
	}
}

// A device that knows no FULL sends all that it has in each session. It is cut off by nobody, and nothing is taken that does not fit.
func TestQuotaAndADeviceThatKnowsNone(t *testing.T) {
	h := newStores(t, "Laptop", "Desk")
	full, sender := h.nodes[0], h.nodes[1]
	for _, n := range h.nodes {
		n.addApp(notes, "Notes")
	}
	full.quotaIn(notes, 1<<20)
	h.pair(full, sender)
	wait := func(ms Millis) { // in which the sender forgets each FULL at once
		for range ms / 100 {
			for _, d := range sender.e.devices {
				if d.repl == nil {
					continue
				}
				for _, f := range d.repl.flows {
					f.stopped, f.p.full = false, false
				}
			}
			h.wait(100)
		}
	}
	for i := range 100 {
		sender.putIn(notes, fmt.Sprint("k", i), kib(32))
	}
	wait(120_000)
	st := full.appStatus(notes)
	if st.Stored > st.Quota || st.Stored < st.Quota/2 || !st.Full {
		t.Errorf("%d bytes of %d are stored, full: %v", st.Stored, st.Quota, st.Full)
	}
	sender.putIn(notes, "late", `1`)
	full.putIn(notes, "back", `1`)
	h.until("the other way", func() bool { return sender.has(notes, "back") })
	if d := sender.appStatus(notes).Devices[0]; d.ToSend == 0 {
		t.Errorf("it says %+v", d)
	}
	full.quotaIn(notes, 8<<20)
	h.until("room", func() bool { return full.has(notes, "late") && full.has(notes, "k0") && full.has(notes, "k99") })
}

func (n *node) has(app, key string) bool {
	n.m.t.Helper()
	return len(n.must(Op{App: app, Do: Get{Key: key}}).Entries) > 0
}
