package session

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	_ "embed"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// golden is a session with known answers, for other implementations: what goes in, what is derived, what stands on the wire.
// golden_write_test.go writes it anew.
type golden struct {
	About string `json:"about"`

	InitiatorNK   hexBytes `json:"initiator_nk_private"`
	ResponderNK   hexBytes `json:"responder_nk_private"`
	CircleSecret  hexBytes `json:"circle_secret"`
	Channel       hexBytes `json:"chan"`
	Tag           hexBytes `json:"tag"`
	KEMSeed       hexBytes `json:"initiator_mlkem_seed"`
	InitiatorE    hexBytes `json:"initiator_ephemeral_private"`
	ResponderE    hexBytes `json:"responder_ephemeral_private"`
	Encapsulation hexBytes `json:"responder_mlkem_randomness"`
	Day           uint64   `json:"day"`

	Auth      hexBytes `json:"k_auth"`
	Rdv       hexBytes `json:"k_rdv"`
	DayOffset uint64   `json:"day_offset_s"`
	DayChan   hexBytes `json:"chan_of_day"`

	M1 hexBytes   `json:"m1"`
	M2 hexBytes   `json:"m2"`
	T  []goldenTx `json:"transport"`
}

// goldenTx is a frame after the handshake, with the messages in it.
type goldenTx struct {
	FromInitiator bool     `json:"from_initiator"`
	Messages      hexBytes `json:"messages"`
	Body          hexBytes `json:"body"`
}

//go:embed testdata/session.json
var goldenJSON []byte

func fill(b byte, n int) hexBytes { return bytes.Repeat([]byte{b}, n) }

// runGolden makes the session from its inputs.
func runGolden(t testing.TB) *golden {
	g := &golden{
		About:       "Masq session with known answers; bodies of the relay's DATA frames, from package core/session",
		InitiatorNK: fill(0x11, 32), ResponderNK: fill(0x22, 32), CircleSecret: fill(0x33, 32), Channel: fill(0x44, 32), Tag: fill(0x55, 4),
		KEMSeed: fill(0x66, 64), InitiatorE: fill(0x77, 32), ResponderE: fill(0x88, 32), Encapsulation: fill(0x99, 32), Day: 20_000,
	}
	a, b := mustKey(t, g.InitiatorNK), mustKey(t, g.ResponderNK)
	if bytes.Compare(a.PublicKey().Bytes(), b.PublicKey().Bytes()) > 0 {
		a, b = b, a
		g.InitiatorNK, g.ResponderNK = g.ResponderNK, g.InitiatorNK
	}
	pair := func(self, peer *ecdh.PrivateKey) *Pair {
		k := keysOf(self, peer, 0)
		copy(k.Secret[:], g.CircleSecret)
		return mustPair(t, k)
	}
	i := NewConn(pair(a, b), [32]byte(g.Channel), bytes.NewReader(bytes.Join([][]byte{g.Tag, g.KEMSeed, g.InitiatorE}, nil)))
	r := NewConn(pair(b, a), [32]byte(g.Channel), bytes.NewReader(g.ResponderE))
	r.kem = func(ek *mlkem.EncapsulationKey768) (secret, ct []byte) {
		secret, ct, err := mlkemtest.Encapsulate768(ek, g.Encapsulation)
		if err != nil {
			t.Fatal(err)
		}
		return secret, ct
	}
	g.Auth, g.Rdv, g.DayOffset = i.pair.auth[:], i.pair.rdv[:], i.pair.offset
	g.DayChan = hexBytes(i.pair.ChannelKey(g.Day).Public().(ed25519.PublicKey))
	g.M1 = mustBegin(t, i)
	g.M2 = body(r.Receive(0, bytes.Clone(g.M1)).Send)
	i.Receive(0, bytes.Clone(g.M2))
	heads := wire.AppendRosterHeads(nil, &wire.RosterHeads{Heads: [][32]byte{{1}}, Name: "Laptop"})
	for _, tx := range []goldenTx{{FromInitiator: true}, {Messages: heads}, {FromInitiator: true, Messages: heads},
		{FromInitiator: true, Messages: wire.AppendBye(nil, wire.Bye{Reason: wire.ByeClosing})}} {
		from, to := i, r
		if !tx.FromInitiator {
			from, to = r, i
		}
		var msgs [][]byte
		if tx.Messages != nil {
			msgs = [][]byte{tx.Messages}
		}
		frames := mustSeal(t, from, msgs...)
		tx.Body = body(frames[0])
		if res := deliver(t, frames, to); !bytes.Equal(res.Messages, tx.Messages) {
			t.Fatal("messages changed on the way")
		}
		g.T = append(g.T, tx)
	}
	return g
}

func TestGolden(t *testing.T) {
	var want golden
	if err := json.Unmarshal(goldenJSON, &want); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(runGolden(t))
	if err != nil {
		t.Fatal(err)
	}
	var got golden
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the session differs from testdata/session.json (%v)", err)
	}
}
