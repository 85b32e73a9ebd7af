package peer

import (
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// traffic counts what all devices send to the relay, keep-alives included.
type traffic struct{ frames, bytes int }

// during is the traffic while f lasts.
func (h *harness) during(f func()) (t traffic) {
	h.tap = func(_ *node, data []byte) []byte {
		t.frames, t.bytes = t.frames+1, t.bytes+len(data)
		return data
	}
	f()
	h.tap = nil
	return t
}

// One put costs the same on the wire after 1 start and after 2,000, though a device of the circle is never heard again.
func TestManyStartsOnTheWire(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone", "Drawer")
	a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
	h.pair(a, b)
	h.pair(a, c)
	a.put("counter", `"0"`)
	h.until("all have it", h.converged)
	h.offline(c, true)
	starts := 0
	start := func(n int) traffic {
		h.offline(a, true)
		for ; starts < n; starts++ {
			a.crash()
			a.put("counter", fmt.Sprint(starts))
		}
		h.offline(a, false)
		h.until("the phone has it", func() bool { return b.get("counter") == a.get("counter") })
		h.wait(20_000)
		return h.during(func() {
			a.put("counter", `"x"`)
			h.until("the phone has it", func() bool { return b.get("counter") == `"x"` })
			h.wait(5_000)
		})
	}
	first, last := start(1), start(2000)
	if last.bytes > first.bytes || last.frames > first.frames {
		t.Errorf("one put costs %+v after 2,000 starts, %+v after one", last, first)
	}
	a.must(Op{Do: Batch{Writes: []Write{{Key: "counter"}}}})
	h.until("the phone has the deletion", func() bool { return b.get("counter") == "" })
	if got := a.get("counter"); got != "" {
		t.Errorf("after the deletion: %s", got)
	}
}

// What one put of one byte costs in a circle of several devices, in the half minute in which it gets to all of them: to each the write, its ACK, and
// one frame that says who else has it, in a few bytes for each of these. A vector of all writers would make that longer.
func TestPutInACrowd(t *testing.T) {
	const devices = 10
	h := newHarness(t, "D0")
	for i := 1; i < devices; i++ {
		h.pair(h.nodes[0], h.add(fmt.Sprint("D", i), testApp))
	}
	for _, n := range h.nodes {
		n.put("mine/"+n.name, "1")
	}
	h.wait(120_000)
	put := func(value string) traffic {
		return h.during(func() {
			h.nodes[0].put("hello", value)
			h.wait(30_000)
			for _, n := range h.nodes {
				if n.get("hello") != value {
					t.Fatalf("%s does not have it", n.name)
				}
			}
		})
	}
	put("1") // which the device announces first
	idle := h.during(func() { h.wait(30_000) })
	one := put("2")
	frames, bytes := one.frames-idle.frames, one.bytes-idle.bytes
	small := idle.bytes / idle.frames // a frame is padded
	if frames > 3*(devices-1) || bytes > frames*small+80*(devices-1)*(devices-2) {
		t.Errorf("a put costs %d frames and %d bytes", frames, bytes)
	}
}

// applications is what so many applications take in a local store's storage, less what it takes without any. Each has a key.
func applications(t testing.TB, count int) int {
	h := newStores(t, "Laptop")
	n := h.nodes[0]
	before := n.stored()
	for i := range count {
		app := fmt.Sprintf("org.example.app%04d", i)
		n.must(Op{App: app, Do: AddApp{Name: app}})
		n.must(Op{App: app, Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte("1")}}}})
	}
	n.must(Op{Do: Shutdown{}})
	return n.stored() - before
}

// stored is how many bytes of blocks a device has.
func (n *node) stored() (bytes int) {
	ids, err := n.store.List()
	if err != nil {
		n.m.t.Fatal(err)
	}
	blocks, err := n.store.Load(ids)
	if err != nil {
		n.m.t.Fatal(err)
	}
	for _, b := range blocks {
		bytes += len(b.Data)
	}
	return bytes
}

// checkApplications returns what so many take, and fails if that is more than the package's comment says.
func checkApplications(t testing.TB, n int) int {
	t.Helper()
	const each = 440 // about 400
	got := applications(t, n)
	if got > n*each {
		t.Errorf("%d applications take %d bytes", n, got)
	}
	return got
}

// An application costs the same among a hundred as alone.
func TestApplicationsGrow(t *testing.T) {
	for _, n := range []int{1, 10, 100} {
		checkApplications(t, n)
	}
}

func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("application/%d", n), func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(checkApplications(b, n))/float64(n), "each-B")
			}
		})
	}
}
