package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

func TestAlone(t *testing.T) {
	h := newHarness(t, "Laptop")
	n := h.nodes[0]
	n.must(Op{Do: Watch{Prefix: "note/"}})
	n.put("note/1", `"one"`)
	n.put("note/2", `"two"`)
	n.put("other", `1`)
	n.del("note/1")
	if got, want := n.all(), "note/2=\"two\"\nother=1\n"; got != want {
		t.Errorf("content %q, want %q", got, want)
	}
	if len(n.changes) != 3 {
		t.Errorf("watch saw %d changes, want 3: %+v", len(n.changes), n.changes)
	}
	n.crash()
	if got, want := n.all(), "note/2=\"two\"\nother=1\n"; got != want {
		t.Errorf("after a crash: content %q, want %q", got, want)
	}
	if n.status.Sync != SyncOff {
		t.Errorf("sync %d, want off", n.status.Sync)
	}
}

func TestPairAndSync(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	a.put("note/1", `"from the laptop"`)
	b.put("note/2", `"from the phone"`)
	h.pair(a, b)
	h.until("first copy", h.converged)
	if got := a.get("note/2"); got != `"from the phone"` {
		t.Errorf("the joiner's own data did not come along: %q", got)
	}
	b.must(Op{Do: Watch{}})
	a.put("note/3", `"live"`)
	if got := b.get("note/3"); got != `"live"` {
		t.Errorf("live update: %q", got)
	}
	if len(b.changes) != 1 || b.changes[0].Device != "Laptop" {
		t.Errorf("watch: %+v", b.changes)
	}
	h.until("status says so", func() bool {
		return a.status.Sync == SyncOnline && len(a.status.Devices) == 1 && a.status.Devices[0].ToSend == 0 && a.status.Devices[0].Name == "Phone"
	})
}

func TestOutageAndConflict(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	a.put("note", `"old"`)
	h.until("in sync", h.converged)
	a.must(Op{Do: Watch{Prefix: "note"}})
	b.must(Op{Do: Watch{Prefix: "note"}})
	h.outage()
	a.put("note", `"laptop"`)
	b.put("note", `"phone"`)
	a.put("only/a", `1`)
	b.put("only/b", `2`)
	h.until("knows of the outage", func() bool { return a.status.Sync == SyncConnecting && a.status.Devices[0].ToSend == 2 })
	h.up = true
	h.until("converged", h.converged)
	if got := a.all(); !strings.Contains(got, " / ") || !strings.Contains(got, "laptop") || !strings.Contains(got, "phone") {
		t.Errorf("both versions should be there: %s", got)
	}
	for _, n := range h.nodes { // also the one whose own version get goes on answering
		if last := n.changes[len(n.changes)-1]; last.Key != "note" || last.Others != 1 {
			t.Errorf("%s was not told of the other version: %+v", n.name, last)
		}
	}
	before := a.all()
	a.crash()
	b.crash()
	if a.all() != before || b.all() != before {
		t.Errorf("after restart: %s / %s, want %s", a.all(), b.all(), before)
	}
	a.put("note", `"settled"`)
	h.until("converged again", h.converged)
	if got := b.all(); strings.Contains(got, " / ") {
		t.Errorf("conflict should be over: %s", got)
	}
}

func TestThreeDevices(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone", "Tablet")
	a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
	h.pair(a, b)
	b.put("k", `"b"`)
	h.pair(b, c) // the laptop and the tablet are introduced by the roster alone
	h.until("converged", h.converged)
	h.until("all see all", func() bool { return len(a.status.Devices) == 2 && len(c.status.Devices) == 2 })
	c.put("from", `"tablet"`)
	h.until("converged", h.converged)
	if got := a.get("from"); got != `"tablet"` {
		t.Errorf("got %q", got)
	}
	a.del("k")
	h.until("converged", h.converged)
	h.wait(5000)
	if got := b.get("k"); got != "" {
		t.Errorf("deleted, and still %q", got)
	}
}

func TestManyAndLarge(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	for i := range 3000 {
		a.do(Op{Do: Batch{Writes: []Write{{Key: fmt.Sprintf("k/%05d", i), Kind: wire.JSON, Value: []byte(`"value"`)}}}})
	}
	big := make([]byte, wire.MaxValue)
	a.must(Op{Do: Batch{Writes: []Write{{Key: "big", Kind: wire.Bytes, Value: big}}}})
	h.pair(a, b)
	h.until("copied", func() bool { return b.status.Entries == 3001 && b.get("big") == string(big) })
	h.until("nothing left", func() bool { return a.status.Devices[0].ToSend == 0 && !b.status.Devices[0].ToReceive })
}

