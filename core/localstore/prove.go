package localstore

import (
	"crypto/hmac"
	"crypto/sha256"

	"github.com/masqdev/masq/core/peer"
)

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
	switch {
	case f == nil || !hmac.Equal(mac, f.mac(f.label)):
		c.shutOut(k)
		return
	case c.who.Kind == Manager:
		c.stands(In)
	case f.token == nil || s.tokens[f.token.id] != f.token: // taken away meanwhile
		c.shutOut(k)
		return
	default:
		c.enter(f.token)
	}
	k.result(empty)
}

// shutOut is what happens to who could not prove what it said.
func (c *client) shutOut(k *call) {
	k.fail(peer.EAuth)
	c.close(CloseAuth, peer.EAuth)
}
