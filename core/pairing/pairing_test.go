package pairing

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/roster"
)

func TestWholePairing(t *testing.T) {
	for _, first := range []string{"host", "joiner"} {
		r := newHarness(t).begin()
		if r.host.Deadline() != start+LinkLife || r.join.Deadline() != start+LinkLife {
			t.Error("the link has no end")
		}
		if r.host.State().Spent || r.join.State().Spent {
			t.Error("spent at once")
		}
		r.meet()
		h, j := r.host.State(), r.join.State()
		if h.Step != Compare || j.Step != Compare || h.Digits != j.Digits || len(h.Digits) != 6 || !h.Spent || !j.Spent {
			t.Fatalf("host %+v, joiner %+v", h, j)
		}
		if h.Other.Name != "Joiner" || j.Other.Name != "Host" || h.Other.Kind != roster.Embedded || j.Other.Role != Full ||
			!slices.Equal(h.Other.Apps, j.Other.Apps) || h.Other.NK != r.self[1].member().NK || j.Other.IK != r.self[0].member().IK {
			t.Errorf("host sees %+v, joiner sees %+v", h.Other, j.Other)
		}
		if r.host.Deadline() != start+YesLife || r.join.Deadline() != start+YesLife {
			t.Error("a yes is not waited for 60 s")
		}
		one, send, other, reply := r.host, r.fromHost, r.join, r.fromJoin
		if first == "joiner" {
			one, send, other, reply = r.join, r.fromJoin, r.host, r.fromHost
		}
		send(one.Yes(r.now))
		if r.run(); one.State().Step != Confirmed || other.State().Step != Compare {
			t.Errorf("%s first: at %d and %d", first, one.State().Step, other.State().Step)
		}
		if one.Yes(r.now) != nil {
			t.Error("a second yes says something")
		}
		if r.host.Grant(r.now, r.grantOf()) != nil {
			t.Fatal("granted before both said yes")
		}
		reply(other.Yes(r.now))
		if r.run(); r.host.State().Step != BothYes || r.join.State().Step != BothYes {
			t.Fatalf("%s first: at %d and %d", first, r.host.State().Step, r.join.State().Step)
		}
		r.checkGranted(first)
	}
}

func (r *harness) checkGranted(first string) {
	t := r.t
	member, acceptance := r.host.Joined()
	r.grant()
	r.want(first+" first", nil, nil)
	if r.host.State().Step != Granted || r.join.State().Step != Granted || r.host.Deadline() != 0 {
		t.Fatal("not granted")
	}
	g, ros := r.join.Granted()
	if g.Secret != [32]byte{9} || !slices.Equal(g.Relays, []string{relay}) || g.Role != Full || ros.ID() != r.circle.ID() || ros.Len() != 2 {
		t.Errorf("got %+v", g)
	}
	add, err := r.circle.SignAdd(r.self[0].IK, member, acceptance)
	if err != nil || ros.Add(add) != nil || len(ros.Members()) != 2 {
		t.Errorf("the acceptance does not make a member: %v", err)
	}
	if got := string(r.sent); got != "\x20\x21\x22\x23\x24\x25\x26\x26\x27" {
		t.Errorf("messages %x", got)
	}
	for _, m := range []*Machine{r.host, r.join} {
		if m.Receive(r.now, []byte{msgPX, 0}) != nil || m.Peer(r.now, false) != nil || m.Tick(r.now+1e9) != nil || m.No(r.now) != nil {
			t.Error("says something at the end")
		}
		if m.State().Err != nil || m.link.Secret != [16]byte{} || m.out != nil {
			t.Error("changed or kept something at the end")
		}
	}
	if r.join.Close(); r.join.grant.Secret != [32]byte{} {
		t.Error("the grant is kept")
	}
}

func TestWrongSecret(t *testing.T) {
	for name, change := range map[string]func(l *Link){
		"another secret": func(l *Link) { l.Secret[15] ^= 1 },
		"another relay":  func(l *Link) { l.Relay = "wss://evil.example" },
	} {
		r := newHarness(t)
		change(&r.joinLink)
		r.begin().meet()
		r.fromJoin(r.join.Peer(r.now, false)) // the host has gone without a word
		r.want(name, ErrAuth, ErrAuth)
		for _, m := range []*Machine{r.host, r.join} {
			if st := m.State(); !st.Spent || st.Digits != "" || st.Other.Name != "" {
				t.Errorf("%s: %+v", name, st)
			}
		}
		if !bytes.Equal(r.sent, []byte{msgH0, msgP1, msgP2, msgP3}) {
			t.Errorf("%s: sent %x", name, r.sent)
		}
	}
}

