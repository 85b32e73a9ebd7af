package pairing

import (
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/subtle"
	"io"
	"slices"

	"github.com/flynn/noise"
	"github.com/masqdev/masq/core/pairing/cpace"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// The take functions each handle one message, in the order in which they are sent, and answer the next.

// takeH0: the host is there. Answers P1.
func (m *Machine) takeH0(now uint64, b []byte) ([][]byte, error) {
	switch {
	case len(b) > 0 && b[0] != version:
		return nil, ErrVersion
	case len(b) != 1+sidSize:
		return nil, ErrAuth
	}
	sidJ, seed := make([]byte, sidSize), make([]byte, mlkem.SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(m.rand, sidJ); err != nil {
		return nil, err
	}
	m.sid = join("", b[1:], sidJ)
	var err error
	if m.pake, err = cpace.New(m.link.Secret[:], m.ci(), m.sid, m.rand); err != nil {
		return nil, err
	}
	if _, err = io.ReadFull(m.rand, seed); err != nil {
		return nil, err
	}
	if m.kem, err = mlkem.NewDecapsulationKey768(seed); err != nil {
		return nil, err
	}
	m.spend(now)
	m.want = msgP2
	return [][]byte{join("\x21", sidJ, m.pake.Share(), m.kem.EncapsulationKey().Bytes())}, nil
}

// takeP1: the joiner's shares. Answers P2. The link is spent whatever is in it.
func (m *Machine) takeP1(now uint64, b []byte) ([][]byte, error) {
	m.spend(now)
	r := wire.NewReader(b)
	sidJ, ya, ekBytes := r.Bytes(sidSize), r.Bytes(cpace.ShareSize), r.Bytes(mlkem.EncapsulationKeySize768)
	if r.Done() != nil {
		return nil, ErrAuth
	}
	ek, err := mlkem.NewEncapsulationKey768(ekBytes)
	if err != nil {
		return nil, ErrAuth
	}
	m.sid = append(m.sid, sidJ...)
	pake, err := cpace.New(m.link.Secret[:], m.ci(), m.sid, m.rand)
	if err != nil {
		return nil, err
	}
	shared, ct := m.encapsulate(ek)
	isk, err := pake.Responder(ct, ya, ekBytes)
	if err != nil {
		return nil, ErrAuth
	}
	if err := m.begin(isk, shared); err != nil {
		return nil, err
	}
	m.want = msgP3
	return [][]byte{join("\x22", pake.Share(), ct)}, nil
}

// takeP2: the host's shares. Answers P3.
func (m *Machine) takeP2(b []byte) ([][]byte, error) {
	r := wire.NewReader(b)
	yb, ct := r.Bytes(cpace.ShareSize), r.Bytes(mlkem.CiphertextSize768)
	if r.Done() != nil {
		return nil, ErrAuth
	}
	shared, err := m.kem.Decapsulate(ct)
	if err != nil {
		return nil, ErrAuth
	}
	isk, err := m.pake.Initiator(m.kem.EncapsulationKey().Bytes(), yb, ct)
	if err != nil {
		return nil, ErrAuth
	}
	m.pake, m.kem = nil, nil
	if err := m.begin(isk, shared); err != nil {
		return nil, err
	}
	var random [32]byte
	if _, err := io.ReadFull(m.rand, random[:]); err != nil {
		return nil, err
	}
	m.idJ = encodeJoiner(random, &m.self, m.app)
	out, _, _, err := m.hs.WriteMessage([]byte{msgP3}, commitment(m.idJ))
	if err != nil {
		return nil, err
	}
	m.want = msgP4
	return [][]byte{out}, nil
}

// takeP3: the joiner knows the secret, and is bound to an identity that it has not shown. Answers P4.
func (m *Machine) takeP3(b []byte) ([][]byte, error) {
	commit, _, _, err := m.hs.ReadMessage(nil, b)
	if err != nil || len(commit) != len(commitment(nil)) {
		return nil, ErrAuth
	}
	out, toHost, toJoiner, err := m.hs.WriteMessage([]byte{msgP4}, encodeHost(&m.self, &m.offer))
	if err != nil {
		return nil, err
	}
	m.commit = commit
	m.stands(toHost, toJoiner)
	m.want = msgP5
	return [][]byte{out}, nil
}

// takeP4: the host knows the secret, and says who it is. Answers P5; the digits can be shown.
func (m *Machine) takeP4(now uint64, b []byte) ([][]byte, error) {
	plain, toHost, toJoiner, err := m.hs.ReadMessage(nil, b)
	if err != nil {
		return nil, ErrAuth
	}
	m.stands(toJoiner, toHost)
	host, err := parseHost(plain)
	if err != nil {
		return nil, err
	}
	switch {
	case host.Role == Application && m.self.Kind != roster.Embedded:
		return nil, ErrRole
	case (m.app != "" && len(host.Apps) > 0 || host.Role == Application) && !slices.Contains(host.Apps, m.app):
		return nil, ErrLink
	}
	m.genesis, m.root = host.genesis, host.root
	if err := m.compare(now, host); err != nil {
		return nil, err
	}
	return m.seal(msgP5, m.idJ)
}

// takeP5: the joiner shows who it is. The digits can be shown.
func (m *Machine) takeP5(now uint64, b []byte) error {
	plain, err := m.unseal(b)
	if err != nil || subtle.ConstantTimeCompare(commitment(plain), m.commit) != 1 {
		return ErrAuth
	}
	joiner, err := parseJoiner(plain)
	if err != nil {
		return err
	}
	app := ""
	if len(joiner.Apps) > 0 {
		app = joiner.Apps[0]
	}
	full := m.offer.Role == Full
	switch {
	case full && joiner.Kind != m.self.Kind, !full && joiner.Kind != roster.Embedded:
		return ErrRole // a page must not get what a store has of other applications, nor a store what a page serves
	case (app != "" && len(m.offer.Apps) > 0 || !full) && !slices.Contains(m.offer.Apps, app):
		return ErrLink
	}
	m.idJ = plain
	return m.compare(now, joiner)
}

// takeP6: the other user's yes.
func (m *Machine) takeP6(now uint64, b []byte) error {
	plain, err := m.unseal(b)
	if err != nil {
		return err
	}
	other := &m.state.Other
	r := wire.NewReader(plain)
	sig := r.Bytes(ed25519.SignatureSize)
	if m.host {
		copy(m.acceptance[:], r.Bytes(len(m.acceptance)))
	}
	switch {
	case r.Done() != nil,
		!ed25519.Verify(other.IK[:], confirmation(1-m.side(), m.h, m.idJ), sig),
		m.host && !roster.Accepted(m.genesis, other.Member, m.acceptance[:]):
		return ErrAuth
	}
	m.otherYes, m.want = true, 0
	m.bothYes(now)
	return nil
}

// takeP7: let in.
func (m *Machine) takeP7(b []byte) error {
	plain, err := m.unseal(b)
	if err != nil {
		return err
	}
	g, err := parseGrant(plain)
	if err != nil {
		return err
	}
	if g.Role != m.state.Other.Role {
		return ErrAuth
	}
	if m.roster, err = g.open(m.genesis, m.root, &m.state.Other.Member); err != nil {
		return err
	}
	m.grant = g
	m.end(Granted)
	return nil
}

// refused: the other side ended it.
func (m *Machine) refused(b []byte) error {
	plain, err := m.unseal(b)
	if err != nil || len(plain) != 1 {
		return ErrAuth
	}
	m.out = nil // nothing to say to that
	return refusal(plain[0])
}

// ci is CPace's channel identifier: what both sides think they are doing, and where.
func (m *Machine) ci() []byte {
	mailbox := m.link.Mailbox()
	ci := wire.AppendLV(nil, []byte(label))
	ci = wire.AppendLV(ci, []byte(m.link.Relay))
	ci = wire.AppendLV(ci, mailbox[:])
	return wire.AppendLV(wire.AppendLV(ci, []byte("joiner")), []byte("host"))
}

// begin starts the Noise handshake on the keys of CPace and ML-KEM, which it clears.
func (m *Machine) begin(isk, shared []byte) error {
	both := join("", isk, shared)
	psk := derive(both, labelPSK, 32)
	var err error
	m.hs, err = newNoise(!m.host, psk, m.rand)
	clear(both)
	clear(isk)
	clear(shared)
	clear(psk)
	return err
}

// stands: the handshake is done; from here on each side knows that the other has the secret.
func (m *Machine) stands(in, out *noise.CipherState) {
	m.h = slices.Clone(m.hs.ChannelBinding())
	m.in, m.out, m.hs = in, out, nil
}
