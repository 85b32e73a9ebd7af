package localstore

import (
	"testing"

	"github.com/masqdev/masq/core/peer"
)

// A full disk does not end the store: everybody is told, the manager shows it, and once there is room all goes on by itself.
func TestFullDisk(t *testing.T) {
	r := newRig(t)
	c, k := r.app(notes)
	c.must("put", `{"key":"k","value":1}`)
	c.must("watch", `{"prefix":""}`)
	link := openSecret(t, r)
	m := r.connect(Who{Kind: Manager, Origin: manager})
	m.must("exchange", `{"secret":"`+link+`"}`)
	m.must("state", `{}`)

	r.full = true
	if got := c.call("put", `{"key":"k","value":2}`).code(); got != peer.EQuota {
		t.Errorf("put: %q", got)
	}
	if got := c.call("get", `{"key":"k"}`).code(); got != peer.EQuota {
		t.Errorf("get: %q", got)
	}
	if got := r.web(notes).call("prove", `{"id":"AAAAAAAAAAA","cn":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`).code(); got != peer.EQuota {
		t.Errorf("a token that cannot be looked up now is %q", got)
	}
	r.wait(1000)
	if got := r.state().Error; got != peer.EQuota {
		t.Errorf("the manager shows %q", got)
	}
	r.wait(120_000)
	if r.reopened < 4 || r.reopened > 10 || r.failed != peer.OK {
		t.Errorf("tried %d times in two minutes, failed with %q", r.reopened, r.failed)
	}

	r.full = false
	r.wait(reopenMost)
	for name, x := range map[string]*conn{"application": c, "manager": m} {
		if x.closed.Code != CloseRestart {
			t.Errorf("%s: closed with %d", name, x.closed.Code)
		}
	}
	c = r.web(notes).comeIn(k, notes)
	if got := c.must("get", `{"key":"k"}`); got != `{"value":1}` {
		t.Errorf("there is %s", got)
	}
	c.must("put", `{"key":"k","value":3}`)
	if st := r.state(); st.Error != peer.OK || len(st.Apps) != 1 || !st.Apps[0].Allowed {
		t.Errorf("state: %+v", st)
	}
}

// A store that finds no room when it starts waits for it.
func TestFullDiskAtTheStart(t *testing.T) {
	r := newRig(t)
	_, k := r.app(notes)
	r.full = true
	r.start()
	if got := r.web(notes).call("get", `{"key":"k"}`).code(); got != peer.EQuota {
		t.Errorf("get: %q", got)
	}
	r.full = false
	r.wait(reopenMost)
	if got := r.web(notes).comeIn(k, notes).must("get", `{"key":"k"}`); got != `{}` {
		t.Errorf("there is %s", got)
	}
}