// Somebody who saw the link pairs with both sides under keys of his own: the digits tell.
func TestManInTheMiddle(t *testing.T) {
	r := newHarness(t).begin()
	m := newHarness(t)
	m.self[0], m.self[1] = self("Host", roster.Embedded), self("Joiner", roster.Embedded)
	m.self[0].IK, m.self[1].IK = self("Mallory", 2).IK, self("Mallory", 2).IK
	var err error
	if m.circle, err = roster.New(m.self[0].IK, [32]byte{7}, m.self[0].member(), []string{relay}); err != nil {
		t.Fatal(err)
	}
	m.offer.Genesis = m.circle.Genesis()
	m.begin()
	left := &harness{t: t, now: start, host: r.host, join: m.join}
	right := &harness{t: t, now: start, host: m.host, join: r.join}
	left.meet()
	right.meet()
	a, b := r.host.State(), r.join.State()
	if a.Step != Compare || b.Step != Compare || a.Digits == b.Digits {
		t.Errorf("host %d %s, joiner %d %s", a.Step, a.Digits, b.Step, b.Digits)
	}
}

// A joiner that knows the secret chooses its identity anew once it sees the handshake hash: its commitment tells.
func TestCommitmentBinds(t *testing.T) {
	r := newHarness(t).begin()
	r.tamper = func(toHost bool, b []byte) [][]byte {
		if b[0] == msgP4 {
			r.join.idJ = encodeJoiner([32]byte{66}, &r.join.self, testApp)
		}
		return [][]byte{b}
	}
	r.meet()
	if st := r.host.State(); st.Err != ErrAuth || st.Digits != "" {
		t.Errorf("%+v", st)
	}
}

// A confirmation by another key than the one shown, for another exchange, or of the other side, and an acceptance of
// another circle.
func TestConfirmationsAreChecked(t *testing.T) {
	evil := self("Mallory", 2)
	for name, c := range map[string]struct {
		change     func(r *harness)
		host, join error
	}{
		"host's key":      {func(r *harness) { r.host.ik = evil.IK }, nil, ErrAuth},
		"joiner's key":    {func(r *harness) { r.join.ik = evil.IK }, ErrAuth, nil},
		"host's hash":     {func(r *harness) { r.host.h[0] ^= 1 }, ErrAuth, ErrAuth},
		"joiner's id":     {func(r *harness) { r.join.idJ = r.join.idJ[1:] }, ErrAuth, ErrAuth},
		"acceptance":      {func(r *harness) { r.join.genesis[0] ^= 1 }, ErrAuth, nil},
		"accepted a name": {func(r *harness) { r.join.self.Name = "Another" }, ErrAuth, nil},
	} {
		r := newHarness(t).begin().meet()
		c.change(r)
		r.yes()
		r.want(name, c.host, c.join)
		if r.host.Grant(r.now, r.grantOf()) != nil && c.host != nil {
			t.Errorf("%s: granted", name)
		}
	}
}

