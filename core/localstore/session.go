package localstore

import (
	"crypto/subtle"
	"strconv"
)

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
	l := openLink{secret: s.random(secretBytes), until: s.clock.In(openLinkTime)}
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
		if subtle.ConstantTimeCompare(l.secret, secret) == 1 && s.clock.Now() < l.until {
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
