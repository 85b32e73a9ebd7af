package localstore

import (
	"crypto/subtle"
	"slices"
	"strconv"

	"github.com/masqdev/masq/core/peer"
)

// openLink is a secret that opens the manager, once.
type openLink struct {
	secret []byte
	until  uint64
	by     *client // who waits for it to be used, and gets a code if it is not; nil: nobody
	codeAt uint64  // when
}

// openCode is what a person types into the locked manager, in the place of a link that the browser could not read. There is
// one at a time: few characters are enough only because there are few tries.
type openCode struct {
	text  []byte
	until uint64
	tries int
	by    *client
}

// crockford has no letter that can be taken for another character.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// session is a manager's page that was opened by such a secret. It ends with the store.
type session struct {
	key    []byte
	origin string
	num    uint32
}

// open makes a link to the manager. Who asks for a code, too, is told of it, or that the manager has been opened.
func (s *Store) open(k *call, p *params) {
	code := p.flag("code")
	if !k.right(p) {
		return
	}
	if len(s.links) == maxOpenLinks {
		s.links = s.links[1:]
	}
	l := openLink{secret: s.random(secretBytes), until: s.clock.In(openLinkTime)}
	if code {
		l.by, l.codeAt = k.c, s.clock.In(openCodeAfter)
		s.clock.Need(l.codeAt)
	}
	s.links = append(s.links, l)
	k.result(append(appendString([]byte(`{"link":`), s.managerURL()+"#masq-open="+encodeURL(l.secret)), '}'))
}

// sendCodes makes a code for each link that was not used in time. The newest is the one that is good.
func (s *Store) sendCodes() {
	for i := range s.links {
		if l := &s.links[i]; s.clock.Due(l.codeAt) {
			l.codeAt = 0
			s.sendCode(l.by)
		}
	}
}

func (s *Store) sendCode(by *client) {
	text := s.random(codeLength)
	for i := range text {
		text[i] = crockford[text[i]%32]
	}
	s.code = &openCode{text: text, until: s.clock.In(openCodeTime), by: by}
	b := appendString([]byte(`{"code":`), string(text[:codeLength/2])+"-"+string(text[codeLength/2:]))
	b = strconv.AppendUint(append(b, `,"expires":`...), s.clock.Wall()+openCodeTime, 10)
	by.notify("code", append(b, '}'))
}

func (s *Store) managerURL() string {
	if s.cfg.Port == 80 {
		return "http://localhost/"
	}
	return "http://localhost:" + strconv.Itoa(int(s.cfg.Port)) + "/"
}

// exchange gives the manager a session for a link's secret, or for a code.
func (s *Store) exchange(k *call, p *params) {
	var secret, code []byte
	if p.has("code") {
		if code = readCode(p.text("code")); code == nil {
			p.wrong(peer.EValue, "code")
		}
	} else {
		secret = p.secret("secret", secretBytes)
	}
	if !k.right(p) {
		return
	}
	by, ok := s.opens(secret, code)
	if !ok {
		k.c.shutOut(k)
		return
	}
	if by != nil {
		by.notify("opened", empty)
		by.forgetLinks()
	}
	id := encodeURL(s.random(idBytes))
	s.lastNum++
	m := session{key: s.random(keyBytes), origin: k.c.who.Origin, num: s.lastNum}
	s.addSession(id, m)
	k.c.proving = nil
	k.c.stands(In)
	k.result(tokenResult(id, m.key))
}

// readCode returns what was meant by a code as it was typed, nil if that is none.
func readCode(typed string) []byte {
	var code []byte
	for i := range len(typed) {
		c := typed[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch c {
		case '-', ' ':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		code = append(code, c)
	}
	if len(typed) > maxTypedCode || len(code) != codeLength {
		return nil
	}
	return code
}

// opens reports whether a secret, or else a code, opens the manager, and who waits for that. Neither is good again.
func (s *Store) opens(secret, code []byte) (by *client, ok bool) {
	if code != nil {
		return s.opensByCode(code)
	}
	for i, l := range s.links {
		if subtle.ConstantTimeCompare(l.secret, secret) == 1 && s.clock.Now() < l.until {
			s.links = append(s.links[:i], s.links[i+1:]...)
			return l.by, true
		}
	}
	return nil, false
}

func (s *Store) opensByCode(code []byte) (by *client, ok bool) {
	c := s.code
	if c == nil || s.clock.Now() >= c.until {
		return nil, false
	}
	c.tries++
	ok = subtle.ConstantTimeCompare(c.text, code) == 1
	if ok || c.tries == maxCodeTries {
		s.code = nil
	}
	return c.by, ok
}

// forgetLinks ends the links, and the code, that c waits for.
func (c *client) forgetLinks() {
	s := c.s
	s.links = slices.DeleteFunc(s.links, func(l openLink) bool { return l.by == c })
	if s.code != nil && s.code.by == c {
		s.code = nil
	}
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