// Every message, changed in every way: nobody gets further than before, and nothing panics.
func TestTampering(t *testing.T) {
	types := []byte{msgH0, msgP1, msgP2, msgP3, msgP4, msgP5, msgP6, msgP7}
	var last [][]byte // of an earlier pairing
	whole := newHarness(t).begin()
	whole.tamper = func(_ bool, b []byte) [][]byte { last = append(last, b); return [][]byte{b} }
	whole.meet().yes().grant()
	old := func(typ byte) []byte { return last[slices.IndexFunc(last, func(b []byte) bool { return b[0] == typ })] }
	ways := map[string]func(b []byte) [][]byte{
		"empty":        func(b []byte) [][]byte { return [][]byte{{}} },
		"type only":    func(b []byte) [][]byte { return [][]byte{b[:1]} },
		"cut":          func(b []byte) [][]byte { return [][]byte{b[:len(b)-1]} },
		"half":         func(b []byte) [][]byte { return [][]byte{b[:len(b)/2]} },
		"longer":       func(b []byte) [][]byte { return [][]byte{append(bytes.Clone(b), 0)} },
		"far longer":   func(b []byte) [][]byte { return [][]byte{append(bytes.Clone(b), make([]byte, 70000)...)} },
		"last bit":     func(b []byte) [][]byte { return [][]byte{flip(b, len(b)-1)} },
		"middle bit":   func(b []byte) [][]byte { return [][]byte{flip(b, len(b)/2)} },
		"first bit":    func(b []byte) [][]byte { return [][]byte{flip(b, 1)} },
		"another type": func(b []byte) [][]byte { return [][]byte{append([]byte{b[0] ^ 8}, b[1:]...)} },
		"as a PX":      func(b []byte) [][]byte { return [][]byte{append([]byte{msgPX}, b[1:]...)} },
		"twice":        func(b []byte) [][]byte { return [][]byte{b, b} },
		"zeros":        func(b []byte) [][]byte { return [][]byte{append(b[:1:1], make([]byte, len(b)-1)...)} },
		"of another":   func(b []byte) [][]byte { return [][]byte{old(b[0])} },
		"dropped":      func(b []byte) [][]byte { return nil },
	}
	for _, typ := range types {
		for name, way := range ways {
			r := newHarness(t)
			r.link.Secret[1]++ // another pairing than the one in old
			r.joinLink = r.link
			r.begin()
			done := false
			r.tamper = func(_ bool, b []byte) [][]byte {
				if b[0] != typ || done {
					return [][]byte{b}
				}
				done = true
				return way(b)
			}
			r.meet().yes().grant()
			h, j := r.host.State(), r.join.State()
			bad := h.Step == Failed || j.Step == Failed
			switch {
			case typ == msgH0 && name == "of another": // the sid is random, and the same here
				bad = true
			case name == "dropped":
				bad = h.Step != Granted || j.Step != Granted
			case typ == msgP7 && name == "twice":
				bad = true // the second finds the pairing done
			}
			if !bad {
				t.Errorf("%x %s: host at %d, joiner at %d", typ, name, h.Step, j.Step)
			}
			if typ < msgP5 && h.Digits != "" && j.Digits != "" && h.Digits != j.Digits {
				t.Errorf("%x %s: different digits", typ, name)
			}
			if typ < msgP4 && name != "dropped" && name != "twice" && h.Digits != "" && typ != msgH0 {
				t.Errorf("%x %s: host shows digits", typ, name)
			}
		}
	}
}

func TestNo(t *testing.T) {
	for name, c := range map[string]struct {
		at         func(r *harness)
		host       bool
		other      error
		otherKnows bool // by a message, not only by the absence
	}{
		"host at once":            {func(r *harness) {}, true, nil, false},
		"joiner at once":          {func(r *harness) {}, false, nil, false},
		"host at Compare":         {func(r *harness) { r.meet() }, true, ErrDenied, true},
		"joiner at Compare":       {func(r *harness) { r.meet() }, false, ErrDenied, true},
		"host after joiner's yes": {func(r *harness) { r.meet(); r.fromJoin(r.join.Yes(r.now)); r.run() }, true, ErrDenied, true},
		"joiner after its yes":    {func(r *harness) { r.meet(); r.fromJoin(r.join.Yes(r.now)); r.run() }, false, ErrDenied, true},
		"host at BothYes":         {func(r *harness) { r.meet().yes() }, true, ErrDenied, true},
		"joiner at BothYes":       {func(r *harness) { r.meet().yes() }, false, ErrDenied, true},
		"host before P3":          {func(r *harness) { r.until(msgP2) }, true, ErrAuth, false},
		"joiner before P4":        {func(r *harness) { r.until(msgP3) }, false, ErrDenied, false},
		"host before P5":          {func(r *harness) { r.until(msgP4) }, true, ErrDenied, true},
	} {
		r := newHarness(t).begin()
		c.at(r)
		one, other, send := r.join, r.host, r.fromJoin
		if c.host {
			one, other, send = r.host, r.join, r.fromHost
		}
		r.toHost, r.toJoin = keep(r.toHost, !c.host), keep(r.toJoin, c.host)
		send(one.No(r.now))
		r.run()
		if one.State().Err != ErrDenied {
			t.Errorf("%s: %v", name, one.State().Err)
		}
		if known := other.State().Err != nil; known != c.otherKnows {
			t.Errorf("%s: the other knows: %v", name, known)
		}
		other.Peer(r.now, false)
		if got := other.State().Err; got != c.other {
			t.Errorf("%s: the other ends with %v, want %v", name, got, c.other)
		}
	}
}

