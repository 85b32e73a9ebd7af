package session

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/flynn/noise"

	"github.com/masqdev/masq/core/testdata/published"
)

// hexBytes is bytes as they stand in test vectors.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// noiseRow is a row of the file.
type noiseRow struct {
	Name             string     `json:"protocol_name"`
	InitPrologue     hexBytes   `json:"init_prologue"`
	InitPSKs         []hexBytes `json:"init_psks"`
	InitStatic       hexBytes   `json:"init_static"`
	InitRemoteStatic hexBytes   `json:"init_remote_static"`
	InitEphemeral    hexBytes   `json:"init_ephemeral"`
	RespStatic       hexBytes   `json:"resp_static"`
	RespRemoteStatic hexBytes   `json:"resp_remote_static"`
	RespEphemeral    hexBytes   `json:"resp_ephemeral"`
	Hash             hexBytes   `json:"handshake_hash"`
	Messages         []struct {
		Payload    hexBytes `json:"payload"`
		Ciphertext hexBytes `json:"ciphertext"`
	} `json:"messages"`
}

const noiseFile = "noise-25519-chachapoly-sha256.json"

// patterns are all that the library has, XXfallback apart, which is no beginning.
var patterns = map[string]noise.HandshakePattern{
	"N": noise.HandshakeN, "K": noise.HandshakeK, "X": noise.HandshakeX,
	"NN": noise.HandshakeNN, "NK": noise.HandshakeNK, "NX": noise.HandshakeNX,
	"KN": noise.HandshakeKN, "KK": noise.HandshakeKK, "KX": noise.HandshakeKX,
	"XN": noise.HandshakeXN, "XK": noise.HandshakeXK, "XX": noise.HandshakeXX,
	"IN": noise.HandshakeIN, "IK": noise.HandshakeIK, "IX": noise.HandshakeIX,
}

// pattern is the row's pattern, and where its psk goes; place is -1 without one. known is false for deferred patterns.
func (v *noiseRow) pattern() (p noise.HandshakePattern, place int, known bool) {
	name, psk, _ := strings.Cut(strings.Split(v.Name, "_")[1], "psk")
	p, known = patterns[name]
	place = -1
	if psk != "" {
		place = int(psk[0] - '0')
	}
	return p, place, known && len(psk) < 2
}

// state builds one side of a row, as a session does where its keyring has what the pattern needs. The psk is set late where it may
// be, as sessions do.
func (v *noiseRow) state(t *testing.T, initiator bool) *noise.HandshakeState {
	pattern, place, _ := v.pattern()
	own, remote, ephemeral := v.RespStatic, v.RespRemoteStatic, v.RespEphemeral
	if initiator {
		own, remote, ephemeral = v.InitStatic, v.InitRemoteStatic, v.InitEphemeral
	}
	c := noise.Config{Initiator: initiator, Prologue: v.InitPrologue, Random: bytes.NewReader(ephemeral), Pattern: pattern, PeerStatic: remote}
	ring := &keyring{}
	c.CipherSuite = suite(ring)
	if own != nil {
		ring.static = mustKey(t, own)
		c.StaticKeypair = noise.DHKey{Private: staticName, Public: ring.static.PublicKey().Bytes()}
	}
	if own != nil && remote != nil {
		peer, err := ecdh.X25519().NewPublicKey(remote)
		if err != nil {
			t.Fatal(err)
		}
		ring.peer = remote
		ring.shared, _ = ring.static.ECDH(peer)
	}
	late := place == 2 && pattern.Name == "KK"
	if place >= 0 {
		c.PresharedKeyPlacement = place
		if !late {
			c.PresharedKey = v.InitPSKs[0]
		}
	}
	hs, err := noise.NewHandshakeState(c)
	if err != nil {
		t.Fatal(v.Name, err)
	}
	if late {
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

// TestPublishedNoise runs every row whose pattern the library has through the keyring and the cipher of sessions.
func TestPublishedNoise(t *testing.T) {
	var file struct{ Vectors []noiseRow }
	if err := json.Unmarshal(published.Read(t, noiseFile), &file); err != nil {
		t.Fatal(err)
	}
	var rows published.Rows
	for _, v := range file.Vectors {
		if _, _, known := v.pattern(); !known {
			rows.Leave("a deferred pattern, which neither Masq nor the library has")
			continue
		}
		rows.Check(t.Run(v.Name, v.run))
	}
	rows.Report(t, noiseFile, 36, 23)
}

func (v *noiseRow) run(t *testing.T) {
	writer, reader := v.state(t, true), v.state(t, false)
	var ways [2]oneWay
	alternate := len(v.RespEphemeral) > 0 // else only the initiator speaks
	for i, m := range v.Messages {
		if ways[0].aead != nil {
			way := &ways[0]
			if alternate {
				way = &ways[i%2]
			}
			check(t, nil, way.aead.Seal(nil, way.at(way.n), m.Payload, nil), m.Ciphertext) // the rows do not rekey
			way.n++
			continue
		}
		sealed, toB, toA, err := writer.WriteMessage(nil, m.Payload)
		check(t, err, sealed, m.Ciphertext)
		plain, fromA, _, err := reader.ReadMessage(nil, sealed)
		check(t, err, plain, m.Payload)
		writer, reader = reader, writer
		if toB == nil {
			continue
		}
		check(t, nil, writer.ChannelBinding(), v.Hash)
		if fromA.UnsafeKey() != toB.UnsafeKey() {
			t.Fatal("keys differ")
		}
		ways = [2]oneWay{newOneWay(toB.UnsafeKey()), newOneWay(toA.UnsafeKey())}
	}
	if ways[0].aead == nil {
		t.Fatal("the handshake did not end")
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
