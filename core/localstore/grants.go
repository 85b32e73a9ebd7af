package localstore

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/roster"
)

// app is an application that the user has let in once.
type app struct{ about }

// token lets an application in. There is one for each browser profile, and each program.
type token struct {
	id       string // base64url
	key      []byte
	App      string `json:"app"`   // whose data it opens
	Owner    string `json:"owner"` // who may use it: the origin, or the native program
	Key      string `json:"key"`
	Since    uint64 `json:"since"`
	LastUsed uint64 `json:"lastUsed"`
	Agent           // of the page that came in by it last
}

// fits reports whether who may use t.
func (t *token) fits(who Who) bool {
	if who.Kind == Web {
		return t.Owner == who.Origin
	}
	return who.Kind == Native && !isOrigin(t.Owner)
}

// Where things are kept. Values are JSON.
const (
	keepApp     = "app/"     // and its id: about
	keepToken   = "token/"   // and its id: token
	keepRefused = "blocked/" // and the owner: refusals in a row
)

// keep is the operation that keeps v, or forgets what is there if v is nil.
func keep(key string, v any) *peer.Op {
	do := peer.Keep{Key: key}
	if v != nil {
		do.Value = encode(v)
	}
	return &peer.Op{Do: do}
}

// loadEntry takes in what is kept. What it cannot read is of a newer masq, and left alone.
func (s *Store) loadEntry(key string, value []byte) {
	if id, ok := strings.CutPrefix(key, keepApp); ok {
		a := &app{}
		if json.Unmarshal(value, &a.about) == nil {
			s.apps[id] = a
		}
	} else if id, ok := strings.CutPrefix(key, keepToken); ok {
		t := &token{id: id}
		if json.Unmarshal(value, t) != nil {
			return
		}
		if t.key, ok = decodeURL(t.Key); ok && len(t.key) == keyBytes {
			s.tokens[id] = t
		}
	} else if owner, ok := strings.CutPrefix(key, keepRefused); ok {
		var n int
		if json.Unmarshal(value, &n) == nil {
			s.refused[owner] = n
		}
	}
}

func (s *Store) hasToken(owner, app string) bool {
	for _, t := range s.tokens {
		if t.Owner == owner && t.App == app {
			return true
		}
	}
	return false
}

// tokensOf returns an application's tokens, the oldest first.
func (s *Store) tokensOf(app string) []*token {
	var list []*token
	for _, id := range slices.Sorted(maps.Keys(s.tokens)) {
		if t := s.tokens[id]; t.App == app {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b *token) int { return cmp.Compare(a.Since, b.Since) })
	return list
}

// issue makes a token, and tells when it is durable, or why it is not. What an application says of itself counts; what a
// program says of another's does not, unless nothing is known.
func (s *Store) issue(owner, id string, a about, by Agent, then func(*token, peer.Code)) {
	t := &token{id: encodeURL(s.random(idBytes)), key: s.random(keyBytes), App: id, Owner: owner, Since: s.clock.Wall(), Agent: by}
	t.Key = encodeURL(t.key)
	s.tokens[t.id] = t
	if owner != id {
		_, host, _, _ := roster.SplitURL(id)
		a = about{Name: roster.CleanName(host)}
	}
	if s.apps[id] == nil || owner == id {
		if s.iconBytes(id)+len(a.Icon) > maxIcons {
			a.Icon = ""
		}
		s.apps[id] = &app{a}
	}
	known := s.apps[id].about
	delete(s.refused, owner)
	delete(s.attempts, owner)
	s.dirty = true
	done := func(code peer.Code) {
		if code == peer.OK && s.tokens[t.id] != t {
			code = peer.EDenied // taken away meanwhile
		}
		if code != peer.OK {
			s.do(s.forget(t), func(peer.Reply) {})
		}
		if code == peer.EApps && len(s.tokensOf(id)) == 0 {
			delete(s.apps, id) // nothing of it was stored
		}
		then(t, code)
	}
	s.do(&peer.Op{App: id, Do: peer.AddApp{Name: known.Name}}, func(r peer.Reply) {
		if r.Err != peer.OK || s.tokens[t.id] != t {
			done(r.Err)
			return
		}
		s.doAll([]*peer.Op{keep(keepApp+id, known), keep(keepToken+t.id, t), keep(keepRefused+owner, nil)}, done)
	})
}

// iconBytes is how much the icons of all applications but one take.
func (s *Store) iconBytes(but string) (n int) {
	for id, a := range s.apps {
		if id != but {
			n += len(a.Icon)
		}
	}
	return n
}

