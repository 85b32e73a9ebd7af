package localstore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
)

// An application has 1 GiB unless the user says otherwise, is told how much is left, and what is refused.
func TestQuota(t *testing.T) {
	h := newHarness(t)
	c, _ := h.app(notes)
	room := func() uint64 { return decode[struct{ Bytes uint64 }](t, c.must("room", `{}`)).Bytes }
	if got := room(); got > 1<<30 || got < 1<<30-10_000 {
		t.Errorf("at first %d bytes", got)
	}
	a := h.admin()
	for params, want := range map[string]peer.Code{
		`{"app":"` + notes + `","bytes":1048576}`:             "",
		`{"app":"` + notes + `","bytes":1048575}`:             peer.EValue,
		`{"app":"` + notes + `","bytes":1125899906842625}`:    peer.EValue,
		`{"app":"` + notes + `"}`:                             peer.EValue,
		`{"app":"https://nobody.example","bytes":1073741824}`: peer.EApp,
	} {
		if got := a.call("setQuota", params).code(); got != want {
			t.Errorf("setQuota %s: %q", params, got)
		}
	}
	if got := c.call("setQuota", `{"app":"`+notes+`","bytes":1073741824}`).code(); got != peer.EDenied {
		t.Errorf("by the application: %q", got)
	}
	large := fmt.Sprintf(`{"key":"large","value":%q}`, strings.Repeat("x", 900<<10))
	c.must("put", large)
	c.must("status", `{}`)
	if got := c.call("put", fmt.Sprintf(`{"key":"more","value":%q}`, strings.Repeat("x", 200<<10))).code(); got != peer.EQuota {
		t.Errorf("more than there is room for: %q", got)
	}
	h.wait(1000)
	if told := c.told("status"); len(told) == 0 || !strings.Contains(told[len(told)-1], `"full":true`) {
		t.Errorf("the application is told %s", told)
	}
	if st := h.state().Apps[0]; !st.Full || st.Quota != 1<<20 || st.Stored < 900<<10 || st.Stored > 1<<20 {
		t.Errorf("the manager shows %d of %d, full: %v", st.Stored, st.Quota, st.Full)
	}
	c.must("put", large)
	c.must("del", `{"key":"large"}`)
	h.wait(1000)
	if st := h.state().Apps[0]; st.Full {
		t.Error("the manager shows that it is full when it is not")
	}
	h.start()
	if st := h.state().Apps[0]; st.Quota != 1<<20 {
		t.Errorf("after a restart it is %d", st.Quota)
	}
}
