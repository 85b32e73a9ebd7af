package pairing

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/masqdev/masq/core/roster"
)

const (
	start   = 1_800_000_000_000 // Unix ms
	testApp = "https://notes.example"
	testURL = testApp + "/"
	relay   = "wss://relay.example"
)

// stream is an endless source of bytes, the same for the same seed.
type stream struct {
	seed string
	n    uint64
	buf  []byte
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.buf) < len(p) {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(s.seed), s.n))
		s.buf, s.n = append(s.buf, sum[:]...), s.n+1
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

func self(seed string, kind uint8) Self {
	s := &stream{seed: "keys of " + seed}
	var b [64]byte
	io.ReadFull(s, b[:])
	nk, err := ecdh.X25519().NewPrivateKey(b[32:])
	if err != nil {
		panic(err)
	}
	return Self{IK: ed25519.NewKeyFromSeed(b[:32]), NK: nk, Name: seed, Kind: kind, App: testApp}
}

// harness is two machines with the mailbox between them.
type harness struct {
	t        testing.TB
	now      uint64
	circle   *roster.Roster
	host     *Machine
	join     *Machine
	toHost   [][]byte
	toJoin   [][]byte
	sent     []byte                                  // the types of what went over, in order
	tamper   func(toHost bool, body []byte) [][]byte // what becomes of a body on its way; nil: itself
	self     [2]Self
	link     Link
	offer    Offer
	joinLink Link
}

func newHarness(t testing.TB) *harness {
	r := &harness{t: t, now: start, self: [2]Self{self("Host", roster.Embedded), self("Joiner", roster.Embedded)}}
	member := r.self[0].member()
	var err error
	if r.circle, err = roster.New(r.self[0].IK, [32]byte{7}, member, []string{relay}); err != nil {
		t.Fatal(err)
	}
	r.link = Link{URL: testURL, Relay: relay, Secret: [16]byte{1, 2, 3}}
	r.joinLink = r.link
	r.offer = Offer{Genesis: r.circle.Genesis(), Role: Full, Apps: []string{testApp}}
	return r
}

// newAppHarness is a store that lets an application in, for itself alone.
func newAppHarness(t testing.TB) *harness {
	r := newHarness(t)
	r.self[0].Kind, r.self[0].App = roster.Store, ""
	host := r.self[0].member()
	namespace := [32]byte{4}
	r.circle = roster.OpenNamespace(namespace, host.IK)
	if _, err := r.circle.SignFull(r.self[0].IK, host); err != nil {
		t.Fatal(err)
	}
	r.offer = Offer{Role: Application, Apps: []string{testApp}, Namespace: namespace, Root: host.IK}
	return r
}

func (r *harness) begin() *harness {
	var err error
	if r.host, err = Host(r.self[0], r.link, r.offer, &stream{seed: "host"}, r.now); err != nil {
		r.t.Fatal(err)
	}
	if r.join, err = Joiner(r.self[1], r.joinLink, &stream{seed: "joiner"}, r.now); err != nil {
		r.t.Fatal(err)
	}
	return r
}

func (r *harness) fromHost(bodies [][]byte) { r.toJoin = append(r.toJoin, r.through(false, bodies)...) }
func (r *harness) fromJoin(bodies [][]byte) { r.toHost = append(r.toHost, r.through(true, bodies)...) }

func (r *harness) through(toHost bool, bodies [][]byte) [][]byte {
	var out [][]byte
	for _, b := range bodies {
		r.sent = append(r.sent, b[0])
		if r.tamper != nil {
			out = append(out, r.tamper(toHost, b)...)
		} else {
			out = append(out, b)
		}
	}
	return out
}

// step delivers one body, and reports whether there was one.
func (r *harness) step() bool {
	switch {
	case len(r.toHost) > 0:
		b := r.toHost[0]
		r.toHost = r.toHost[1:]
		r.fromHost(r.host.Receive(r.now, b))
	case len(r.toJoin) > 0:
		b := r.toJoin[0]
		r.toJoin = r.toJoin[1:]
		r.fromJoin(r.join.Receive(r.now, b))
	default:
		return false
	}
	return true
}

func (r *harness) run() *harness {
	for r.step() {
	}
	return r
}

// meet brings both to Compare, if nothing hinders them.
func (r *harness) meet() *harness {
	r.fromJoin(r.join.Peer(r.now, true))
	r.fromHost(r.host.Peer(r.now, true))
	return r.run()
}

func (r *harness) yes() *harness {
	r.fromHost(r.host.Yes(r.now))
	r.fromJoin(r.join.Yes(r.now))
	return r.run()
}

func (r *harness) grant() *harness {
	r.fromHost(r.host.Grant(r.now, r.grantOf()))
	return r.run()
}

func (r *harness) grantOf() Grant {
	return Grant{Role: r.offer.Role, Secret: [32]byte{9}, Relays: []string{relay}, Roster: r.circle.Behind(nil), Namespace: r.offer.Namespace}
}

// want checks how both ended, and that nobody who failed shows digits to compare.
func (r *harness) want(name string, host, join error) {
	r.t.Helper()
	for _, c := range []struct {
		side string
		m    *Machine
		want error
	}{{"host", r.host, host}, {"joiner", r.join, join}} {
		st := c.m.State()
		if !errors.Is(st.Err, c.want) || (st.Step == Failed) != (c.want != nil) {
			r.t.Errorf("%s: %s is at %d, %v; want %v", name, c.side, st.Step, st.Err, c.want)
		}
		if st.Step == Failed && (c.m.Deadline() != 0 || c.m.out != nil || c.m.ik != nil || c.m.link.Secret != [16]byte{}) {
			r.t.Errorf("%s: %s keeps something", name, c.side)
		}
	}
}

// until runs up to where a message of that type has been sent and not yet taken.
func (r *harness) until(typ byte) {
	r.fromHost(r.host.Peer(r.now, true))
	for !bytes.Contains(r.sent, []byte{typ}) && r.step() {
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[min(i, len(b)-1)] ^= 1
	return b
}