func keep(q [][]byte, yes bool) [][]byte {
	if yes {
		return q
	}
	return nil
}

func TestExpiry(t *testing.T) {
	for name, c := range map[string]struct {
		at         func(r *harness)
		after      uint64
		host, join error
	}{
		"nobody comes":              {func(r *harness) {}, LinkLife, ErrExpired, ErrExpired},
		"nearly":                    {func(r *harness) {}, LinkLife - 1, nil, nil},
		"P1 is lost":                {func(r *harness) { r.until(msgP1); r.toHost = nil }, Handshake, nil, ErrExpired},
		"P2 is lost":                {func(r *harness) { r.until(msgP2); r.toJoin = nil }, Handshake, ErrExpired, ErrExpired},
		"P4 is lost":                {func(r *harness) { r.until(msgP4); r.toJoin = nil }, Handshake, ErrExpired, ErrExpired},
		"P5 is lost":                {func(r *harness) { r.until(msgP5); r.toHost = nil }, Handshake, ErrExpired, nil},
		"nobody says yes":           {func(r *harness) { r.meet() }, YesLife, ErrExpired, ErrExpired},
		"somebody nearly says yes":  {func(r *harness) { r.meet() }, YesLife - 1, nil, nil},
		"only the host says yes":    {func(r *harness) { r.meet(); r.fromHost(r.host.Yes(r.now)); r.run() }, YesLife, ErrExpired, ErrExpired},
		"only the joiner says yes":  {func(r *harness) { r.meet(); r.fromJoin(r.join.Yes(r.now)); r.run() }, YesLife, ErrExpired, ErrExpired},
		"the host does not grant":   {func(r *harness) { r.meet().yes() }, Handshake, ErrExpired, ErrExpired},
		"granted long ago":          {func(r *harness) { r.meet().yes().grant() }, 1 << 40, nil, nil},
		"the joiner's clock is off": {func(r *harness) { r.meet(); r.fromHost(r.host.Tick(r.now + YesLife)); r.run() }, 0, ErrExpired, ErrExpired},
	} {
		r := newHarness(t).begin()
		c.at(r)
		r.now += c.after
		r.host.Tick(r.now)
		r.join.Tick(r.now)
		r.want(name, c.host, c.join)
	}
}

// Whatever comes after the end of a step finds it over, even if nobody called Tick.
func TestLateCalls(t *testing.T) {
	for name, call := range map[string]func(m *Machine, now uint64) [][]byte{
		"Yes":     func(m *Machine, now uint64) [][]byte { return m.Yes(now) },
		"No":      func(m *Machine, now uint64) [][]byte { return m.No(now) },
		"Peer":    func(m *Machine, now uint64) [][]byte { return m.Peer(now, true) },
		"Receive": func(m *Machine, now uint64) [][]byte { return m.Receive(now, []byte{msgP6}) },
		"Grant":   func(m *Machine, now uint64) [][]byte { return m.Grant(now, Grant{}) },
	} {
		r := newHarness(t).begin().meet()
		if out := call(r.host, r.now+YesLife); len(out) != 1 || out[0][0] != msgPX || r.host.State().Err != ErrExpired {
			t.Errorf("%s: %x, %v", name, out, r.host.State().Err)
		}
	}
}

// A joiner that leaves before P1 costs nothing; afterwards it costs the link.
func TestPeerLeaves(t *testing.T) {
	r := newHarness(t).begin()
	first := r.host.Peer(r.now, true)
	if r.host.Peer(r.now, true) != nil {
		t.Error("a second H0 to the same joiner")
	}
	if r.host.Peer(r.now, false) != nil || r.join.Peer(r.now, false) != nil || r.host.State().Err != nil || r.join.State().Err != nil {
		t.Error("failed before the link was spent")
	}
	second := r.host.Peer(r.now, true)
	if len(second) != 1 || bytes.Equal(first[0], second[0]) {
		t.Error("no new H0 for the next one")
	}
	r.fromHost(second)
	r.run().yes().grant()
	r.want("second", nil, nil)
	for typ, want := range map[byte]error{msgP1: ErrAuth, msgP2: ErrAuth, msgP3: ErrAuth, msgP5: ErrDenied} {
		r := newHarness(t).begin()
		r.until(typ)
		r.join.Peer(r.now, false)
		if got := r.join.State().Err; got != want {
			t.Errorf("joiner after %x: %v, want %v", typ, got, want)
		}
	}
	r = newHarness(t).begin()
	r.until(msgP1)
	r.run()
	r.host.Peer(r.now, false)
	r.want("host at Compare", ErrDenied, nil)
}

