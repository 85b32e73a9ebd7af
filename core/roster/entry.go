package roster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"

	"github.com/masqdev/masq/core/wire"
)

// ID is the SHA-256 of a whole entry.
type ID = [32]byte

// Kinds of device, as they stand in Member.Kind.
const (
	Store    = 1 // keeps the data of every application on its computer
	Embedded = 2 // lives inside one application's page
)

// A Member is a device of the circle, or of a namespace's roster.
type Member struct {
	IK    [32]byte // Ed25519 identity
	NK    [32]byte // X25519 static key of its sessions
	Kind  uint8    // Store or Embedded; in a namespace's roster Store is a full device, Embedded an application peer
	Name  string   // as ValidName has it; what it was called when it became a member. Of a full device in a namespace's roster: empty
	Entry ID       // the entry that made it a member; not part of what is signed
}

// The types of entry.
const (
	typeGenesis = 1
	typeAdd     = 2
	typeRelays  = 3
	typeRevoke  = 4
	typeFull    = 5
	typeNote    = 6 // has no effect
)

const (
	maxSmall  = 1 << 10            // bytes in an entry that is not RELAYS
	maxPrev   = 16                 // ids in prev
	maxPast   = wire.MaxRoster - 1 // entries that one stands behind: with it they fit in a message
	maxNote   = 256                // bytes of a NOTE behind prev
	maxRelays = 8
	trailer   = ed25519.PublicKeySize + ed25519.SignatureSize

	labelEntry  = "masq-roster/1"
	labelAccept = "masq-roster/1 accept"
)

// An entry is a parsed one. Which fields are filled depends on typ.
type entry struct {
	id     ID
	raw    []byte
	typ    uint8
	signer [32]byte
	prev   []ID // ascending

	root       [32]byte // GENESIS
	member     Member   // GENESIS, ADD, FULL
	target     [32]byte // REVOKE
	acceptance []byte   // ADD; aliases raw; gone once checked
	version    uint32   // RELAYS
	relays     []string // RELAYS

	past set  // every entry that this one stands behind
	size int  // how many those are
	by   set  // those in past that introduce its signer
	aim  int  // of a circle's REVOKE: the first in past that introduces its target
	line set  // ADD, in a namespace's roster: see lineOf
	idle bool // its own past says that it does not count; in a namespace's roster only, else it is not taken
	who  int  // the number of its signer: see Roster.number
	whom int  // that of the device it is about; of RELAYS and NOTE the signer's
}

// parse takes an entry apart. It checks its form and no signature. An unknown type is not an error here: its body is
// not looked into.
func parse(raw []byte) (entry, error) {
	if len(raw) > wire.MaxRosterEntry {
		return entry{}, ErrEntry
	}
	r := wire.NewReader(raw)
	e := entry{id: sha256.Sum256(raw), raw: raw, typ: r.U8()}
	body := wire.NewReader(r.LV(wire.MaxRosterEntry))
	signer := r.Bytes(ed25519.PublicKeySize)
	r.Bytes(ed25519.SignatureSize)
	if r.Done() != nil {
		return entry{}, ErrEntry
	}
	e.signer = [32]byte(signer)
	if !e.known() {
		return e, nil
	}
	if e.typ != typeRelays && len(raw) > maxSmall {
		return entry{}, ErrEntry
	}
	if e.typ != typeGenesis {
		e.prev = readPrev(&body)
	}
	switch e.typ {
	case typeGenesis:
		copy(e.root[:], body.Bytes(32))
		e.member = readMember(&body)
	case typeAdd:
		e.member = readMember(&body)
		e.acceptance = body.Bytes(ed25519.SignatureSize)
	case typeRelays:
		e.version = body.U32()
		e.relays = readRelays(&body)
	case typeRevoke:
		copy(e.target[:], body.Bytes(32))
	case typeFull:
		copy(e.member.IK[:], body.Bytes(32))
		copy(e.member.NK[:], body.Bytes(32))
		e.member.Kind = Store
	case typeNote:
		body.Bytes(min(body.Len(), maxNote))
	}
	e.member.Entry = e.id
	if body.Done() != nil {
		return entry{}, ErrEntry
	}
	if e.introduces() && e.member.Kind != Store && e.member.Kind != Embedded {
		return entry{}, ErrVersion
	}
	return e, nil
}

