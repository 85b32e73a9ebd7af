package localstore

import (
	"testing"

	"github.com/masqdev/masq/core/peer"
)

// The user has a fresh copy taken of an application's data, if there is a device to take it from.
func TestMend(t *testing.T) {
	h := newHarness(t)
	c, _ := h.app(notes)
	a := h.admin()
	for params, want := range map[string]peer.Code{
		`{}`:                               peer.EValue,
		`{"app":"https://nobody.example"}`: peer.EApp,
		`{"app":"` + notes + `"}`:          peer.EValue, // nobody is there
	} {
		if got := a.call("mend", params).code(); got != want {
			t.Errorf("mend %s: %q", params, got)
		}
	}
	if got := c.call("mend", `{"app":"`+notes+`"}`).code(); got != peer.EDenied {
		t.Errorf("by the application: %q", got)
	}
	for _, app := range decode[state](t, a.must("state", `{}`)).Apps {
		if app.Mending || app.Restored {
			t.Errorf("%+v", app)
		}
	}
}
