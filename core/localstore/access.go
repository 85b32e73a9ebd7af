package localstore

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/roster"
)

// accessMethods are the methods that come in, and give access.
var accessMethods = map[string]method{
	"hello":    {forAll, (*Store).hello},
	"request":  {forNewApps, (*Store).request},
	"prove":    {forComing, (*Store).prove},
	"proof":    {forComing, (*Store).proof},
	"exchange": {forNewManager, (*Store).exchange},
	"open":     {forAdmin, (*Store).open},
	"grant":    {forAdmin, (*Store).grant},
	"setIcon":  {forApps, (*Store).setIcon},
}

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
	r.asked, r.expires, r.until = s.clock.Wall(), s.clock.Wall()+requestTime, s.clock.In(requestTime)
	s.clock.Need(r.until)
	s.pending = append(s.pending, r)
	c.asking, c.proving, s.dirty = r, nil, true
	c.stands(Asking)
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

// mayAsk returns why r may not wait for the user now.
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

// over returns r with an error. Its connection may ask once more, if it is quick.
func (r *request) over(code peer.Code) {
	c, s := r.c, r.c.s
	c.asking = nil
	c.stands(Stranger)
	c.until = s.clock.In(comeInTime)
	s.clock.Need(c.until)
	r.call.fail(code)
}