func TestSessionRenews(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	first := a.e.devices[0].repl
	for i := range 40 {
		a.put("k", fmt.Sprint(i))
		h.wait(10_000)
	}
	if a.e.devices[0].repl == first {
		t.Error("after 400 s of traffic the session is still the first")
	}
	if got := b.get("k"); got != "39" {
		t.Errorf("got %q", got)
	}
}

func TestFlippedBit(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	h.until("in sync", h.converged)
	for i := range 20 {
		flip := true
		h.tap = func(from *node, data []byte) []byte {
			if flip && from == a && data[0] == 0 {
				flip = false
				data[(i*7)%(len(data)-1)+1] ^= 1 << (i % 8)
			}
			return data
		}
		key := fmt.Sprintf("k%d", i)
		a.put(key, fmt.Sprint(i))
		h.tap = nil
		h.until("in sync again", func() bool { return b.get(key) == fmt.Sprint(i) && h.converged() })
	}
}

func TestRefusals(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	long := strings.Repeat("x", wire.MaxKey+1)
	many := make([]Write, wire.MaxBatchOps+1)
	for i := range many {
		many[i] = Write{Key: fmt.Sprint(i), Kind: wire.JSON, Value: []byte("1")}
	}
	for _, c := range []struct {
		name string
		op   Op
		want Code
	}{
		{"empty key", Op{Do: Get{}}, EKey},
		{"long key", Op{Do: Get{Key: long}}, EKey},
		{"key with a zero", Op{Do: Batch{Writes: []Write{{Key: "a\x00", Kind: wire.JSON}}}}, EKey},
		{"key that is not UTF-8", Op{Do: Batch{Writes: []Write{{Key: "\xff", Kind: wire.JSON}}}}, EKey},
		{"large value", Op{Do: Batch{Writes: []Write{{Key: "k", Kind: wire.Bytes, Value: make([]byte, wire.MaxValue+1)}}}}, ETooBig},
		{"large batch", Op{Do: Batch{Writes: many}}, ETooBig},
		{"unknown kind", Op{Do: Batch{Writes: []Write{{Key: "k", Kind: 3}}}}, EValue},
		{"unknown verb", Op{Do: unknown{}}, EValue},
		{"malformed link", Op{Do: Join{Link: "http://localhost:6280/#masq=1.x"}}, ELink},
		{"another application's link", Op{Do: Join{Link: "http://localhost:9999/#masq=1.AAAAAAAAAAAAAAAAAAAAAA"}}, ELink},
		{"confirm without a pairing", Op{Do: Confirm{Target: 99}}, EExpired},
	} {
		if r := a.replies[a.do(c.op)]; r.Err != c.want {
			t.Errorf("%s: %q, want %q", c.name, r.Err, c.want)
		}
	}
	b.put("mine", "1")
	invite := a.do(Op{Do: Invite{}})
	join := b.do(Op{Do: Join{Link: a.replies[invite].Text}})
	if r := b.replies[b.do(Op{Do: Confirm{Target: join}})]; r.Err != EData {
		t.Errorf("confirm with data and neither bring nor discard: %q", r.Err)
	}
	b.must(Op{Do: Cancel{Target: join}})
	if a.pairing[invite].Err != EDenied || b.pairing[join].Err != EDenied {
		t.Errorf("after no: %+v %+v", a.pairing[invite], b.pairing[join])
	}
	if a.status.Sync != SyncOff || b.get("mine") != "1" {
		t.Error("a refused pairing changed something")
	}
}

func TestInviteOutlivesAnOutage(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	invite := a.do(Op{Do: Invite{}})
	link := a.replies[invite].Text
	h.outage()
	h.wait(30_000)
	h.up = true
	h.wait(120_000)
	join := b.do(Op{Do: Join{Link: link}})
	h.until("compare", func() bool { return a.pairing[invite].Step == Compare && b.pairing[join].Step == Compare })
}

func TestExpiredInvite(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	invite := a.do(Op{Do: Invite{}})
	link := a.replies[invite].Text
	h.wait(301_000)
	if got := a.pairing[invite]; got.Err != EExpired {
		t.Errorf("the invite after five minutes: %+v", got)
	}
	join := b.do(Op{Do: Join{Link: link}})
	h.wait(16_000)
	if got := b.pairing[join]; got.Err != EExpired {
		t.Errorf("the joiner of an expired invite: %+v", got)
	}
	h.pair(a, b) // and a new one works
}

