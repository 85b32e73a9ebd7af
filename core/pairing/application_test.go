package pairing

import (
	"slices"
	"testing"

	"github.com/masqdev/masq/core/roster"
)

func TestApplication(t *testing.T) {
	r := newAppHarness(t).begin().meet()
	h, j := r.host.State(), r.join.State()
	if h.Hidden || j.Hidden || h.Digits == "" || h.Digits != j.Digits || j.Other.Role != Application || !slices.Equal(j.Other.Apps, []string{testApp}) {
		t.Fatalf("host %+v, joiner %+v", h, j)
	}
	r.yes()
	member, acceptance := r.host.Joined()
	r.grant().want("application", nil, nil)
	g, ros := r.join.Granted()
	if g.Role != Application || g.Namespace != r.offer.Namespace || g.Secret != [32]byte{9} || ros.ID() != roster.NamespaceGenesis(r.offer.Namespace) ||
		!slices.Equal(ros.Roots(), [][32]byte{r.offer.Root}) || len(ros.Members()) != 1 {
		t.Errorf("got %+v", g)
	}
	add, err := r.circle.SignAdd(r.self[0].IK, member, acceptance)
	if err != nil || ros.Add(add) != nil || len(ros.Members()) != 2 {
		t.Errorf("the acceptance does not make a member: %v", err)
	}
}

// An application peer lets another one in, with the root that it trusts itself.
func TestApplicationLetsAnotherIn(t *testing.T) {
	r := newAppHarness(t)
	store := r.self[0]
	r.self[0] = self("Phone", roster.Embedded)
	phone := r.self[0].member()
	if _, err := r.circle.SignAdd(store.IK, phone, roster.Accept(r.self[0].IK, r.circle.ID(), phone)); err != nil {
		t.Fatal(err)
	}
	r.begin().meet().yes().grant().want("peer", nil, nil)
	if _, ros := r.join.Granted(); len(ros.Members()) != 2 || ros.Roots()[0] != store.member().IK {
		t.Error("the roster is not the one of the host")
	}
}

func TestRoles(t *testing.T) {
	const s, e = roster.Store, roster.Embedded
	for name, c := range map[string]struct {
		make       func(t testing.TB) *harness
		host, join uint8
		change     func(r *harness)
		hErr, jErr error
	}{
		"store, full, store":           {make: newHarness, host: s, join: s},
		"page, full, page":             {make: newHarness, host: e, join: e},
		"store, full, page":            {make: newHarness, host: s, join: e, hErr: ErrRole, jErr: ErrDenied},
		"page, full, store":            {make: newHarness, host: e, join: s, hErr: ErrRole, jErr: ErrDenied},
		"store, application, page":     {make: newAppHarness, host: s, join: e},
		"store, application, store":    {make: newAppHarness, host: s, join: s, hErr: ErrDenied, jErr: ErrRole},
		"another application":          {make: newAppHarness, host: s, join: e, change: func(r *harness) { r.join.app = "https://other.example" }, hErr: ErrDenied, jErr: ErrLink},
		"no application":               {make: newAppHarness, host: s, join: e, change: func(r *harness) { r.join.app = "" }, hErr: ErrDenied, jErr: ErrLink},
		"two applications":             {make: newAppHarness, host: s, join: e, change: func(r *harness) { r.host.offer.Apps = []string{testApp, "x"} }, hErr: nil, jErr: ErrAuth},
		"an unknown role":              {make: newAppHarness, host: s, join: e, change: func(r *harness) { r.host.offer.Role = 3 }, hErr: ErrVersion, jErr: ErrVersion},
		"the joiner says that it is s": {make: newAppHarness, host: s, join: e, change: lieAbout(s, testApp), hErr: ErrRole, jErr: ErrDenied},
		"the joiner tells another app": {make: newAppHarness, host: s, join: e, change: lieAbout(e, "https://other.example"), hErr: ErrLink, jErr: ErrDenied},
		"the joiner tells no app":      {make: newAppHarness, host: s, join: e, change: lieAbout(e, ""), hErr: ErrLink, jErr: ErrDenied},
	} {
		r := c.make(t)
		r.self[0].Kind, r.self[1].Kind = c.host, c.join
		r.begin()
		if c.change != nil {
			c.change(r)
		}
		r.meet().want(name, c.hErr, c.jErr)
	}
}

// lieAbout makes the joiner say, in what it commits to and shows, something else than it goes by.
func lieAbout(kind uint8, app string) func(r *harness) {
	return func(r *harness) {
		r.until(msgP1)
		member := r.join.self
		member.Kind = kind
		r.tamper = func(toHost bool, b []byte) [][]byte {
			if b[0] == msgP2 && r.join.idJ == nil {
				own, was := r.join.self, r.join.app
				r.join.self, r.join.app = member, app
				out, err := r.join.takeP2(b[1:])
				r.join.self, r.join.app = own, was
				if err != nil {
					r.t.Fatal(err)
				}
				r.fromJoin(out)
				return nil
			}
			return [][]byte{b}
		}
	}
}

