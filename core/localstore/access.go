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
	"reveal":   {forNewApps, (*Store).reveal},
	"compared": {forNewApps, (*Store).compared},
	"prove":    {forComing, (*Store).prove},
	"proof":    {forComing, (*Store).proof},
	"describe": {forApps, (*Store).describe},
	"exchange": {forNewManager, (*Store).exchange},
	"open":     {forAdmin, (*Store).open},
	"grant":    {forAdmin, (*Store).grant},
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
		k.result(append(strconv.AppendInt([]byte(`{"name":"masq","api":`), apiVersion, 10), '}'))
	}
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
	if !validDescription(a.Description) {
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

func validDescription(s string) bool {
	return utf8.RuneCountInString(s) <= maxDescribing && roster.PlainText(s)
}

// describe is what an application says of itself only to a store that has proved to be one, and an icon that is too long for
// request. What a program says of another's application counts for nothing.
func (s *Store) describe(k *call, p *params) {
	t := k.c.token
	a, next := s.apps[t.App], about{}
	if a != nil {
		next = a.about
	}
	if p.has("description") || !p.has("icon") {
		if next.Description = p.needText("description"); !validDescription(next.Description) {
			p.wrong(peer.EValue, "description")
		}
	}
	if p.has("icon") {
		if next.Icon = p.text("icon"); !validIcon(next.Icon) {
			p.wrong(peer.EValue, "icon")
		}
	}
	switch {
	case !k.right(p):
	case a == nil || t.Owner != t.App || next == a.about:
		k.result(empty)
	case s.iconBytes(t.App)+len(next.Icon) > maxIcons:
		k.fail(peer.ETooBig)
	default:
		a.about, s.dirty = next, true
		s.finish(k, keep(keepApp+t.App, a.about))
	}
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