// forget takes a token away. Its connections are closed at once.
func (s *Store) forget(t *token) *peer.Op {
	delete(s.tokens, t.id)
	s.dirty = true
	s.eachClient(func(c *client) {
		if c.token == t {
			c.close(CloseDenied, peer.EDenied)
		}
	})
	return keep(keepToken+t.id, nil)
}

// used notes that a token is in use, once an hour.
func (s *Store) used(t *token) { s.usedBy(t, t.Agent) }

// usedBy notes it, and at once if it is another browser than before: one that has a new name.
func (s *Store) usedBy(t *token, by Agent) {
	other := by != Agent{} && by != t.Agent
	if !other && s.clock.Wall() < t.LastUsed+usedEvery || s.tokens[t.id] != t {
		return
	}
	if other {
		t.Agent = by
	}
	t.LastUsed = s.clock.Wall()
	s.dirty = true
	s.do(keep(keepToken+t.id, t), func(peer.Reply) {})
}

// pendingRequest is the one that the user decides on, nil if it is over.
func (s *Store) pendingRequest(num uint64) *request {
	for _, r := range s.pending {
		if uint64(r.num) == num && r.keys != nil {
			return r
		}
	}
	return nil
}

// allow lets the one in who asked; if the user is to type the digits into the page, when that was done.
func (s *Store) allow(k *call, p *params) {
	num := p.needNumber("request")
	if !k.right(p) {
		return
	}
	r := s.pendingRequest(num)
	switch {
	case r == nil:
		k.fail(peer.EExpired)
	case r.typing && !r.typed:
		r.allowed, s.dirty = true, true
		k.result(empty)
	default:
		s.letIn(r, k.end)
	}
}

// refuse turns the one away who asked. After the third time in a row it need not ask again.
func (s *Store) refuse(k *call, p *params) {
	num := p.needNumber("request")
	if !k.right(p) {
		return
	}
	r := s.pendingRequest(num)
	if r == nil {
		k.fail(peer.EExpired)
		return
	}
	s.refused[r.owner]++
	s.giveUp(r)
	r.over(peer.EDenied)
	s.finish(k, keep(keepRefused+r.owner, s.refused[r.owner]))
}

func (s *Store) unblock(k *call, p *params) {
	owner := p.needText("app")
	if !k.right(p) {
		return
	}
	delete(s.attempts, owner)
	if s.refused[owner] == 0 {
		k.result(empty)
	} else {
		delete(s.refused, owner)
		s.dirty = true
		s.finish(k, keep(keepRefused+owner, nil))
	}
}

// grant gives a native program a token without asking: the user is at the command line.
func (s *Store) grant(k *call, p *params) {
	id, name := p.needText("id"), p.needText("name")
	if !validProgram(id) {
		p.wrong(peer.EValue, "id")
	}
	if !roster.ValidName(name) {
		p.wrong(peer.EValue, "name")
	}
	if !k.right(p) {
		return
	}
	s.issue(id, id, about{Name: name}, Agent{}, func(t *token, code peer.Code) {
		if code != peer.OK {
			k.fail(code)
			return
		}
		k.result(tokenResult(t.id, t.key))
	})
}

// removeApp takes every token of an application's away, its devices, and with data also what it has stored here.
func (s *Store) removeApp(k *call, p *params) {
	id, data := p.needText("app"), p.flag("data")
	if !k.right(p) {
		return
	}
	if s.apps[id] == nil && s.appNow(id) == nil {
		k.fail(peer.EApp)
		return
	}
	ops := []*peer.Op{{App: id, Do: peer.RevokeOf{}}}
	for _, t := range s.tokensOf(id) {
		ops = append(ops, s.forget(t))
	}
	if data {
		delete(s.apps, id)
		ops = append(ops, keep(keepApp+id, nil), &peer.Op{App: id, Do: peer.DropApp{}})
	}
	s.finish(k, ops...)
}

func (s *Store) removeToken(k *call, p *params) {
	id, num := p.needText("app"), p.needText("id")
	if !k.right(p) {
		return
	}
	t := s.tokens[num]
	if t == nil || t.App != id {
		k.fail(peer.EApp)
		return
	}
	s.finish(k, s.forget(t))
}

// finish does ops, then answers k with nothing, or what went wrong.
func (s *Store) finish(k *call, ops ...*peer.Op) { s.doAll(ops, k.end) }