func TestFailFromOutside(t *testing.T) {
	r := newHarness(t).begin()
	if r.join.Fail(r.now, ErrCrowded) != nil {
		t.Error("says something before there is anybody")
	}
	r.want("crowded", nil, ErrCrowded)
	r = newHarness(t).begin().meet()
	r.fromHost(r.host.Fail(r.now, ErrCircle)) // the joiner is a member already
	r.run().want("a member", ErrCircle, ErrCircle)
}

func TestIdentities(t *testing.T) {
	long := strings.Repeat("n", 41)
	for name, c := range map[string]struct {
		change     func(r *harness)
		host, join error
	}{
		"host's name turns round":   {func(r *harness) { r.host.self.Name = "tsoH\u202e" }, nil, ErrAuth},
		"host's name breaks":        {func(r *harness) { r.host.self.Name = "Host\nYour bank" }, nil, ErrAuth},
		"host's name is long":       {func(r *harness) { r.host.self.Name = long }, nil, ErrAuth},
		"host has no name":          {func(r *harness) { r.host.self.Name = "" }, nil, ErrAuth},
		"joiner's name turns round": {func(r *harness) { r.join.self.Name = "\u2067x" }, ErrAuth, nil},
		"joiner's name is long":     {func(r *harness) { r.join.self.Name = long }, ErrAuth, nil},
		"joiner's name is no UTF-8": {func(r *harness) { r.join.self.Name = "\xff" }, ErrAuth, nil},
		"another kind":              {func(r *harness) { r.join.self.Kind = 3 }, ErrVersion, ErrVersion},
		"another role":              {func(r *harness) { r.host.offer.Role = 3 }, ErrVersion, ErrVersion},
		"another application":       {func(r *harness) { r.join.app = "https://other.example" }, ErrDenied, ErrLink},
		"another, unnoticed":        {func(r *harness) { r.host.offer.Apps = []string{"x"}; r.join.app = "" }, nil, nil},
		"any application":           {func(r *harness) { r.host.offer.Apps = nil }, nil, nil},
		"no genesis":                {func(r *harness) { r.host.offer.Genesis = nil }, nil, ErrAuth},
		"the same ik":               {func(r *harness) { r.join.self.IK = r.host.self.IK }, ErrCircle, ErrCircle},
		"the same nk":               {func(r *harness) { r.join.self.NK = r.host.self.NK }, ErrCircle, ErrCircle},
	} {
		r := newHarness(t).begin()
		c.change(r)
		r.meet().want(name, c.host, c.join)
	}
	r := newHarness(t)
	r.self[0].Name, r.self[1].Name = "\u202e"+long, "\n"
	r.begin().meet()
	if a, b := r.host.State().Other.Name, r.join.State().Other.Name; a != "Device" || b != long[:40] {
		t.Errorf("own names are not made valid: %q, %q", a, b)
	}
}

func TestHostSendsAnotherApplicationsLink(t *testing.T) {
	r := newHarness(t).begin()
	r.until(msgP4)
	r.join.app = "" // does not look, but says so in P5
	r.host.offer.Apps = []string{"https://other.example"}
	r.run()
	if r.host.State().Err != ErrLink || r.join.State().Err != ErrDenied {
		t.Errorf("host %v, joiner %v", r.host.State().Err, r.join.State().Err)
	}
}

