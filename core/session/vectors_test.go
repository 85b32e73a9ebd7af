package session

import (
	"bytes"
	"crypto/ecdh"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/flynn/noise"
)

//go:embed testdata/cacophony.json
var cacophonyJSON []byte

// hexBytes is bytes as they stand in test vectors.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

type cacophonyVector struct {
	Name          string     `json:"protocol_name"`
	InitPrologue  hexBytes   `json:"init_prologue"`
	InitPSKs      []hexBytes `json:"init_psks"`
	InitStatic    hexBytes   `json:"init_static"`
	InitEphemeral hexBytes   `json:"init_ephemeral"`
	RespStatic    hexBytes   `json:"resp_static"`
	RespEphemeral hexBytes   `json:"resp_ephemeral"`
	Hash          hexBytes   `json:"handshake_hash"`
	Messages      []struct {
		Payload    hexBytes `json:"payload"`
		Ciphertext hexBytes `json:"ciphertext"`
	} `json:"messages"`
}

// state builds one side of a vector on the suite that sessions use. The psk is set late where it may be, as sessions do.
func (v *cacophonyVector) state(t *testing.T, initiator bool) *noise.HandshakeState {
	pattern, place, _ := strings.Cut(strings.Split(v.Name, "_")[1], "psk")
	own, other, ephemeral := v.RespStatic, v.InitStatic, v.RespEphemeral
	if initiator {
		own, other, ephemeral = v.InitStatic, v.RespStatic, v.InitEphemeral
	}
	ring := &keyring{}
	c := noise.Config{
		CipherSuite: suite(ring), Initiator: initiator, Prologue: v.InitPrologue, Random: bytes.NewReader(ephemeral),
		Pattern: map[string]noise.HandshakePattern{"KK": noise.HandshakeKK, "NN": noise.HandshakeNN}[pattern],
	}
	if pattern == "KK" {
		ring.static = mustKey(t, own)
		ring.peer = mustKey(t, other).PublicKey().Bytes()
		ring.shared, _ = ring.static.ECDH(mustKey(t, other).PublicKey())
		c.StaticKeypair = noise.DHKey{Private: staticName, Public: ring.static.PublicKey().Bytes()}
		c.PeerStatic = ring.peer
	}
	if place == "0" {
		c.PresharedKey = v.InitPSKs[0]
	}
	if place == "2" {
		c.PresharedKeyPlacement = 2
	}
	hs, err := noise.NewHandshakeState(c)
	if err != nil {
		t.Fatal(err)
	}
	if place == "2" {
		if err := hs.SetPresharedKey(v.InitPSKs[0]); err != nil {
			t.Fatal(err)
		}
	}
	return hs
}

func mustKey(t testing.TB, b []byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestCacophony runs published vectors through the keyring and the cipher of sessions.
func TestCacophony(t *testing.T) {
	var file struct{ Vectors []cacophonyVector }
	if err := json.Unmarshal(cacophonyJSON, &file); err != nil || len(file.Vectors) != 4 {
		t.Fatal(err, len(file.Vectors))
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			a, b := v.state(t, true), v.state(t, false)
			m1, _, _, err := a.WriteMessage(nil, v.Messages[0].Payload)
			check(t, err, m1, v.Messages[0].Ciphertext)
			p1, _, _, err := b.ReadMessage(nil, m1)
			check(t, err, p1, v.Messages[0].Payload)
			m2, toB, toA, err := b.WriteMessage(nil, v.Messages[1].Payload)
			check(t, err, m2, v.Messages[1].Ciphertext)
			p2, fromA, _, err := a.ReadMessage(nil, m2)
			check(t, err, p2, v.Messages[1].Payload)
			check(t, nil, a.ChannelBinding(), v.Hash)
			if fromA.UnsafeKey() != toB.UnsafeKey() {
				t.Fatal("keys differ")
			}
			ways := [2]oneWay{newOneWay(toB.UnsafeKey()), newOneWay(toA.UnsafeKey())}
			for i, m := range v.Messages[2:] {
				way := &ways[i%2]
				check(t, nil, way.aead.Seal(nil, way.at(way.n), m.Payload, nil), m.Ciphertext) // the vectors do not rekey
				way.n++
			}
		})
	}
}

func check(t *testing.T, err error, got, want []byte) {
	t.Helper()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %x, %v; want %x", got, err, want)
	}
}

// TestOneWayIsNoise compares our CipherState with the library's, rekeys included.
func TestOneWayIsNoise(t *testing.T) {
	key := [32]byte{1, 2, 3}
	ours := newOneWay(key)
	theirs := noise.UnsafeNewCipherState(suite(&keyring{}), key, 0)
	for i := range 300 {
		plain := bytes.Repeat([]byte{byte(i)}, i)
		want, err := theirs.Encrypt(nil, []byte("ad"), plain)
		check(t, err, ours.seal(nil, plain, []byte("ad")), want)
		theirs.Rekey()
	}
}

// TestUnsetPSK: message 2 cannot be written before the KEM step has set the psk. (Reading it is guarded by finish, which has no other way.)
func TestUnsetPSK(t *testing.T) {
	a, b := testPairs(t)
	var channel [32]byte
	_, m1, err := newHello(a, &channel, random(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	hs, err := newNoise(b, &channel, random(2))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := hs.ReadMessage(nil, m1); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := hs.WriteMessage(nil, nil); err == nil {
		t.Fatal("message 2 was written without a psk")
	}
}
