package pairing

import (
	"crypto/sha256"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// The first byte of each message; core/PROTOCOL.md, "Pairing".
const (
	msgH0 = 0x20
	msgP1 = 0x21
	msgP2 = 0x22
	msgP3 = 0x23
	msgP4 = 0x24
	msgP5 = 0x25
	msgP6 = 0x26
	msgP7 = 0x27
	msgPX = 0x2f
)

// Limits of what stands in messages, in bytes unless said otherwise.
const (
	maxBody   = wire.MaxFrame - 1
	maxApp    = 255
	maxApps   = 64 // applications on offer
	maxRelays = 8
	overhead  = 1 + 16 // a message's type and its AEAD tag
)

// Roles, of what a host offers and grants.
const (
	Full        = 1 // a device of the circle: it syncs everything and may let others in
	Application = 2 // an application's embedded store: it syncs this application's data and may let others into that
)

// Other is what the other side says of itself, once the two share a key.
type Other struct {
	roster.Member          // of a host the Kind is not known; Entry is empty
	Role          uint8    // of a host: what it offers
	Apps          []string // of a host: the applications on offer, none for all; of a joiner: the one it is, none for a store
	genesis       roster.ID
	root          [32]byte // of a host, role Application: whom to trust
}

// The tags of ID_H, ID_J and GRANT.
const (
	hostNK, hostIK, hostName, hostGenesis, hostRole, hostApp, hostRoot = 1, 2, 3, 4, 5, 6, 7
	joinRandom, joinNK, joinIK, joinName, joinKind, joinApp            = 1, 2, 3, 4, 5, 6
	grantRole, grantSecret, grantRelay, grantEntry, grantNamespace     = 1, 2, 3, 4, 5
)

// A form says which tags a message has: all up to last are known, those in need must be there, those in repeat may stand
// more than once. A set of tags has bit n for tag n.
type form struct {
	last         uint8
	need, repeat uint8
}

var (
	hostForm  = form{last: hostRoot, need: 0b011_1110, repeat: 1 << hostApp}
	joinForm  = form{last: joinApp, need: 0b011_1110}
	grantForm = form{last: grantNamespace, need: 0b0_0110, repeat: 1<<grantRelay | 1<<grantEntry}
)

func encodeHost(m *roster.Member, o *Offer) []byte {
	b := wire.AppendTLV(nil, hostNK, m.NK[:])
	b = wire.AppendTLV(b, hostIK, m.IK[:])
	b = wire.AppendTLV(b, hostName, []byte(m.Name))
	genesis := o.Genesis
	if o.Role == Application {
		id := roster.NamespaceGenesis(o.Namespace)
		genesis = id[:]
	}
	b = wire.AppendTLV(b, hostGenesis, genesis)
	b = wire.AppendTLV(b, hostRole, []byte{o.Role})
	for _, app := range o.Apps {
		b = wire.AppendTLV(b, hostApp, []byte(app))
	}
	if o.Role == Application {
		b = wire.AppendTLV(b, hostRoot, o.Root[:])
	}
	return b
}

func parseHost(b []byte) (Other, error) {
	var o Other
	var genesis []byte
	rooted := false
	err := fields(b, hostForm, func(tag uint8, v []byte) bool {
		switch tag {
		case hostNK:
			return fill(&o.NK, v)
		case hostIK:
			return fill(&o.IK, v)
		case hostName:
			o.Name = string(v)
			return roster.ValidName(o.Name)
		case hostGenesis:
			genesis = v
		case hostRole:
			return byteOf(&o.Role, v)
		case hostApp:
			o.Apps = append(o.Apps, string(v))
			return validApp(v) && len(o.Apps) <= maxApps
		case hostRoot:
			rooted = true
			return fill(&o.root, v)
		}
		return true
	})
	switch {
	case err != nil:
	case o.Role == Full:
		var circle *roster.Roster
		if circle, err = roster.Open(genesis); err == nil {
			o.genesis = circle.ID()
		} else {
			err = rosterError(err)
		}
	case o.Role != Application:
		err = ErrVersion
	case !rooted || len(o.Apps) != 1 || !fill(&o.genesis, genesis):
		err = ErrAuth
	}
	if err != nil {
		return Other{}, err
	}
	return o, nil
}

func encodeJoiner(random [32]byte, m *roster.Member, app string) []byte {
	b := wire.AppendTLV(nil, joinRandom, random[:])
	b = wire.AppendTLV(b, joinNK, m.NK[:])
	b = wire.AppendTLV(b, joinIK, m.IK[:])
	b = wire.AppendTLV(b, joinName, []byte(m.Name))
	b = wire.AppendTLV(b, joinKind, []byte{m.Kind})
	if app == "" {
		return b
	}
	return wire.AppendTLV(b, joinApp, []byte(app))
}

func parseJoiner(b []byte) (Other, error) {
	var o Other
	err := fields(b, joinForm, func(tag uint8, v []byte) bool {
		switch tag {
		case joinRandom:
			return len(v) == 32
		case joinNK:
			return fill(&o.NK, v)
		case joinIK:
			return fill(&o.IK, v)
		case joinName:
			o.Name = string(v)
			return roster.ValidName(o.Name)
		case joinKind:
			return byteOf(&o.Kind, v)
		case joinApp:
			o.Apps = []string{string(v)}
			return validApp(v)
		}
		return true
	})
	if err == nil && o.Kind != roster.Store && o.Kind != roster.Embedded {
		return Other{}, ErrVersion
	}
	return o, err
}

// A Grant is what lets the joiner in.
type Grant struct {
	Role      uint8    // what was offered
	Secret    [32]byte // the circle's, or the namespace's
	Relays    []string // the circle's Sync Servers, at most 8
	Roster    [][]byte // entries in an order in which they can be added; a circle's GENESIS first
	Namespace [32]byte // Application: the namespace's name
}

// encode writes g with as many of its entries as fit. The joiner gets the others in the first session.
func (g *Grant) encode() []byte {
	b := wire.AppendTLV(nil, grantRole, []byte{g.Role})
	b = wire.AppendTLV(b, grantSecret, g.Secret[:])
	if g.Role == Application {
		b = wire.AppendTLV(b, grantNamespace, g.Namespace[:])
	}
	for _, r := range g.Relays {
		b = wire.AppendTLV(b, grantRelay, []byte(r))
	}
	for _, e := range g.Roster {
		if len(b)+5+len(e) > maxBody-overhead {
			break
		}
		b = wire.AppendTLV(b, grantEntry, e)
	}
	return b
}

func parseGrant(b []byte) (Grant, error) {
	var g Grant
	err := fields(b, grantForm, func(tag uint8, v []byte) bool {
		switch tag {
		case grantRole:
			return byteOf(&g.Role, v)
		case grantSecret:
			return fill(&g.Secret, v)
		case grantRelay:
			g.Relays = append(g.Relays, string(v))
			return len(g.Relays) <= maxRelays && roster.ValidRelay(string(v))
		case grantEntry:
			g.Roster = append(g.Roster, v)
			return len(g.Roster) <= wire.MaxRoster
		case grantNamespace:
			return fill(&g.Namespace, v)
		}
		return true
	})
	if err == nil && g.Role != Full && g.Role != Application {
		err = ErrVersion
	}
	if err != nil {
		clear(g.Secret[:])
		return Grant{}, err
	}
	return g, nil
}

// open makes the roster that the grant carries, which has to be the one of genesis with host as a member. A namespace's may
// be without an entry of the host, if that is the root itself.
func (g *Grant) open(genesis roster.ID, root [32]byte, host *roster.Member) (*roster.Roster, error) {
	r, rest, err := g.begin(root)
	for i := 0; err == nil && i < len(rest); i++ {
		err = r.Add(rest[i])
	}
	if err != nil {
		return nil, rosterError(err)
	}
	m, ok := r.Member(host.IK)
	bare := g.Role == Application && host.IK == root && !ok && !r.Revoked(host.IK)
	if !bare && (!ok || m.NK != host.NK) || r.ID() != genesis {
		return nil, ErrAuth
	}
	return r, nil
}

// begin returns the roster that the entries in rest belong to.
func (g *Grant) begin(root [32]byte) (r *roster.Roster, rest [][]byte, err error) {
	switch {
	case g.Role == Application:
		return roster.OpenNamespace(g.Namespace, root), g.Roster, nil
	case len(g.Roster) == 0:
		return nil, nil, ErrAuth
	}
	r, err = roster.Open(g.Roster[0])
	return r, g.Roster[1:], err
}

// fields goes through TLV fields. each gets those that the form knows, and returns false to refuse a value.
func fields(b []byte, f form, each func(tag uint8, value []byte) bool) error {
	var seen uint8
	r := wire.NewReader(b)
	for r.Len() > 0 {
		tag, v := r.TLV(maxBody)
		switch {
		case r.Err() != nil:
			return ErrAuth
		case tag > f.last:
			continue
		case seen&^f.repeat&(1<<tag) != 0 || !each(tag, v):
			return ErrAuth
		}
		seen |= 1 << tag
	}
	if seen&f.need != f.need || r.Done() != nil {
		return ErrAuth
	}
	return nil
}

func fill(dst *[32]byte, v []byte) bool { return copy(dst[:], v) == len(dst) && len(v) == len(dst) }

func byteOf(dst *uint8, v []byte) bool {
	if len(v) != 1 {
		return false
	}
	*dst = v[0]
	return true
}

func validApp(v []byte) bool { return len(v) >= 1 && len(v) <= maxApp && roster.PlainText(string(v)) }

// digits are what both users compare.
func digits(h, idJ []byte) string {
	return Digits(sha256.Sum256(join("masq-pair/1 sas", h, idJ)))
}

// Digits is what users compare, six digits: a hash of a whole exchange as a big-endian number, mod 10^6.
func Digits(sum [sha256.Size]byte) string {
	n := uint32(0)
	for _, b := range sum {
		n = (n<<8 | uint32(b)) % 1_000_000
	}
	var out [6]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i], n = '0'+byte(n%10), n/10
	}
	return string(out[:])
}

func commitment(idJ []byte) []byte {
	sum := sha256.Sum256(join("masq-pair/1 commit", idJ))
	return sum[:]
}

// confirmation is what a side's ik signs after its user's yes.
func confirmation(side uint8, h, idJ []byte) []byte {
	return join("masq-pair/1 confirm", []byte{side}, h, idJ)
}

func join(label string, parts ...[]byte) []byte {
	b := []byte(label)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