func TestThirdPartyInMailbox(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone", "Stranger")
	a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
	invite := a.do(Op{Do: Invite{}})
	join := b.do(Op{Do: Join{Link: a.replies[invite].Text}})
	third := c.do(Op{Do: Join{Link: a.replies[invite].Text}})
	if got := c.replies[third]; got.Err != ECrowded {
		t.Errorf("the third: %+v", got)
	}
	if a.pairing[invite].Step != Compare || b.pairing[join].Step != Compare {
		t.Errorf("the two: %+v, %+v", a.pairing[invite], b.pairing[join])
	}
	c.do(Op{Do: Join{Link: a.replies[invite].Text}}) // after that the link is spent for everybody
	a.must(Op{Do: Cancel{Target: invite}})
	again := c.do(Op{Do: Join{Link: a.replies[invite].Text}})
	h.wait(16_000)
	if got := c.pairing[again]; got.Err != EExpired {
		t.Errorf("a spent link: %+v", got)
	}
}

func TestOlderEngineIsFenced(t *testing.T) {
	h := newHarness(t, "Frozen")
	frozen := h.nodes[0]
	frozen.put("k", "1")
	newer := &node{m: h, name: "Newer", app: testApp, store: frozen.store}
	h.nodes = append(h.nodes, newer)
	newer.open()
	h.run()
	id := frozen.do(Op{Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte("2")}}}})
	if r := frozen.replies[id]; r.Err != EFenced || frozen.failed != EFenced {
		t.Errorf("reply %+v, failed %q", r, frozen.failed)
	}
	newer.put("other", "3")
	newer.crash()
	if got, want := newer.all(), "k=1\nother=3\n"; got != want {
		t.Errorf("content %q, want %q", got, want)
	}
}

// TestSlowFence: an engine whose first commit comes late, when an older one has gone on behind what it read, is the one that stops. What
// the older one has acknowledged stays.
func TestSlowFence(t *testing.T) {
	for name, before := range map[string]func(older *node){
		"behind a start": func(older *node) { older.crash() },
		"behind a write": func(older *node) { older.put("k", "1") },
		"behind a checkpoint": func(older *node) {
			older.putNumbered(0, 300, 10, 100)
			older.m.wait(2 * idleAfter)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, "Older")
			older := h.nodes[0]
			before(older)
			newer := &node{m: h, name: "Newer", app: testApp, store: older.store, slow: true}
			h.nodes = append(h.nodes, newer)
			newer.open()
			h.until("it commits", func() bool { return newer.unfinished != nil })
			s := older.meter()
			older.putNumbered(300, 1000, 10, 100)
			h.wait(2 * idleAfter)
			if s.checkpoints == 0 {
				t.Fatal("no checkpoint is taken meanwhile")
			}
			newer.finish()
			h.run()
			if newer.failed != EFenced {
				t.Errorf("the newer one has failed with %q", newer.failed)
			}
			older.put("then", "2")
			want := older.all()
			older.crash()
			if got := older.all(); got != want || older.failed != OK {
				t.Errorf("it has failed with %q, and there is\n%s\nwant\n%s", older.failed, got, want)
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	a.put("k", "1")
	a.must(Op{Do: Shutdown{}})
	if r := a.replies[a.do(Op{Do: Get{Key: "k"}})]; r.Err != EClosed {
		t.Errorf("after shutdown: %+v", r)
	}
	h.until("the other sees it leave", func() bool { return b.status.Sync == SyncWaiting && !b.status.Devices[0].Online })
}

// A count waits for index pages, a few at a time, and reads no segment.
func TestCountReadsNoValues(t *testing.T) {
	h := newHarness(t, "Laptop")
	n := h.nodes[0]
	for first := 0; first < 12_000; first += 1000 {
		var writes []Write
		for i := range 1000 {
			writes = append(writes, Write{Key: fmt.Sprintf("k/%05d", first+i), Kind: wire.JSON, Value: []byte(`"value"`)})
		}
		n.must(Op{Do: Batch{Writes: writes}})
	}
	n.must(Op{Do: Batch{Writes: []Write{{Key: "k/00003"}, {Key: "k/00004"}, {Key: "z", Kind: wire.JSON, Value: []byte("1")}}}})
	n.crash()
	n.loaded = nil
	for _, c := range []struct {
		do   Count
		want uint64
	}{
		{Count{}, 11_999},
		{Count{Prefix: "k/"}, 11_998},
		{Count{Prefix: "k/", Gte: "k/00002", Lt: "k/00006"}, 2},
		{Count{Gte: "k/01000", Lt: "k/11000"}, 10_000},
		{Count{Gte: "k/9"}, 1},
		{Count{Prefix: "x"}, 0},
		{Count{Gte: "b", Lt: "a"}, 0},
	} {
		if got := n.must(Op{Do: c.do}).Number; got != c.want {
			t.Errorf("%+v: %d, want %d", c.do, got, c.want)
		}
	}
	pages := 0
	for _, id := range n.loaded {
		switch id.Class() {
		case storage.Segment:
			t.Errorf("segment %x was loaded", id)
		case storage.Page:
			pages++
		}
	}
	if pages < 10 {
		t.Errorf("%d pages are too few for this test", pages)
	}
}
