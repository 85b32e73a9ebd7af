package pairing

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	_ "embed"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/pairing/cpace"
	"github.com/masqdev/masq/core/roster"
)

// A whole pairing from given randomness, for other implementations to check themselves against. The file is made anew by
// go test -run TestKnownAnswers -update.
//
//go:embed testdata/pairing.txt
var knownAnswers string

// The same for role application: a store lets an application in.
//
//go:embed testdata/application.txt
var knownAnswersApplication string

var update = flag.Bool("update", false, "write testdata/pairing.txt anew")

const katHead = `# A whole pairing, as core/PROTOCOL.md, "Pairing", has it: values in hex, texts in quotes, one to a line.
# The keys are seeds; what each side draws at random stands in the order in which it is used.
`

func TestKnownAnswers(t *testing.T) {
	compareKAT(t, "testdata/pairing.txt", knownAnswers, katHead+katLines(t, Full, "masq pairing vector 1"))
}

func TestKnownAnswersApplication(t *testing.T) {
	compareKAT(t, "testdata/application.txt", knownAnswersApplication, katHead+katLines(t, Application, "masq pairing vector 2"))
}

func compareKAT(t *testing.T, file, knownAnswers, got string) {
	if got != knownAnswers {
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
			return
		}
		want := strings.Split(knownAnswers, "\n")
		for i, line := range strings.Split(got, "\n") {
			if i >= len(want) || line != want[i] {
				t.Fatalf("line %d: got %.200s", i+1, line)
			}
		}
		t.Fatal("lines are missing")
	}
}

func katLines(t *testing.T, role uint8, vector string) string {
	var b strings.Builder
	src := &stream{seed: vector}
	line := func(name string, v []byte) []byte {
		fmt.Fprintf(&b, "%s %s\n", name, hex.EncodeToString(v))
		return v
	}
	draw := func(name string, n int) []byte {
		v := make([]byte, n)
		src.Read(v)
		return line(name, v)
	}
	device := func(side, name string) Self {
		ik := ed25519.NewKeyFromSeed(draw(side+".ik", 32))
		nk, err := ecdh.X25519().NewPrivateKey(draw(side+".nk", 32))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s.name %q\n", side, name)
		return Self{IK: ik, NK: nk, Name: name, Kind: roster.Embedded, App: testApp}
	}

	r := newHarness(t)
	r.self = [2]Self{device("host", "Anna's laptop"), device("joiner", "Anna’s phone 📱")}
	if role == Full {
		var err error
		root := [32]byte(draw("root_pk", 32))
		if r.circle, err = roster.New(r.self[0].IK, root, r.self[0].member(), []string{relay}); err != nil {
			t.Fatal(err)
		}
		r.offer.Genesis = r.circle.Genesis()
	} else {
		namespace, host := [32]byte(draw("ns", 32)), &r.self[0]
		host.Kind, host.App = roster.Store, ""
		r.circle = roster.OpenNamespace(namespace, host.member().IK)
		if _, err := r.circle.SignFull(host.IK, host.member()); err != nil {
			t.Fatal(err)
		}
		r.offer = Offer{Role: Application, Apps: []string{testApp}, Namespace: namespace, Root: host.member().IK}
	}
	r.link.Secret = [16]byte(draw("S", 16))
	r.joinLink = r.link
	mailbox := r.link.Mailbox()
	fmt.Fprintf(&b, "link %q\nrelay %q\napplication %q\n", r.link, relay, testApp)
	line("mailbox", mailbox[:])
	sidH, yb, kemM, eH := draw("host.sid", 16), draw("host.y", 32), draw("host.kem_m", 32), draw("host.e", 32)
	sidJ, ya, seed := draw("joiner.sid", 16), draw("joiner.y", 32), draw("joiner.kem_seed", 64)
	idRandom, eJ := draw("joiner.id_random", 32), draw("joiner.e", 32)
	secret := draw(map[uint8]string{Full: "circle_secret", Application: "ns_secret"}[role], 32)

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
		line(name, body)
		sent[body[0]] = body
		if body[0] == msgP2 {
			katSecrets(t, r, sent, ya, shared, line)
		}
		return [][]byte{body}
	}
	r.meet()
	line("h", r.host.h)
	line("ID_J", r.host.idJ)
	fmt.Fprintf(&b, "digits %q\n", r.host.State().Digits)
	r.yes()
	g := r.grantOf()
	g.Secret = [32]byte(secret)
	r.fromHost(r.host.Grant(r.now, g))
	if r.run(); r.join.State().Step != Granted {
		t.Fatal(r.join.State().Err, r.host.State().Err)
	}
	return b.String()
}

// katSecrets computes, once more and apart from the machines, what P1 and P2 lead to.
func katSecrets(t *testing.T, r *harness, sent map[byte][]byte, ya, shared []byte, line func(string, []byte) []byte) {
	p1, p2 := sent[msgP1], sent[msgP2]
	line("CI", r.host.ci())
	sid := line("sid", join("", sent[msgH0][2:], p1[1:17]))
	x, err := cpace.New(r.link.Secret[:], r.host.ci(), sid, bytes.NewReader(ya))
	if err != nil {
		t.Fatal(err)
	}
	isk, err := x.Initiator(p1[49:], p2[1:33], p2[33:])
	if err != nil {
		t.Fatal(err)
	}
	line("ISK", isk)
	line("ML-KEM secret", shared)
	line("psk", derive(join("", isk, shared), labelPSK, 32))
}
