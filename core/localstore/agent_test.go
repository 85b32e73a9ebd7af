package localstore

import (
	"strings"
	"testing"
)

func TestAgentOf(t *testing.T) {
	const like = "AppleWebKit/537.36 (KHTML, like Gecko) "
	for header, want := range map[string]Agent{
		"Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0":                                         {"Firefox", "Linux"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + like + "Chrome/148.0.0.0 Safari/537.36":                           {"Chrome", "Windows"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + like + "Chrome/148.0.0.0 Safari/537.36 Edg/148.0.0.0":             {"Edge", "Windows"},
		"Mozilla/5.0 (X11; Linux x86_64) " + like + "HeadlessChrome/148.0.0.0 Safari/537.36":                             {"Chrome", "Linux"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26 Safari/605": {"Safari", "macOS"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/148":      {"Chrome", "iPhone"},
		"Mozilla/5.0 (Linux; Android 16) " + like + "SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36":          {"Samsung Internet", "Android"},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " + like + "Chrome/148.0.0.0 Safari/537.36 OPR/130.0":                  {"Opera", "ChromeOS"},
		"Mozilla/5.0 (Haiku)":        {},
		"":                           {},
		"<b>Firefox/1</b>\x00\u202e": {Browser: "Firefox"},
		strings.Repeat("x", maxAgent) + "Firefox/1 Linux": {},
	} {
		if got := AgentOf(header); got != want {
			t.Errorf("%q: %+v, want %+v", header, got, want)
		}
	}
}

// The manager names the browser that asks and the one that has access, also of a token from before there were names, and after a restart.
func TestAgentIsShown(t *testing.T) {
	h := newHarness(t)
	firefox, safari := Agent{"Firefox", "Linux"}, Agent{"Safari", "macOS"}
	page := func(by Agent) *conn { return h.connectBy(Who{Kind: Web, Origin: notes}, by) }
	c := page(firefox)
	id := c.ask(`{"app":{"name":"Notes"}}`)
	if got := h.state().Requests[0].Agent; got != firefox {
		t.Errorf("the request: %+v", got)
	}
	h.admin().must("allow", `{"request":1}`)
	tok := c.token(id)
	shown := func(want Agent, when string) {
		t.Helper()
		if got := h.state().Apps[0].Tokens[0].Agent; got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
	}
	shown(firefox, "allowed")
	h.start()
	shown(firefox, "after a restart")
	page(safari).comeIn(tok, notes)
	shown(safari, "used by another")
	h.start()
	shown(safari, "and that after a restart")
	page(Agent{}).comeIn(tok, notes)
	shown(safari, "by one that says nothing")
}
