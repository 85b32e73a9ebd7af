package pairing

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	crand "crypto/rand"
	"crypto/subtle"
	"io"
	"slices"

	"github.com/flynn/noise"
	"github.com/masqdev/masq/core/pairing/cpace"
	"github.com/masqdev/masq/core/roster"
)

const (
	label    = "masq-pair/1"
	labelPSK = "masq-pair/1 psk"

	version = 2
	sidSize = 16

	sideHost   = 0
	sideJoiner = 1
)

// Self is this device.
type Self struct {
	IK   ed25519.PrivateKey
	NK   *ecdh.PrivateKey
	Name string // made valid by roster.CleanName
	Kind uint8  // roster.Store or roster.Embedded
	App  string // the application that an embedded store is in, at most 255 bytes; empty for a store
}

func (s *Self) member() roster.Member {
	return roster.Member{
		IK: [32]byte(s.IK.Public().(ed25519.PublicKey)), NK: [32]byte(s.NK.PublicKey().Bytes()),
		Kind: s.Kind, Name: roster.CleanName(s.Name),
	}
}

// Offer is what a host lets a joiner into.
type Offer struct {
	Genesis   []byte   // Full: the circle's GENESIS entry
	Role      uint8    // Full or Application
	Apps      []string // the applications that may join, at most 64; none: any. Application: the one
	Namespace [32]byte // Application: the namespace's name
	Root      [32]byte // Application: the ik of the full device that the joiner is to trust: the host's, or the one that a host trusts that is an application peer
}

// genesis is what the roster on offer is signed over.
func (o *Offer) genesis() (roster.ID, error) {
	if len(o.Apps) > maxApps || slices.ContainsFunc(o.Apps, func(app string) bool { return !validApp([]byte(app)) }) {
		return roster.ID{}, ErrOffer
	}
	switch o.Role {
	case Full:
		if circle, err := roster.Open(o.Genesis); err == nil {
			return circle.ID(), nil
		}
	case Application:
		if len(o.Apps) == 1 && o.Namespace != [32]byte{} && o.Root != [32]byte{} {
			return roster.NamespaceGenesis(o.Namespace), nil
		}
	}
	return roster.ID{}, ErrOffer
}

// A Machine is one side of one pairing; Host and Joiner make it. It is for one goroutine.
type Machine struct {
	host    bool
	self    roster.Member
	ik      ed25519.PrivateKey
	app     string
	link    Link
	offer   Offer
	genesis roster.ID // host: from the beginning; joiner: from P4 on
	root    [32]byte  // role Application: whom the joiner is to trust; as genesis
	digits  string    // from Compare on
	rand    io.Reader

	state    State
	deadline uint64 // 0: none
	want     byte   // the type of the message that may come next; 0: none

	sid     []byte
	pake    *cpace.Exchange            // joiner, until P2
	kem     *mlkem.DecapsulationKey768 // joiner, until P2
	hs      *noise.HandshakeState
	in, out *noise.CipherState // once the channel stands: host from P4, joiner from P4
	commit  []byte             // host: what P3 promised
	h, idJ  []byte             // what digits and confirmations are over

	otherYes   bool
	acceptance [64]byte
	grant      Grant
	roster     *roster.Roster

	encapsulate func(*mlkem.EncapsulationKey768) (secret, ciphertext []byte) // ML-KEM's own, but in known-answer tests
}

// Host begins the side of the device that shows link, whose Relay must be the Sync Server to meet at even where the link
// is shown without it. rand is of cryptographic quality, nil for crypto/rand; ML-KEM encapsulates with the system's randomness
// whatever it is. It returns ErrLink for a link that
// ParseLink would not take, and ErrOffer.
func Host(self Self, link Link, offer Offer, rand io.Reader, now uint64) (*Machine, error) {
	genesis, err := offer.genesis()
	switch {
	case err != nil:
		return nil, err
	case !validURL(link.URL):
		return nil, ErrLink
	}
	m, err := newMachine(self, link, rand, now)
	if err == nil {
		m.host, m.offer, m.genesis, m.root = true, offer, genesis, offer.Root
		m.state.Hidden = offer.Role == Full && self.Kind == roster.Store
	}
	return m, err
}

