package localstore

import (
	"strconv"

	"github.com/masqdev/masq/core/internal/contact"
	"github.com/masqdev/masq/core/peer"
)

// First contact: whoever asks to be let in commits to a share of a key, is shown the store's, and reveals its own. The user sees
// the request from then on, with six digits that both sides know. The token goes out under the key of the exchange alone.

// request is an application's that asks to be let in. From reveal on it waits for the user.
type request struct {
	num     uint32
	c       *client
	contact *contact.Store
	keys    *contact.Keys // nil: not revealed yet
	call    *call         // reveal, which is answered with the token
	owner   string        // who asks: the origin, or the native program
	app     string        // for whose data
	about   about
	again   bool // it, or another like it, has a token already
	typing  bool // the user types the digits into the page: it has data, and keeps it until they are right
	typed   bool // they were
	allowed bool // the user has said yes
	asked   uint64
	expires uint64 // in the clock's time
	until   uint64
}

// attempts counts the exchanges of an owner in a row that came to nothing, whatever ended them.
type attempts struct {
	n    int
	last uint64 // when the last one ended
}

// request begins an exchange. The place is taken from here on: whoever was shown the store's share could try another one otherwise,
// until the digits are those that it wants.
func (s *Store) request(k *call, p *params) {
	c := k.c
	r := &request{c: c}
	r.owner, r.app = readOwner(c.who, p)
	r.about = readAbout(p, r.app)
	commitment := p.secret("commitment", contact.CommitmentSize)
	if !k.right(p) {
		return
	}
	if code := s.mayAsk(r); code != peer.OK {
		k.fail(code)
		return
	}
	var err error
	if r.contact, err = contact.NewStore(r.owner, s.cfg.pagePort(), commitment, s.rand); err != nil {
		panic("store: no randomness") // as in random
	}
	s.lastNum++
	r.num, r.again, r.until = s.lastNum, s.hasToken(r.owner, r.app), s.clock.In(comeInTime)
	s.clock.Need(r.until)
	s.pending = append(s.pending, r)
	c.asking, c.proving = r, nil
	c.stands(Asking)
	k.result(append(appendString([]byte(`{"key":`), encodeURL(r.contact.Share())), '}'))
}

// reveal ends the exchange, and waits for the user.
func (s *Store) reveal(k *call, p *params) {
	share, nonce := p.secret("key", contact.ShareSize), p.secret("nonce", contact.NonceSize)
	typing := p.flag("typing")
	if k.id == nil {
		p.wrong(peer.EValue, "") // the token would go nowhere
	}
	if !k.right(p) {
		return
	}
	r := k.c.asking
	if r == nil || r.keys != nil {
		k.fail(peer.EExpired)
		return
	}
	keys, err := r.contact.Open(share, nonce)
	if err != nil {
		k.c.shutOut(k)
		return
	}
	r.keys, r.call, r.typing, r.contact = keys, k, typing, nil
	r.asked, r.expires, r.until = s.clock.Wall(), s.clock.Wall()+requestTime, s.clock.In(requestTime)
	s.clock.Need(r.until)
	s.dirty = true
	k.c.notify("asking", append(strconv.AppendUint([]byte(`{"expires":`), r.expires, 10), '}'))
}

// compared is that the user has typed the right digits into the page.
func (s *Store) compared(k *call, p *params) {
	if !k.right(p) {
		return
	}
	r := k.c.asking
	if r == nil || !r.typing || r.typed {
		k.fail(peer.EExpired)
		return
	}
	r.typed, s.dirty = true, true
	k.result(empty)
	if r.allowed {
		s.letIn(r, func(peer.Code) {})
	}
}

// letIn gives the one a token who asked, when it is durable, and tells what came of it.
func (s *Store) letIn(r *request, then func(peer.Code)) {
	s.drop(r)
	s.issue(r.owner, r.app, r.about, r.c.agent, func(t *token, code peer.Code) {
		switch {
		case code == peer.OK && r.c.gone:
			s.do(s.forget(t), func(peer.Reply) {}) // nobody has it
			code = peer.EExpired
		case code != peer.OK:
			r.over(code)
		default:
			r.c.enter(t)
			id, _ := decodeURL(t.id)
			sealed := r.keys.Seal(append(id, t.key...))
			r.call.result(append(appendString([]byte(`{"token":`), encodeURL(sealed)), '}'))
		}
		then(code)
	})
}

// mayAsk returns why r may not wait for the user now.
func (s *Store) mayAsk(r *request) peer.Code {
	if s.refused[r.owner] >= maxRefusals || s.pauses(r.owner) {
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

// pauses reports whether an owner's exchanges have come to nothing so often, and so lately, that it may not begin another.
func (s *Store) pauses(owner string) bool {
	a := s.attempts[owner]
	return a.n >= maxRefusals && s.clock.Now() < a.last+requestPause
}

// cameToNothing counts an exchange that did. Those that nobody has tried for longest are forgotten first: to have them forgotten
// takes more exchanges than it frees.
func (s *Store) cameToNothing(owner string) {
	if _, ok := s.attempts[owner]; !ok && len(s.attempts) >= maxAttempts {
		oldest := owner
		for other, a := range s.attempts {
			if oldest == owner || a.last < s.attempts[oldest].last {
				oldest = other
			}
		}
		delete(s.attempts, oldest)
	}
	s.attempts[owner] = attempts{s.attempts[owner].n + 1, s.clock.Now()}
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

// giveUp is that r has come to nothing, if it has not come to a yes.
func (s *Store) giveUp(r *request) {
	if s.drop(r) {
		s.cameToNothing(r.owner)
	}
}

// expire ends r, whose time is over.
func (s *Store) expire(r *request) {
	if r.call == nil {
		r.c.close(CloseExpired, peer.EExpired)
		return
	}
	s.giveUp(r)
	r.over(peer.EExpired)
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
