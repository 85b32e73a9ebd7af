package localstore

import (
	"testing"

	"github.com/masqdev/masq/core/peer"
)

// A full disk does not end the store, nor anybody's connection: what is stored is read, a write is refused and taken back from who watches, the
// manager shows it, and once there is room all goes on by itself.
func TestFullDisk(t *testing.T) {
	h := newHarness(t)
	c, k := h.app(notes)
	c.must("put", `{"key":"k","value":1}`)
	c.must("watch", `{"prefix":""}`)
	link := openSecret(t, h)
	m := h.connect(Who{Kind: Manager, Origin: manager})
	m.must("exchange", `{"secret":"`+link+`"}`)
	m.must("state", `{}`)
	c.changed()

	h.full = true
	for range 2 {
		if got := c.call("put", `{"key":"k","value":2}`).code(); got != peer.EQuota {
			t.Errorf("put: %q", got)
		}
		h.wait(200)
	}
	if got := c.must("get", `{"key":"k"}`); got != `{"value":1}` {
		t.Errorf("get: %s", got)
	}
	said := c.changed()
	if n := len(said); n != 2 || string(decode[told](t, said[1]).Changes) != `[{"key":"k","value":1,"previous":{"value":2},"conflicts":0,"from":"tab"}]` {
		t.Errorf("the watch was told %s", said)
	}
	c = h.web(notes).comeIn(k, notes)
	h.wait(1000)
	if got := h.state().Error; got != peer.EQuota {
		t.Errorf("the manager shows %q", got)
	}
	h.wait(120_000)
	if h.reopened != 0 || h.failed != peer.OK || m.closed.Code != 0 || c.closed.Code != 0 {
		t.Errorf("begun anew %d times, failed with %q, closed with %d and %d", h.reopened, h.failed, m.closed.Code, c.closed.Code)
	}

	h.full = false
	c.must("put", `{"key":"k","value":3}`)
	if st := h.state(); st.Error != peer.OK || len(st.Apps) != 1 || !st.Apps[0].Allowed {
		t.Errorf("state: %+v", st)
	}
}

// A store that finds no room when it starts serves what it has.
func TestFullDiskAtTheStart(t *testing.T) {
	h := newHarness(t)
	c, k := h.app(notes)
	c.must("put", `{"key":"k","value":1}`)
	h.full = true
	h.start()
	c = h.web(notes).comeIn(k, notes)
	if got := c.must("get", `{"key":"k"}`); got != `{"value":1}` {
		t.Errorf("there is %s", got)
	}
	if got := c.call("put", `{"key":"k","value":2}`).code(); got != peer.EQuota {
		t.Errorf("put: %q", got)
	}
	h.full = false
	h.wait(reopenMost)
	c.must("put", `{"key":"k","value":2}`)
}