// Joiner begins the side of the device that opened link, whose Relay must be filled in where the link had none. Ask the user
// first, and refuse with ErrCircle if this device is in a circle with others. rand is as in Host. It returns ErrLink without a
// relay, or for an App that can't be one.
func Joiner(self Self, link Link, rand io.Reader, now uint64) (*Machine, error) {
	m, err := newMachine(self, link, rand, now)
	if err == nil {
		m.want = msgH0
	}
	return m, err
}

func newMachine(self Self, link Link, rand io.Reader, now uint64) (*Machine, error) {
	if !roster.ValidRelay(link.Relay) || self.App != "" && !validApp([]byte(self.App)) {
		return nil, ErrLink
	}
	if rand == nil {
		rand = crand.Reader
	}
	return &Machine{
		self: self.member(), ik: self.IK, app: self.App, link: link, rand: rand, deadline: now + LinkLife,
		encapsulate: (*mlkem.EncapsulationKey768).Encapsulate,
	}, nil
}

// State says what to show.
func (m *Machine) State() State { return m.state }

// Deadline is when Tick has to be called, in Unix ms; 0 for never.
func (m *Machine) Deadline() uint64 { return m.deadline }

// Joined returns the host, from BothYes on, who joins and what it signed for its ADD.
func (m *Machine) Joined() (roster.Member, [64]byte) { return m.state.Other.Member, m.acceptance }

// Granted returns the joiner, at Granted, what it got, and the roster that it got checked: the host is in it.
func (m *Machine) Granted() (Grant, *roster.Roster) { return m.grant, m.roster }

func (m *Machine) over() bool { return m.state.Step >= Granted }

// Peer tells whether the other side is in the mailbox. An absence ends a pairing whose link is spent.
func (m *Machine) Peer(now uint64, present bool) [][]byte {
	switch out, late := m.late(now); {
	case late:
		return out
	case !present && m.state.Spent && m.out == nil:
		return m.fail(ErrAuth) // before the channel stands, silence is all that a refusal says
	case !present && m.state.Spent:
		m.out = nil
		return m.fail(ErrDenied)
	case !m.host || m.state.Spent:
		return nil
	case !present:
		m.want = 0
		return nil
	case m.want != 0:
		return nil
	}
	m.sid = make([]byte, sidSize, 2*sidSize)
	if _, err := io.ReadFull(m.rand, m.sid); err != nil {
		return m.fail(err)
	}
	m.want = msgP1
	return [][]byte{append([]byte{msgH0, version}, m.sid...)}
}

// Receive takes a body from the other side.
func (m *Machine) Receive(now uint64, body []byte) [][]byte {
	if out, late := m.late(now); late {
		return out
	}
	if len(body) == 0 || len(body) > maxBody {
		return m.fail(ErrAuth)
	}
	typ, rest := body[0], body[1:]
	var out [][]byte
	var err error
	switch {
	case typ == msgPX && m.in != nil:
		err = m.refused(rest)
	case typ != m.want:
		err = ErrAuth
	case typ == msgH0:
		out, err = m.takeH0(now, rest)
	case typ == msgP1:
		out, err = m.takeP1(now, rest)
	case typ == msgP2:
		out, err = m.takeP2(rest)
	case typ == msgP3:
		out, err = m.takeP3(rest)
	case typ == msgP4:
		out, err = m.takeP4(now, rest)
	case typ == msgP5:
		err = m.takeP5(now, rest)
	case typ == msgP6:
		err = m.takeP6(now, rest)
	case typ == msgP7:
		err = m.takeP7(rest)
	default:
		err = ErrAuth
	}
	if err != nil {
		return m.fail(err)
	}
	return out
}

// YesWith is the user's, at Compare, who has typed the digits that the other side shows. Wrong ones end the pairing.
func (m *Machine) YesWith(now uint64, digits string) [][]byte {
	if out, late := m.late(now); late || m.state.Step != Compare {
		return out
	}
	if subtle.ConstantTimeCompare([]byte(digits), []byte(m.digits)) != 1 {
		return m.fail(ErrAuth)
	}
	return m.yes(now)
}

// Yes is the user's, at Compare. It does nothing if the digits are Hidden.
func (m *Machine) Yes(now uint64) [][]byte {
	if out, late := m.late(now); late || m.state.Step != Compare || m.state.Hidden {
		return out
	}
	return m.yes(now)
}

