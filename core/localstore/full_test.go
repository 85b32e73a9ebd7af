package localstore

import (
	"testing"

	"github.com/masqdev/masq/core/peer"
)

// A full disk does not end the store: everybody is told, the manager shows it, and once there is room all goes on by itself.
func TestFullDisk(t *testing.T) {
	h := newHarness(t)
	c, k := h.app(notes)
	c.must("put", `{"key":"k","value":1}`)
	c.must("watch", `{"prefix":""}`)
	link := openSecret(t, h)
	m := h.connect(Who{Kind: Manager, Origin: manager})
	m.must("exchange", `{"secret":"`+link+`"}`)
	m.must("state", `{}`)

	h.full = true
	if got := c.call("put", `{"key":"k","value":2}`).code(); got != peer.EQuota {
		t.Errorf("put: %q", got)
	}
	if got := c.call("get", `{"key":"k"}`).code(); got != peer.EQuota {
		t.Errorf("get: %q", got)
	}
	if got := h.web(notes).call("prove", `{"id":"AAAAAAAAAAA","cn":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`).code(); got != peer.EQuota {
		t.Errorf("a token that cannot be looked up now is %q", got)
	}
	h.wait(1000)
	if got := h.state().Error; got != peer.EQuota {
		t.Errorf("the manager shows %q", got)
	}
	h.wait(120_000)
	if h.reopened < 4 || h.reopened > 10 || h.failed != peer.OK {
		t.Errorf("tried %d times in two minutes, failed with %q", h.reopened, h.failed)
	}

	h.full = false
	h.wait(reopenMost)
	for name, x := range map[string]*conn{"application": c, "manager": m} {
		if x.closed.Code != CloseRestart {
			t.Errorf("%s: closed with %d", name, x.closed.Code)
		}
	}
	c = h.web(notes).comeIn(k, notes)
	if got := c.must("get", `{"key":"k"}`); got != `{"value":1}` {
		t.Errorf("there is %s", got)
	}
	c.must("put", `{"key":"k","value":3}`)
	if st := h.state(); st.Error != peer.OK || len(st.Apps) != 1 || !st.Apps[0].Allowed {
		t.Errorf("state: %+v", st)
	}
}

// A store that finds no room when it starts waits for it.
func TestFullDiskAtTheStart(t *testing.T) {
	h := newHarness(t)
	_, k := h.app(notes)
	h.full = true
	h.start()
	if got := h.web(notes).call("get", `{"key":"k"}`).code(); got != peer.EQuota {
		t.Errorf("get: %q", got)
	}
	h.full = false
	h.wait(reopenMost)
	if got := h.web(notes).comeIn(k, notes).must("get", `{"key":"k"}`); got != `{}` {
		t.Errorf("there is %s", got)
	}
}
