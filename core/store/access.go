package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/roster"
)

// request is an application's that asks to be let in: it waits for the user.
type request struct {
	num     uint32
	c       *client
	call    *call
	owner   string // who asks: the origin, or the native program
	app     string // for whose data
	about   about
	again   bool // it, or another like it, has a token already
	asked   uint64
	expires uint64 // in the clock's time
	until   uint64
}

// about is what an application says of itself.
type about struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Icon        string `json:"icon,omitempty"` // a data: URL
	URL         string `json:"url,omitempty"`  // where it is, on the web
}

func (s *Store) hello(k *call, p *params) {
	if k.right(p) {
		r := appendString([]byte(`{"name":"masq","version":`), s.cfg.Version)
		r = strconv.AppendInt(append(r, `,"api":`...), apiVersion, 10)
		k.result(append(r, '}'))
	}
}

func (s *Store) request(k *call, p *params) {
	c := k.c
	r := &request{c: c, call: k}
	r.owner, r.app = readOwner(c.who, p)
	r.about = readAbout(p, r.app)
	if k.id == nil {
		p.wrong(peer.EValue, "") // the token would go nowhere
	}
	if !k.right(p) {
		return
	}
	if code := s.mayAsk(r); code != peer.OK {
		k.fail(code)
		return
	}
	s.lastNum++
	r.num, r.again = s.lastNum, s.hasToken(r.owner, r.app)
	r.asked, r.expires, r.until = s.clock.wall, s.clock.wall+requestTime, s.clock.in(requestTime)
	s.clock.need(r.until)
	s.pending = append(s.pending, r)
	c.asking, c.proving, s.dirty = r, nil, true
	c.notify("asking", append(strconv.AppendUint([]byte(`{"expires":`), r.expires, 10), '}'))
}

// readOwner reads who asks, and for whose data. A page asks for its own. A program asks for its own too, or, under a name of its
// own, for a page's.
func readOwner(who Who, p *params) (owner, app string) {
	id, program := p.text("id"), p.text("program")
	switch {
	case who.Kind == Web:
		if id != "" && id != who.Origin {
			p.wrong(peer.EValue, "id")
		}
		if program != "" {
			p.wrong(peer.EValue, "program")
		}
		return who.Origin, who.Origin
	case validOrigin(id):
		if !validProgram(program) {
			p.wrong(peer.EValue, "program")
		}
		return program, id
	}
	if !validProgram(id) {
		p.wrong(peer.EValue, "id")
	}
	if program != "" && program != id {
		p.wrong(peer.EValue, "program")
	}
	return id, id
}

func readAbout(p *params, app string) about {
	in := p.object("app")
	a := about{Name: in.needText("name"), Description: in.text("description"), Icon: in.text("icon"), URL: in.text("url")}
	if !roster.ValidName(a.Name) {
		in.wrong(peer.EValue, "name")
	}
	if utf8.RuneCountInString(a.Description) > maxDescribing || !roster.PlainText(a.Description) {
		in.wrong(peer.EValue, "description")
	}
	if a.URL != "" && !validURL(a.URL, app) {
		in.wrong(peer.EValue, "url")
	}
	if !validIcon(a.Icon) {
		a.Icon = "" // an application without a picture is better than none
	}
	p.close(in)
	return a
}

// validURL reports whether s is an address of the application's own, to which the link of an invite can be appended.
func validURL(s, app string) bool {
	return len(s) <= maxURL && isOrigin(app) && strings.HasPrefix(s, app+"/") && !strings.ContainsFunc(s, notURL)
}

func notURL(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("#\"<>\\`", c) }

func validIcon(s string) bool {
	kind, data, ok := strings.Cut(s, ";base64,")
	if !ok || len(s) > maxIcon {
		return false
	}
	_, ok = unbase64(base64.StdEncoding, data)
	switch kind {
	case "data:image/png", "data:image/jpeg", "data:image/webp", "data:image/gif", "data:image/svg+xml":
		return ok
	}
	return false
}

// mayAsk answers why r may not wait for the user now.
func (s *Store) mayAsk(r *request) peer.Code {
	if s.refused[r.owner] >= maxRefusals {
		return peer.EDenied
	}
	domain, same := domainOf(r.owner), 0
	for _, other := range s.pending {
		if other.owner == r.owner {
			return peer.EBusy
		}
		if domainOf(other.owner) == domain {
			same++
		}
	}
	if r.c.asking != nil || same >= maxPendingDomain || len(s.pending) >= maxPending {
		return peer.EBusy
	}
	return peer.OK
}

// drop takes r from those that wait for the user, if it is one of them.
func (s *Store) drop(r *request) bool {
	for i, other := range s.pending {
		if other == r {
			s.pending = append(s.pending[:i], s.pending[i+1:]...)
			s.dirty = true
			return true
		}
	}
	return false
}

// over answers r with an error. Its connection may ask once more, if it is quick.
func (r *request) over(code peer.Code) {
	c, s := r.c, r.c.s
	c.asking = nil
	c.until = s.clock.in(comeInTime)
	s.clock.need(c.until)
	r.call.fail(code)
}

