package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// copied starts another device on a copy of one's disk.
func (h *harness) copied(n *node, name string) *node {
	c := &node{m: h, name: name, app: n.app, key: n.key, store: copyOf(h.t, n.store)}
	h.nodes = append(h.nodes, c)
	c.open()
	h.run()
	return c
}

// write has devices write for some minutes, each under keys of its own, and returns what all of them wrote.
func (h *harness) write(minutes int, nodes ...*node) (keys []string) {
	for i := range minutes * 6 {
		for _, n := range nodes {
			key := fmt.Sprintf("%d/%02d by %s", h.now, i, n.name)
			keys = append(keys, key)
			n.put(key, `1`)
		}
		h.wait(10_000)
	}
	return keys
}

// unlike are the lines in which two devices differ.
func unlike(a, b *node) (out string) {
	x, y := strings.Split(a.all(), "\n"), strings.Split(b.all(), "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			out += fmt.Sprintf("\n%s: %s, %s: %s", a.name, x[i], b.name, y[i])
		}
	}
	return out
}

// toldOfCopies are the devices that say that another copy of them runs.
func (h *harness) toldOfCopies() string {
	var out []string
	for _, n := range h.nodes {
		if n.status.Copied {
			out = append(out, n.name)
		}
	}
	return strings.Join(out, ", ")
}

// Two copies of a device that run both say so. All that either writes is everywhere, while both run and when one of them is stopped. An hour later
// nothing is said any more.
func TestTwoCopiesOfADeviceSaySo(t *testing.T) {
	for _, tt := range []struct {
		name    string
		writers []int // of Laptop, Phone, Copy
		before  int   // minutes in which the copy does not run yet
		starts  bool  // the first is started anew, too: both go on in one block
	}{
		{"all write", []int{0, 1, 2}, 0, false},
		{"the two write", []int{1, 2}, 0, false},
		{"the copy was made long ago", []int{0, 1, 2}, 5, false},
		{"both were started", []int{0, 1, 2}, 0, true},
		{"both were started, one long ago", []int{1, 2}, 5, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, "Laptop", "Phone")
			a, b := h.nodes[0], h.nodes[1]
			h.pair(a, b)
			b.put("k", `1`)
			h.until("both have it", h.converged)
			disk := copyOf(t, b.store)
			if tt.starts {
				b.crash()
			}
			keys := h.write(tt.before, a, b)
			c := h.copied(&node{m: h, store: disk, app: b.app, key: b.key}, "Copy")
			var writers []*node
			for _, i := range tt.writers {
				writers = append(writers, h.nodes[i])
			}
			dials := b.dials + c.dials
			keys = append(keys, h.write(10, writers...)...)
			if got := h.toldOfCopies(); got != "Phone, Copy" {
				t.Errorf("told of copies: %q", got)
			}
			if n := b.dials + c.dials - dials; n > 2*11 {
				t.Errorf("%d dials in ten minutes", n)
			}
			h.wait(180_000)
			if !h.converged() {
				t.Errorf("not the same everywhere:%s%s", unlike(a, b), unlike(a, c))
			}
			for _, key := range keys {
				if a.get(key) == "" || b.get(key) == "" || c.get(key) == "" {
					t.Errorf("lost: %s", key)
				}
			}
			h.silence(c)
			c.play, c.wakeAt, h.nodes = func(Event) {}, 0, h.nodes[:2]
			h.wait(copiedFor / 2)
			b.put("half an hour later", `1`)
			h.until("both have it", h.converged)
			if got := h.toldOfCopies(); got != "Phone" {
				t.Errorf("half an hour later: %q", got)
			}
			h.wait(copiedFor)
			if got := h.toldOfCopies(); got != "" {
				t.Errorf("much later: %q", got)
			}
		})
	}
}

// replace has the Sync Server say that all of a device's sockets were replaced.
func (h *harness) replace(n *node) {
	for conn, id := range n.conns {
		delete(n.conns, conn)
		h.drop(id)
		n.back(n.life, Closed{Conn: conn, Code: wire.RelayEReplaced.CloseCode()})
	}
	h.run()
}

// What looks like a copy and is none is not said to be one: it takes both signs.
func TestNoCopyIsSeenWhereNoneRuns(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(h *harness, b *node)
	}{
		{"started over and over", func(h *harness, b *node) {
			for range 10 {
				b.crash()
				b.put("k", `2`)
				h.wait(20_000)
			}
		}},
		{"a Sync Server that lies", func(h *harness, b *node) {
			for range 10 {
				h.replace(b)
				b.put("k", `2`)
				h.wait(70_000)
			}
		}},
		{"restored, and a device that was away brings more", func(h *harness, b *node) {
			before, c := copyOf(h.t, b.store), h.nodes[2]
			h.offline(h.nodes[0], true)
			b.put("to one of the two", `1`)
			h.wait(10_000)
			h.offline(c, true)
			b.store = before
			b.crash()
			h.offline(h.nodes[0], false)
			h.wait(10_000)
			h.cutOff(b, true)
			h.offline(c, false)
			h.wait(10_000)
			h.cutOff(b, false)
			b.step(Online{})
			h.until("it is back", func() bool { return b.get("to one of the two") == `1` })
		}},
		{"restored again and again", func(h *harness, b *node) {
			for range 5 {
				before := copyOf(h.t, b.store)
				h.write(1, b)
				b.store = before
				b.crash()
				h.write(1, b)
			}
		}},
		{"restored, and replaced once: a tab that thaws", func(h *harness, b *node) {
			before := copyOf(h.t, b.store)
			h.write(1, b)
			b.store = before
			b.crash()
			h.write(2, b)
			h.replace(b)
			h.write(2, b)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, "Laptop", "Phone", "Tablet")
			h.pair(h.nodes[0], h.nodes[1])
			h.pair(h.nodes[0], h.nodes[2])
			h.nodes[1].put("k", `1`)
			h.until("all have it", h.converged)
			seen := ""
			for _, n := range h.nodes {
				n.put("by "+n.name, `1`)
			}
			tt.do(h, h.nodes[1])
			if seen += h.toldOfCopies(); seen != "" {
				t.Errorf("told of copies: %q", seen)
			}
			h.wait(120_000)
			if got := h.toldOfCopies(); got != "" || !h.converged() {
				t.Errorf("later: %q, all the same: %v", got, h.converged())
			}
		})
	}
}