func (e *entry) known() bool { return e.typ >= typeGenesis && e.typ <= typeNote }

// introduces reports whether the entry makes a device a member.
func (e *entry) introduces() bool {
	return e.typ == typeGenesis || e.typ == typeAdd || e.typ == typeFull
}

// pastOf is how many entries one of a type may stand behind. An introduction leaves room for a REVOKE that stands behind it.
func pastOf(typ uint8) int {
	if typ == typeAdd || typ == typeFull {
		return maxPast - 1
	}
	return maxPast
}

func readPrev(r *wire.Reader) []ID {
	n := int(r.U8())
	if n > maxPrev {
		r.Fail()
		return nil
	}
	prev := make([]ID, 0, n)
	for range n {
		b := r.Bytes(32)
		if b == nil {
			return nil
		}
		if k := len(prev); k > 0 && bytes.Compare(prev[k-1][:], b) >= 0 {
			r.Fail()
			return nil
		}
		prev = append(prev, ID(b))
	}
	return prev
}

func readMember(r *wire.Reader) Member {
	var m Member
	copy(m.IK[:], r.Bytes(32))
	copy(m.NK[:], r.Bytes(32))
	m.Kind = r.U8()
	m.Name = string(r.LV8(255))
	if !signedName(m.Name) {
		r.Fail()
	}
	return m
}

func readRelays(r *wire.Reader) []string {
	n := int(r.U8())
	if n > maxRelays {
		r.Fail()
		return nil
	}
	urls := make([]string, 0, n)
	for range n {
		u := string(r.LV(MaxRelayURL))
		if !ValidRelay(u) {
			r.Fail()
			return nil
		}
		urls = append(urls, u)
	}
	return urls
}

func appendPrev(b []byte, prev []ID) []byte {
	b = append(b, byte(len(prev)))
	for _, id := range prev {
		b = append(b, id[:]...)
	}
	return b
}

func appendMember(b []byte, m *Member) []byte {
	b = append(append(b, m.IK[:]...), m.NK[:]...)
	return wire.AppendLV8(append(b, m.Kind), []byte(m.Name))
}

// sign makes a whole entry of a type and a body.
func sign(ik ed25519.PrivateKey, genesis ID, typ uint8, body []byte) []byte {
	raw := wire.AppendLV([]byte{typ}, body)
	sig := ed25519.Sign(ik, signed(genesis, raw))
	raw = append(raw, ik.Public().(ed25519.PublicKey)...)
	return append(raw, sig...)
}

// verified reports whether the signer's signature holds.
func (e *entry) verified(genesis ID) bool {
	n := len(e.raw) - trailer
	return ed25519.Verify(e.signer[:], signed(genesis, e.raw[:n]), e.raw[n+ed25519.PublicKeySize:])
}

// holds reports whether all signatures of an entry hold: an ADD has the new member's too.
func (e *entry) holds(genesis ID) bool {
	return (e.typ != typeAdd || Accepted(genesis, e.member, e.acceptance)) && e.verified(genesis)
}

func signed(genesis ID, typeAndBody []byte) []byte {
	return append(append([]byte(labelEntry), genesis[:]...), typeAndBody...)
}

// Accept signs that the device of ik joins the circle of genesis as m.
func Accept(ik ed25519.PrivateKey, genesis ID, m Member) [64]byte {
	return [64]byte(ed25519.Sign(ik, accepted(genesis, &m)))
}

// Accepted reports whether sig is what Accept signs.
func Accepted(genesis ID, m Member, sig []byte) bool {
	return signedName(m.Name) && ed25519.Verify(m.IK[:], accepted(genesis, &m), sig)
}

func accepted(genesis ID, m *Member) []byte {
	return appendMember(append([]byte(labelAccept), genesis[:]...), m)
}
