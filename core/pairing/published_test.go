package pairing

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/flynn/noise"

	"github.com/masqdev/masq/core/testdata/published"
)

const noiseFile = "noise-25519-chachapoly-sha256.json"

// TestPublishedNoise runs the row of the pairing's own pattern, NNpsk0, through its X25519, and what follows through its cipher.
// package session runs the file's other rows.
func TestPublishedNoise(t *testing.T) {
	type text = string
	var file struct {
		Vectors []struct {
			Name      text   `json:"protocol_name"`
			Prologue  text   `json:"init_prologue"`
			PSKs      []text `json:"init_psks"`
			Ephemeral text   `json:"init_ephemeral"`
			Other     text   `json:"resp_ephemeral"`
			Hash      text   `json:"handshake_hash"`
			Messages  []struct{ Payload, Ciphertext text }
		}
	}
	if err := json.Unmarshal(published.Read(t, noiseFile), &file); err != nil {
		t.Fatal(err)
	}
	var rows published.Rows
	for _, v := range file.Vectors {
		if v.Name != "Noise_NNpsk0_25519_ChaChaPoly_SHA256" {
			continue
		}
		side := func(initiator bool, random text) *noise.HandshakeState {
			c := noiseConfig(initiator, unhex(t, v.PSKs[0]), bytes.NewReader(unhex(t, random)))
			c.Prologue = unhex(t, v.Prologue) // theirs
			hs, err := noise.NewHandshakeState(c)
			if err != nil {
				t.Fatal(err)
			}
			return hs
		}
		a, b := side(true, v.Ephemeral), side(false, v.Other)
		m1, _, _, err1 := a.WriteMessage(nil, unhex(t, v.Messages[0].Payload))
		_, _, _, err2 := b.ReadMessage(nil, m1)
		m2, toB, toA, err3 := b.WriteMessage(nil, unhex(t, v.Messages[1].Payload))
		_, _, _, err4 := a.ReadMessage(nil, m2)
		ok := err1 == nil && err2 == nil && err3 == nil && err4 == nil && hex.EncodeToString(a.ChannelBinding()) == v.Hash &&
			hex.EncodeToString(m1) == v.Messages[0].Ciphertext && hex.EncodeToString(m2) == v.Messages[1].Ciphertext
		ways := [2]*noise.CipherState{toB, toA}
		for i, m := range v.Messages[2:] {
			sealed, err := ways[i%2].Encrypt(nil, nil, unhex(t, m.Payload))
			ok = ok && err == nil && hex.EncodeToString(sealed) == m.Ciphertext
		}
		rows.Check(ok)
		if !ok {
			t.Errorf("%s does not hold", v.Name)
		}
	}
	rows.Report(t, noiseFile, 1, 0)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