func (m *Machine) yes(now uint64) [][]byte {
	sig := ed25519.Sign(m.ik, confirmation(m.side(), m.h, m.idJ))
	if !m.host {
		acceptance := roster.Accept(m.ik, m.genesis, m.self)
		sig = append(sig, acceptance[:]...)
	}
	out, err := m.seal(msgP6, sig)
	if err != nil {
		return m.fail(err)
	}
	m.state.Step = Confirmed
	m.bothYes(now)
	return out
}

// No is the user's, at any time. It ends the pairing with ErrDenied.
func (m *Machine) No(now uint64) [][]byte { return m.Fail(now, ErrDenied) }

// Fail ends the pairing for a reason from outside: ErrCrowded or ErrExpired when the Sync Server says so, ErrCircle when Other
// is a member already. The other side is told where it can be.
func (m *Machine) Fail(now uint64, err error) [][]byte {
	if out, late := m.late(now); late {
		return out
	}
	return m.fail(err)
}

// Grant lets the joiner in, at BothYes. The host must be a member by g's roster.
func (m *Machine) Grant(now uint64, g Grant) [][]byte {
	if out, late := m.late(now); late || !m.host || m.state.Step != BothYes {
		return out
	}
	plain := g.encode()
	defer clear(plain)
	sent, err := parseGrant(plain)
	if err == nil && sent.Role != m.offer.Role {
		err = ErrOffer
	}
	if err == nil {
		_, err = sent.open(m.genesis, m.root, &m.self)
	}
	clear(sent.Secret[:])
	if err != nil {
		return m.fail(ErrOffer)
	}
	out, err := m.seal(msgP7, plain)
	if err != nil {
		return m.fail(err)
	}
	m.end(Granted)
	return out
}

// Tick ends the pairing if its Deadline has come.
func (m *Machine) Tick(now uint64) [][]byte {
	out, _ := m.late(now)
	return out
}

// Close ends the pairing without a word, and drops its secrets.
func (m *Machine) Close() {
	if m.out = nil; !m.over() {
		m.fail(ErrDenied)
	}
	m.grant = Grant{}
}

// late reports whether there is nothing more to do, because the pairing is over or its time is.
func (m *Machine) late(now uint64) ([][]byte, bool) {
	switch {
	case m.over():
		return nil, true
	case now >= m.deadline:
		return m.fail(ErrExpired), true
	}
	return nil, false
}

func (m *Machine) fail(err error) [][]byte {
	var out [][]byte
	if code := reason(err); code != 0 && m.out != nil {
		out, _ = m.seal(msgPX, []byte{code})
	}
	m.state.Err = err
	m.end(Failed)
	return out
}

// end drops everything secret but the grant.
func (m *Machine) end(step Step) {
	m.state.Step, m.deadline, m.want = step, 0, 0
	clear(m.link.Secret[:])
	m.digits = ""
	m.ik, m.pake, m.kem, m.hs, m.in, m.out = nil, nil, nil, nil, nil, nil
}

func (m *Machine) side() uint8 {
	if m.host {
		return sideHost
	}
	return sideJoiner
}

func (m *Machine) spend(now uint64) { m.state.Spent, m.deadline = true, now+Handshake }

func (m *Machine) compare(now uint64, other Other) error {
	if other.IK == m.self.IK || other.NK == m.self.NK {
		return ErrCircle // this very device, or a copy of it
	}
	m.state.Step, m.state.Other, m.digits = Compare, other, digits(m.h, m.idJ)
	if !m.state.Hidden {
		m.state.Digits = m.digits
	}
	m.deadline, m.want = now+YesLife, msgP6
	return nil
}

func (m *Machine) bothYes(now uint64) {
	if m.state.Step != Confirmed || !m.otherYes {
		return
	}
	m.state.Step, m.deadline = BothYes, now+Handshake
	if !m.host {
		m.want = msgP7
	}
}

func (m *Machine) seal(typ byte, plain []byte) ([][]byte, error) {
	out, err := m.out.Encrypt([]byte{typ}, nil, plain)
	return [][]byte{out}, err
}

func (m *Machine) unseal(b []byte) ([]byte, error) {
	plain, err := m.in.Decrypt(nil, nil, b)
	if err != nil {
		return nil, ErrAuth
	}
	return plain, nil
}
