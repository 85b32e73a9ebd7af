package peer

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

func appNumber(i int) string { return fmt.Sprintf("org.example.app%04d", i) }

// manyApplications makes so many applications in two local stores, each with a key.
func manyApplications(t testing.TB, count int) (*harness, *node, *node) {
	h := newStores(t, "Laptop", "Desk")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	for i := range count {
		app := appNumber(i)
		a.must(Op{App: app, Do: AddApp{Name: app}})
		a.must(Op{App: app, Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte("1")}}}})
	}
	h.until("all are there", func() bool { return len(b.status.Apps) == count && b.status.Entries == uint64(count) })
	h.wait(30_000)
	return h, a, b
}

// costs is what the devices do for puts into one of so many applications.
func costs(t testing.TB, count, puts int) (w Work) {
	h, a, b := manyApplications(t, count)
	was := []Work{a.e.Work(), b.e.Work()}
	for i := range puts {
		a.putIn(appNumber(count-1), "k", fmt.Sprint(i))
	}
	h.until("the other has it", func() bool { return b.in(appNumber(count-1)) == fmt.Sprint("k=", puts-1) })
	for i, n := range []*node{a, b} {
		now := n.e.Work()
		w.Looks += now.Looks - was[i].Looks
		w.Pumps += now.Pumps - was[i].Pumps
	}
	return w
}

// A put looks at as many applications among 300 as alone: at its own.
func TestPutAmongApplications(t *testing.T) {
	one, many := costs(t, 1, 50), costs(t, 300, 50)
	if one.Looks == 0 || one.Pumps == 0 {
		t.Fatalf("nothing is counted: %+v", one)
	}
	if many.Looks > one.Looks || many.Pumps > one.Pumps {
		t.Errorf("50 puts cost %+v with one application, %+v with 300", one, many)
	}
}

// No application is awake but those that something has happened to.
func TestApplicationsSleep(t *testing.T) {
	h, a, b := manyApplications(t, 20)
	a.putIn(appNumber(3), "k", "2")
	h.wait(30_000)
	a.putIn(appNumber(3), "k", "3")
	h.wait(30_000)
	for _, n := range []*node{a, b} {
		if got := len(n.e.awake); got > 1 {
			t.Errorf("%s: %d are awake", n.name, got)
		}
		for _, d := range n.e.devices {
			if got := len(d.repl.busy); got > 0 {
				t.Errorf("%s: %d have something to say", n.name, got)
			}
		}
	}
}

// What is kept of the status is what it would be if it were made anew.
func TestStatusIsKept(t *testing.T) {
	h := newStores(t, "Laptop", "Desk")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		n := h.nodes[r.IntN(2)]
		app := appNumber(r.IntN(6))
		switch r.IntN(12) {
		case 0:
			n.do(Op{App: app, Do: DropApp{}})
		case 1:
			n.do(Op{App: app, Do: Prefer{Device: deviceID(a.e.publicIK()), On: r.IntN(2) == 0}})
		case 2:
			n.do(Op{App: app, Do: Prefer{On: r.IntN(2) == 0}})
		case 3:
			n.do(Op{App: app, Do: SetQuota{Bytes: uint64(r.IntN(3)) << 10}})
		case 4:
			h.offline(n, !n.cut)
		case 5:
			n.do(Op{App: app, Do: AddApp{Name: app}})
		case 6:
			if r.IntN(4) == 0 {
				n.crash()
			}
		default:
			n.do(Op{App: app, Do: Batch{Writes: []Write{{Key: fmt.Sprint("k", r.IntN(9)), Kind: wire.Bytes, Value: make([]byte, r.IntN(900))}}}})
		}
		h.wait(Millis(r.IntN(3)) * 400)
		if r.IntN(4) > 0 {
			continue
		}
		h.wait(2 * statusEvery)
		for _, n := range h.nodes {
			was, now := n.status, n.e.LookAnew()
			for i := range now.Devices { // which alone is no reason to tell a status
				now.Devices[i].LastHeard = was.Devices[i].LastHeard
			}
			if !reflect.DeepEqual(was, now) {
				t.Fatalf("%s: told\n%+v, it is\n%+v", n.name, was, now)
			}
		}
	}
}

// What a checkpoint clears away is told, though nothing comes behind it.
func TestStatusAfterACheckpoint(t *testing.T) {
	h := newStores(t, "Laptop")
	laptop := h.nodes[0]
	laptop.addApp(notes, "Notes")
	for i := range longTail / 2 {
		laptop.putIn(notes, "k", fmt.Sprint(i))
	}
	h.wait(idleAfter / 2) // before one is taken anyway
	before := laptop.status.Apps[0].Bytes
	laptop.e.namespaces[0].rep.Tidy()
	laptop.e.namespaces[0].wake()
	laptop.step(Tick{})
	h.wait(2 * statusEvery)
	if told, now := laptop.status.Apps, laptop.e.LookAnew().Apps; !reflect.DeepEqual(told, now) || now[0].Bytes >= before {
		t.Fatalf("told %+v, it is %+v; before, %d bytes", told, now, before)
	}
}

// There is a limit to applications, and who meets it is told that.
func TestTooManyApplications(t *testing.T) {
	n := newStores(t, "Laptop").nodes[0]
	for i := range maxNamespaces {
		n.must(Op{App: appNumber(i), Do: AddApp{}})
	}
	one := Op{App: "org.example.more", Do: AddApp{}}
	if r := n.replies[n.do(one)]; r.Err != EApps {
		t.Errorf("one more: %q", r.Err)
	}
	n.must(Op{App: appNumber(0), Do: AddApp{Name: "Again"}})
	n.must(Op{App: appNumber(1), Do: DropApp{}})
	n.must(one)
	if r := n.replies[n.do(Op{App: appNumber(1), Do: AddApp{}})]; r.Err != EApps {
		t.Errorf("one more that was there once: %q", r.Err)
	}
}