// proof is what a client has to show: that it has the key of what it named.
type proof struct {
	token  *token // an application's; nil: a manager's, or there is none such
	key    []byte
	app    string // the Origin, or the native id, to which the token belongs
	label  string // of what is to be shown
	cn, sn []byte
}

// The labels of what the two sides show each other.
const (
	labelStore   = "masq-store/1 store"
	labelClient  = "masq-store/1 client"
	labelManager = "masq-store/1 manager"
)

// mac is what proves the key, under a label.
func (f *proof) mac(label string) []byte {
	m := hmac.New(sha256.New, f.key)
	m.Write([]byte(label))
	m.Write([]byte{byte(len(f.app) >> 8), byte(len(f.app))})
	m.Write([]byte(f.app))
	m.Write(f.cn)
	m.Write(f.sn)
	return m.Sum(nil)
}

// prove is the first half of coming in: the store shows that it has the key. For an id that is not known, or another's,
// it shows what nobody can check, so that nothing is learned of which there are.
func (s *Store) prove(k *call, p *params) {
	id, cn := p.secret("id", idBytes), p.secret("cn", nonceBytes)
	if !k.right(p) {
		return
	}
	if k.c.asking != nil {
		k.fail(peer.EBusy)
		return
	}
	f := &proof{key: s.random(keyBytes), app: k.c.who.Origin, label: labelClient, cn: cn, sn: s.random(nonceBytes)}
	switch t, m := s.tokens[encodeURL(id)], s.session[encodeURL(id)]; {
	case k.c.who.Kind == Manager:
		f.label = labelManager
		if m.key != nil && m.origin == f.app {
			f.key = m.key
		}
	case t != nil && t.fits(k.c.who):
		f.token, f.key, f.app = t, t.key, t.Owner
	}
	k.c.proving = f
	r := appendString([]byte(`{"sn":`), encodeURL(f.sn))
	r = appendString(append(r, `,"mac":`...), encodeURL(f.mac(labelStore)))
	k.result(append(r, '}'))
}

// proof is the second half: the client shows it. It has one try.
func (s *Store) proof(k *call, p *params) {
	mac := p.secret("mac", sha256.Size)
	if !k.right(p) {
		return
	}
	c, f := k.c, k.c.proving
	c.proving = nil
	if f == nil || !hmac.Equal(mac, f.mac(f.label)) || f.token != nil && s.tokens[f.token.id] != f.token {
		c.shutOut(k)
		return
	}
	if f.token != nil {
		c.enter(f.token)
	} else {
		c.in, s.dirty = true, true
	}
	k.result(empty)
}

// shutOut is what happens to who could not prove what it said.
func (c *client) shutOut(k *call) {
	k.fail(peer.EAuth)
	c.close(CloseAuth, peer.EAuth)
}

// openLink is a secret that opens the manager, once.
type openLink struct {
	secret []byte
	until  uint64
}

// session is a manager's page that was opened by such a secret. It ends with the store.
type session struct {
	key    []byte
	origin string
	num    uint32
}

// open makes a link to the manager.
func (s *Store) open(k *call, p *params) {
	if !k.right(p) {
		return
	}
	if len(s.links) == maxOpenLinks {
		s.links = s.links[1:]
	}
	l := openLink{secret: s.random(secretBytes), until: s.clock.in(openLinkTime)}
	s.links = append(s.links, l)
	k.result(append(appendString([]byte(`{"link":`), s.managerURL()+"#masq-open="+encodeURL(l.secret)), '}'))
}

func (s *Store) managerURL() string {
	if s.cfg.Port == 80 {
		return "http://localhost/"
	}
	return "http://localhost:" + strconv.Itoa(int(s.cfg.Port)) + "/"
}

// exchange gives the manager a session for such a link's secret.
func (s *Store) exchange(k *call, p *params) {
	secret := p.secret("secret", secretBytes)
	if !k.right(p) {
		return
	}
	found := -1
	for i, l := range s.links {
		if subtle.ConstantTimeCompare(l.secret, secret) == 1 && s.clock.now < l.until {
			found = i
		}
	}
	if found < 0 {
		k.c.shutOut(k)
		return
	}
	s.links = append(s.links[:found], s.links[found+1:]...)
	id := encodeURL(s.random(idBytes))
	s.lastNum++
	m := session{key: s.random(keyBytes), origin: k.c.who.Origin, num: s.lastNum}
	s.addSession(id, m)
	k.c.in, k.c.proving = true, nil
	k.result(tokenResult(id, m.key))
}

// addSession adds one, in the place of the oldest if there are many.
func (s *Store) addSession(id string, m session) {
	if len(s.session) == maxSessions {
		oldest := ""
		for id, other := range s.session {
			if oldest == "" || other.num < s.session[oldest].num {
				oldest = id
			}
		}
		delete(s.session, oldest)
	}
	s.session[id] = m
}

func tokenResult(id string, key []byte) []byte {
	r := appendString([]byte(`{"id":`), id)
	return append(appendString(append(r, `,"key":`...), encodeURL(key)), '}')
}
