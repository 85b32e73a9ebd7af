package localstore

import (
	"strings"
	"testing"
)

// The manager hears of everything, and at most four times a second.
func TestStateIsTold(t *testing.T) {
	h := newHarness(t)
	a, b := h.admin(), h.admin()
	a.must("state", `{}`)
	h.wait(1000)
	h.web(notes).ask(`{"app":{"name":"Notes"}}`)
	if got := a.told("state"); len(got) != 1 || !strings.Contains(got[0], `"requests":[{"request":1,`) {
		t.Errorf("told at once: %v", got)
	}
	for _, origin := range []string{"https://a.example", "https://b.example", "https://c.example"} {
		h.web(origin).ask(`{"app":{"name":"N"}}`)
	}
	if got := a.told("state"); len(got) != 0 {
		t.Errorf("told too often: %d times", len(got))
	}
	b.must("state", `{}`)
	h.wait(250)
	if got := a.told("state"); len(got) != 1 || len(decode[state](t, got[0]).Requests) != 4 {
		t.Errorf("told after 250 ms: %v", got)
	}
	if got := b.told("state"); len(got) != 0 {
		t.Errorf("told what it knew: %v", got)
	}
	h.wait(1000)
	h.step(Disk{Bytes: 4096})
	for _, c := range []*conn{a, b} {
		if got := c.told("state"); len(got) != 1 || decode[state](t, got[0]).Bytes != 4096 {
			t.Errorf("told of the disk: %v", got)
		}
	}
	if h.wait(60_000); len(a.told("state")) != 0 {
		t.Error("told although nothing has changed")
	}
}
