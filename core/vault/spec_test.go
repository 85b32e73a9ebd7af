package vault

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/testdata/vectors"
)

func TestVectors(t *testing.T) {
	var key [32]byte
	nonce := make([]byte, 24)
	for i := range key {
		key[i] = byte(i)
	}
	for i := range nonce {
		nonce[i] = byte(0x40 + i)
	}
	var out []vectors.Vector
	var last []byte
	const lastID = storage.Page | 7
	for i, c := range []struct {
		id        storage.ID
		plaintext string
	}{
		{storage.Manifest, "a manifest"}, {storage.Log | 1, "a log record"}, {storage.Segment | 9, string(make([]byte, 300))}, {1<<53 - 1, ""},
		{lastID, "A page of an index."},
	} {
		last = New(key, bytes.NewReader(nonce)).Seal(c.id, []byte(c.plaintext))
		out = append(out, vectors.Vector{
			Name: fmt.Sprint("sealed block ", i), Rule: "R9.1", Op: "rest.seal", Outcome: vectors.OK, In: vectors.Fields{
				"store_key": vectors.Hex(key[:]), "number": vectors.U64(uint64(c.id)), "nonce": vectors.Hex(nonce), "plaintext": vectors.Hex([]byte(c.plaintext)),
			}, Out: vectors.Fields{"block": vectors.Hex(last)},
		})
	}
	other := key
	other[31] ^= 1
	change := func(at int, to byte) []byte { b := bytes.Clone(last); b[at] = to; return b }
	for _, c := range []struct {
		name  string
		key   [32]byte
		id    storage.ID
		block []byte
	}{
		{"opened", key, lastID, last},
		{"another number", key, lastID + 1, last},
		{"another class", key, storage.Segment | 7, last},
		{"another key", other, lastID, last},
		{"empty", key, lastID, []byte{}},
		{"only zeros", key, lastID, make([]byte, 100)},
		{"a byte too many", key, lastID, append(bytes.Clone(last), 0)},
		{"another nonce", key, lastID, change(1, 0)},
		{"a newer format", key, lastID, change(0, 2)},
		{"a newer format, short", key, lastID, []byte{255}},
		{"format 0", key, lastID, change(0, 0)},
	} {
		plaintext, err := New(c.key, bytes.NewReader(nonce)).Open(c.id, c.block)
		v := vectors.Vector{
			Name: c.name, Rule: "R9.1", Op: "rest.open", Outcome: vectors.Outcome(err, map[error]string{ErrDamaged: "damaged", ErrVersion: "version"}),
			In: vectors.Fields{"store_key": vectors.Hex(c.key[:]), "number": vectors.U64(uint64(c.id)), "block": vectors.Hex(c.block)},
		}
		if err == nil {
			v.Out = vectors.Fields{"plaintext": vectors.Hex(plaintext)}
		}
		out = append(out, v)
	}
	vectors.Check(t, "vault.json", "Sealed blocks", out)
}