func TestGrants(t *testing.T) {
	stranger := self("Stranger", 2)
	theirs, err := roster.New(stranger.IK, [32]byte{}, stranger.member(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *harness, g *Grant){
		"no roster":        func(r *harness, g *Grant) { g.Roster = nil },
		"another circle's": func(r *harness, g *Grant) { g.Roster = theirs.Behind(nil) },
		"not in order":     func(r *harness, g *Grant) { slices.Reverse(g.Roster) },
		"another role":     func(r *harness, g *Grant) { g.Role = 3 },
		"nine relays":      func(r *harness, g *Grant) { g.Relays = slices.Repeat([]string{relay}, 9) },
		"no relay's URL":   func(r *harness, g *Grant) { g.Relays = []string{"x"} },
	} {
		r := newHarness(t).begin().meet().yes()
		g := r.grantOf()
		change(r, &g)
		r.fromHost(r.host.Grant(r.now, g))
		r.run().want(name, ErrOffer, ErrDenied)

		// The same from a host that does not look.
		r = newHarness(t).begin().meet().yes()
		g = r.grantOf()
		change(r, &g)
		out, err := r.host.seal(msgP7, g.encode())
		if err != nil {
			t.Fatal(err)
		}
		r.fromHost(out)
		want := ErrAuth
		if name == "another role" {
			want = ErrVersion
		}
		if r.run(); r.join.State().Err != want {
			t.Errorf("%s: joiner ends with %v, want %v", name, r.join.State().Err, want)
		}
	}
}

// A roster that does not fit goes as far as it fits.
func TestLargeGrant(t *testing.T) {
	r := newHarness(t)
	for n := range 170 {
		d := self(strings.Repeat("📱", 38)+string(rune('A'+n/26))+string(rune('A'+n%26)), roster.Store)
		m := d.member()
		if _, err := r.circle.SignAdd(r.self[0].IK, m, roster.Accept(d.IK, r.circle.ID(), m)); err != nil {
			t.Fatal(err)
		}
	}
	r.begin().meet().yes().grant()
	r.want("large", nil, nil)
	_, ros := r.join.Granted()
	if n := ros.Len(); n < 130 || n >= r.circle.Len() {
		t.Errorf("%d entries", n)
	}
	for _, e := range r.circle.Behind(ros.Heads()) {
		if err := ros.Add(e); err != nil {
			t.Fatal(err)
		}
	}
}

// A joiner stops before it says anything, whether the host is newer or from before sessions had a version, and the link stays good.
func TestOtherVersions(t *testing.T) {
	for _, other := range []byte{1, version + 1} {
		r := newHarness(t).begin()
		r.tamper = func(_ bool, b []byte) [][]byte {
			return [][]byte{append([]byte{b[0], other}, b[2:]...)}
		}
		r.meet()
		r.want(fmt.Sprintf("H0 of version %d", other), nil, ErrVersion)
		if r.join.State().Spent || r.host.State().Spent {
			t.Errorf("spent by version %d", other)
		}
	}
}

func TestCannotBegin(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(r *harness)
		host, join error
	}{
		"no relay":    {func(r *harness) { r.link.Relay = "" }, ErrLink, ErrLink},
		"bad relay":   {func(r *harness) { r.link.Relay = "https://relay.example" }, ErrLink, ErrLink},
		"bad URL":     {func(r *harness) { r.link.URL = "javascript:alert(1)" }, ErrLink, nil},
		"bad app":     {func(r *harness) { r.self[0].App, r.self[1].App = "\n", strings.Repeat("a", 256) }, ErrLink, ErrLink},
		"no genesis":  {func(r *harness) { r.offer.Genesis = nil }, ErrOffer, nil},
		"no role":     {func(r *harness) { r.offer.Role = 0 }, ErrOffer, nil},
		"65 apps":     {func(r *harness) { r.offer.Apps = slices.Repeat([]string{"a"}, 65) }, ErrOffer, nil},
		"an app of 0": {func(r *harness) { r.offer.Apps = []string{""} }, ErrOffer, nil},
	} {
		r := newHarness(t)
		c.change(r)
		if _, err := Host(r.self[0], r.link, r.offer, nil, r.now); err != c.host {
			t.Errorf("%s: Host answers %v", name, err)
		}
		if _, err := Joiner(r.self[1], r.link, nil, r.now); err != c.join {
			t.Errorf("%s: Joiner answers %v", name, err)
		}
	}
}

// Randomness that ends, anywhere, ends the pairing.
func TestNoRandomness(t *testing.T) {
	for _, n := range []int{0, 15, 16, 47, 48, 79, 80, 111, 112, 143, 144, 175, 176} {
		r := newHarness(t).begin()
		r.host.rand, r.join.rand = io.LimitReader(r.host.rand, int64(n)), io.LimitReader(r.join.rand, int64(n))
		r.meet().yes().grant()
		if n < 176 && r.host.State().Step == Granted {
			t.Fatalf("paired with %d bytes", n)
		}
		if n >= 176 && r.join.State().Step != Granted {
			t.Fatalf("not paired with %d bytes: %v", n, r.join.State().Err)
		}
	}
}

func BenchmarkPairing(b *testing.B) {
	r := newHarness(b)
	for b.Loop() {
		r.begin().meet().yes().grant()
		if r.join.State().Step != Granted {
			b.Fatal(r.join.State().Err)
		}
	}
}
