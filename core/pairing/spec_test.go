package pairing

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/pairing/cpace"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/testdata/vectors"
)

func TestVectors(t *testing.T) {
	out := []vectors.Vector{
		known(t, "a device of the circle", Full, "masq pairing vector 1"), known(t, "an application peer", Application, "masq pairing vector 2"),
	}
	vectors.Check(t, "pairing.json", "Invite links, and whole pairings from given randomness", append(out, linkVectors()...))
}

func linkVectors() []vectors.Vector {
	var out []vectors.Vector
	parse := func(name, text string) {
		l, err := ParseLink(text)
		v := vectors.Vector{
			Name: name, Rule: "R7.1", Op: "pairing.link", In: vectors.Fields{"link": vectors.Hex([]byte(text))},
			Outcome: vectors.Outcome(err, map[error]string{ErrLink: "link", ErrVersion: "version"}),
		}
		if err == nil {
			mailbox := l.Mailbox()
			v.Out = vectors.Fields{"url": l.URL, "secret": vectors.Hex(l.Secret[:]), "relay": l.Relay, "mailbox": vectors.Hex(mailbox[:])}
		}
		out = append(out, v)
	}
	for i, c := range links() {
		parse(fmt.Sprint("good link ", i), c.text)
	}
	for i, c := range malformedLinks() {
		parse(fmt.Sprint("link ", i), c.link)
	}
	return out
}

// A recorder collects what goes into a pairing and what comes out of it. What is drawn at random comes from one stream.
type recorder struct {
	src     *stream
	in, out vectors.Fields
}

func (r *recorder) draw(name string, n int) []byte {
	v := make([]byte, n)
	r.src.Read(v)
	r.in[name] = vectors.Hex(v)
	return v
}

func (r *recorder) device(t *testing.T, side, name string) Self {
	ik := ed25519.NewKeyFromSeed(r.draw(side+".ik_seed", 32))
	nk, err := ecdh.X25519().NewPrivateKey(r.draw(side+".nk_private", 32))
	if err != nil {
		t.Fatal(err)
	}
	r.in[side+".name"] = name
	return Self{IK: ik, NK: nk, Name: name, Kind: roster.Embedded, App: testApp}
}

// known is a whole pairing. The keys are seeds; what each side draws at random goes into it in the order in which it is used.
func known(t *testing.T, name string, role uint8, seed string) vectors.Vector {
	rec := &recorder{src: &stream{seed: seed}, in: vectors.Fields{"role": role, "relay": relay, "application": testApp}, out: vectors.Fields{}}
	r := newHarness(t)
	r.self = [2]Self{rec.device(t, "host", "Anna's laptop"), rec.device(t, "joiner", "Anna’s phone 📱")}
	if role == Full {
		var err error
		root := [32]byte(rec.draw("root_pk", 32))
		if r.circle, err = roster.New(r.self[0].IK, root, r.self[0].member(), []string{relay}); err != nil {
			t.Fatal(err)
		}
		r.offer.Genesis = r.circle.Genesis()
	} else {
		namespace, host := [32]byte(rec.draw("ns", 32)), &r.self[0]
		host.Kind, host.App = roster.Store, ""
		r.circle = roster.OpenNamespace(namespace, host.member().IK)
		if _, err := r.circle.SignFull(host.IK, host.member()); err != nil {
			t.Fatal(err)
		}
		r.offer = Offer{Role: Application, Apps: []string{testApp}, Namespace: namespace, Root: host.member().IK}
	}
	rec.in["roster"] = vectors.HexList(r.circle.Behind(nil))
	r.link.Secret = [16]byte(rec.draw("S", 16))
	r.joinLink = r.link
	rec.in["link"] = r.link.String()
	rec.exchange(t, r, map[uint8]string{Full: "circle_secret", Application: "ns_secret"}[role])
	return vectors.Vector{Name: name, Rule: "R7.5", Op: "pairing.exchange", In: rec.in, Outcome: vectors.OK, Out: rec.out}
}

func (rec *recorder) exchange(t *testing.T, r *harness, secretName string) {
	sidH, yb, kemM, eH := rec.draw("host.sid", 16), rec.draw("host.y", 32), rec.draw("host.mlkem_randomness", 32), rec.draw("host.e", 32)
	sidJ, ya, seed := rec.draw("joiner.sid", 16), rec.draw("joiner.y", 32), rec.draw("joiner.mlkem_seed", 64)
	idRandom, eJ := rec.draw("joiner.id_random", 32), rec.draw("joiner.e", 32)
	secret := rec.draw(secretName, 32)
	r.begin()
	r.host.rand = bytes.NewReader(join("", sidH, yb, eH))
	r.join.rand = bytes.NewReader(join("", sidJ, ya, seed, idRandom, eJ))
	var shared []byte
	r.host.encapsulate = func(ek *mlkem.EncapsulationKey768) ([]byte, []byte) {
		s, ct, err := mlkemtest.Encapsulate768(ek, kemM)
		if err != nil {
			t.Fatal(err)
		}
		shared = bytes.Clone(s)
		return s, ct
	}
	sent := map[byte][]byte{}
	r.tamper = func(toHost bool, body []byte) [][]byte {
		name := map[byte]string{msgH0: "H0", msgP1: "P1", msgP2: "P2", msgP3: "P3", msgP4: "P4", msgP5: "P5", msgP6: "P6", msgP7: "P7"}[body[0]]
		if body[0] == msgP6 {
			name = map[bool]string{false: "P6 of the host", true: "P6 of the joiner"}[toHost]
		}
		rec.out[name], sent[body[0]] = vectors.Hex(body), body
		if body[0] == msgP2 {
			rec.secrets(t, r, sent, ya, shared)
		}
		return [][]byte{body}
	}
	r.meet()
	mailbox := r.link.Mailbox()
	rec.out["mailbox"] = vectors.Hex(mailbox[:])
	rec.out["h"], rec.out["ID_J"], rec.out["digits"] = vectors.Hex(r.host.h), vectors.Hex(r.host.idJ), r.host.State().Digits
	r.yes()
	g := r.grantOf()
	g.Secret = [32]byte(secret)
	r.fromHost(r.host.Grant(r.now, g))
	if r.run(); r.join.State().Step != Granted {
		t.Fatal(r.join.State().Err, r.host.State().Err)
	}
}

// secrets computes, once more and apart from the machines, what P1 and P2 lead to.
func (rec *recorder) secrets(t *testing.T, r *harness, sent map[byte][]byte, ya, shared []byte) {
	p1, p2 := sent[msgP1], sent[msgP2]
	sid := join("", sent[msgH0][2:], p1[1:17])
	x, err := cpace.New(r.link.Secret[:], r.host.ci(), sid, bytes.NewReader(ya))
	if err != nil {
		t.Fatal(err)
	}
	isk, err := x.Initiator(p1[49:], p2[1:33], p2[33:])
	if err != nil {
		t.Fatal(err)
	}
	rec.out["CI"], rec.out["sid"], rec.out["ISK"] = vectors.Hex(r.host.ci()), vectors.Hex(sid), vectors.Hex(isk)
	rec.out["mlkem_secret"], rec.out["psk"] = vectors.Hex(shared), vectors.Hex(derive(join("", isk, shared), labelPSK, 32))
}
