package pairing

import (
	"testing"

	"github.com/masqdev/masq/core/roster"
)

// stages brings a pairing to where each message is the next one; at says which side takes it.
var stages = []struct {
	name string
	at   func(r *harness) *Machine
}{
	{"H0", func(r *harness) *Machine { r.until(msgH0); return r.join }},
	{"P1", func(r *harness) *Machine { r.until(msgP1); return r.host }},
	{"P2", func(r *harness) *Machine { r.until(msgP2); return r.join }},
	{"P3", func(r *harness) *Machine { r.until(msgP3); return r.host }},
	{"P4", func(r *harness) *Machine { r.until(msgP4); return r.join }},
	{"P5", func(r *harness) *Machine { r.until(msgP5); return r.host }},
	{"host's P6", func(r *harness) *Machine { r.meet(); r.host.Yes(r.now); return r.host }},
	{"joiner's P6", func(r *harness) *Machine { r.meet(); r.join.Yes(r.now); return r.join }},
	{"P7", func(r *harness) *Machine { r.meet().yes(); return r.join }},
}

// FuzzReceive gives any bytes to a machine in each state. None that the other side did not send gets it to a yes or a
// grant.
func FuzzReceive(f *testing.F) {
	harnesses := []func(testing.TB) *harness{newHarness, newAppHarness}
	for role, begin := range harnesses {
		r := begin(f).begin()
		r.tamper = func(_ bool, b []byte) [][]byte {
			for i := range stages {
				f.Add(uint8(role*len(stages)+i), b)
			}
			return [][]byte{b}
		}
		r.meet().yes().grant()
	}
	f.Add(uint8(0), []byte{})
	f.Add(uint8(5), []byte{msgPX, 1})
	f.Fuzz(func(t *testing.T, stage uint8, body []byte) {
		r := harnesses[int(stage)/len(stages)%len(harnesses)](t)
		r.link.Secret[0]++ // another pairing than that of the seeds
		r.joinLink = r.link
		m := stages[int(stage)%len(stages)].at(r.begin())
		before := m.State().Step
		m.Receive(r.now, body)
		if after := m.State().Step; after != before && after != Failed {
			t.Fatalf("from step %d to %d", before, after)
		}
	})
}

func FuzzParseLink(f *testing.F) {
	f.Add(Link{URL: testURL, Relay: relay}.String())
	f.Add(Link{URL: "http://localhost:1/x"}.String())
	f.Add("https://a.example#masq=2.")
	f.Fuzz(func(t *testing.T, s string) {
		if l, err := ParseLink(s); err == nil && l.String() != s {
			t.Fatalf("%q is not the one form", s)
		}
	})
}

// FuzzFields gives any bytes to the parsers of what stands inside the channel: the other side may be hostile.
func FuzzFields(f *testing.F) {
	r := newHarness(f)
	g := r.grantOf()
	m := r.self[0].member()
	f.Add(encodeHost(&m, &r.offer))
	f.Add(encodeJoiner([32]byte{}, &m, testApp))
	f.Add(g.encode())
	r = newAppHarness(f)
	g = r.grantOf()
	f.Add(encodeHost(&m, &r.offer))
	f.Add(g.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := parseHost(b); err == nil && (o.Role != Full && o.Role != Application || len(o.Apps) > maxApps || o.Name == "" ||
			o.genesis == roster.ID{} || o.Role == Application && (o.root == [32]byte{} || len(o.Apps) != 1)) {
			t.Fatalf("%+v", o)
		}
		if o, err := parseJoiner(b); err == nil && (len(o.Apps) > 1 || o.Name == "") {
			t.Fatalf("%+v", o)
		}
		g, err := parseGrant(b)
		if err == nil && (len(g.Relays) > maxRelays || g.Role != Full && g.Role != Application) {
			t.Fatalf("%+v", g)
		}
		if err == nil {
			_, _ = g.open(r.circle.ID(), r.offer.Root, &m)
		}
	})
}
