package localstore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
)

// Who asks for one application more than there is room for is told that, and so is the user. It is not listed then.
func TestTooManyApplications(t *testing.T) {
	h := newHarness(t)
	for i := range 1000 {
		h.s.do(&peer.Op{App: fmt.Sprintf("org.example.app%04d", i), Do: peer.AddApp{}}, func(peer.Reply) {})
	}
	h.wait(1000)
	a := h.admin()
	if got := a.call("grant", `{"id":"org.example.more","name":"More"}`).code(); got != peer.EApps {
		t.Errorf("a program: %q", got)
	}
	for range 2 {
		if got := a.call("put", `{"app":"`+commandLine+`","key":"k","value":1}`).code(); got != peer.EApps {
			t.Errorf("the command line: %q", got)
		}
	}
	for _, again := range []bool{false, true} {
		if again {
			h.start()
		}
		for _, app := range h.state().Apps {
			if !strings.HasPrefix(app.App, "org.example.app") {
				t.Errorf("%s is listed", app.App)
			}
		}
	}
	a = h.admin()
	a.must("removeApp", `{"app":"org.example.app0007","data":true}`)
	a.must("grant", `{"id":"org.example.more","name":"More"}`)
}