func TestHiddenDigits(t *testing.T) {
	for name, c := range map[string]struct {
		typed func(shown string) string
		want  error
	}{
		"right":      {func(s string) string { return s }, nil},
		"wrong":      {func(s string) string { return string(flip([]byte(s), 5)) }, ErrAuth},
		"too few":    {func(s string) string { return s[:5] }, ErrAuth},
		"none":       {func(string) string { return "" }, ErrAuth},
		"more":       {func(s string) string { return s + "0" }, ErrAuth},
		"with space": {func(s string) string { return s[:3] + " " + s[3:] }, ErrAuth},
	} {
		r := newHarness(t)
		r.self[0].Kind, r.self[1].Kind = roster.Store, roster.Store
		r.begin()
		if !r.host.State().Hidden || r.join.State().Hidden || r.host.YesWith(r.now, "") != nil {
			t.Error("not hidden, or a yes before there are digits")
		}
		r.meet()
		h, j := r.host.State(), r.join.State()
		if h.Digits != "" || len(j.Digits) != 6 || h.Step != Compare {
			t.Fatalf("%s: host %+v, joiner %+v", name, h, j)
		}
		if r.host.Yes(r.now) != nil || r.host.State().Step != Compare {
			t.Errorf("%s: a yes without digits", name)
		}
		r.fromJoin(r.join.Yes(r.now))
		r.run()
		r.fromHost(r.host.YesWith(r.now, c.typed(j.Digits)))
		r.run()
		if got := r.host.State(); got.Err != c.want || (c.want == nil) != (got.Step == BothYes) || !got.Spent {
			t.Errorf("%s: %+v", name, got)
		}
		if c.want == nil {
			r.grant().want(name, nil, nil)
		} else if r.host.YesWith(r.now, j.Digits) != nil || r.host.digits != "" {
			t.Errorf("%s: a second try", name)
		}
	}
	r := newHarness(t).begin().meet()
	r.fromHost(r.host.YesWith(r.now, r.join.State().Digits))
	if r.host.State().Step != Confirmed {
		t.Error("digits are not taken where they are shown")
	}
}

func TestApplicationOffers(t *testing.T) {
	for name, change := range map[string]func(o *Offer){
		"no application":   func(o *Offer) { o.Apps = nil },
		"two applications": func(o *Offer) { o.Apps = []string{"a", "b"} },
		"no namespace":     func(o *Offer) { o.Namespace = [32]byte{} },
		"no root":          func(o *Offer) { o.Root = [32]byte{} },
		"role 3":           func(o *Offer) { o.Role = 3 },
	} {
		r := newAppHarness(t)
		change(&r.offer)
		if _, err := Host(r.self[0], r.link, r.offer, nil, r.now); err != ErrOffer {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestApplicationGrants(t *testing.T) {
	stranger := self("Stranger", roster.Store)
	theirs := roster.OpenNamespace([32]byte{4}, stranger.member().IK)
	if _, err := theirs.SignFull(stranger.IK, stranger.member()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change     func(r *harness, g *Grant)
		host, join error // of a host that does not look
	}{
		"nothing yet: the root itself": {func(r *harness, g *Grant) { g.Roster = nil }, nil, nil},
		"another namespace":            {func(r *harness, g *Grant) { g.Namespace[0]++ }, ErrOffer, ErrAuth},
		"another's roster":             {func(r *harness, g *Grant) { r.join.root[0]++ }, nil, ErrAuth},
		"another role":                 {func(r *harness, g *Grant) { g.Role = Full }, ErrOffer, ErrAuth},
		"role 3":                       {func(r *harness, g *Grant) { g.Role = 3 }, ErrOffer, ErrVersion},
		"not an entry":                 {func(r *harness, g *Grant) { g.Roster = [][]byte{{1}} }, ErrOffer, ErrAuth},
		"of somebody else":             {func(r *harness, g *Grant) { g.Roster = theirs.Behind(nil); r.join.root = stranger.member().IK }, nil, ErrAuth},
		"the host was revoked": {func(r *harness, g *Grant) {
			if _, err := r.circle.SignRevoke(r.self[0].IK, r.self[0].member().IK); err != nil {
				t.Fatal(err)
			}
			g.Roster = r.circle.Behind(nil)
		}, ErrOffer, ErrAuth},
	} {
		r := newAppHarness(t).begin().meet().yes()
		g := r.grantOf()
		c.change(r, &g)
		r.fromHost(r.host.Grant(r.now, g))
		if got := r.host.State().Err; got != c.host {
			t.Errorf("%s: host ends with %v, want %v", name, got, c.host)
		}
		r = newAppHarness(t).begin().meet().yes()
		g = r.grantOf()
		c.change(r, &g)
		out, err := r.host.seal(msgP7, g.encode())
		if err != nil {
			t.Fatal(err)
		}
		r.fromHost(out)
		if r.run(); r.join.State().Err != c.join {
			t.Errorf("%s: joiner ends with %v, want %v", name, r.join.State().Err, c.join)
		}
	}
	r := newHarness(t).begin().meet().yes() // and a namespace's where a circle's was offered
	app := newAppHarness(t)
	out, err := r.host.seal(msgP7, (&Grant{Role: Application, Namespace: app.offer.Namespace, Roster: app.circle.Behind(nil)}).encode())
	if err != nil {
		t.Fatal(err)
	}
	r.fromHost(out)
	r.run().want("application for full", nil, ErrAuth)
}
