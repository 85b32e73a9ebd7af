package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

var testKey = [32]byte{1, 2, 3}

func testVault() *Vault { return New(testKey, rand.Reader) }

// TestKnownBytes: made by another implementation of HKDF and XChaCha20-Poly1305, written for this from RFC 5869, RFC 8439 and
// draft-irtf-cfrg-xchacha alone: store key 00..1f, nonce 40..57, page 7.
func TestKnownBytes(t *testing.T) {
	var key [32]byte
	for i := range key {
		key[i] = byte(i)
	}
	nonce := make([]byte, 24)
	for i := range nonce {
		nonce[i] = byte(0x40 + i)
	}
	for _, c := range []struct{ plaintext, block string }{
		{"", "01404142434445464748494a4b4c4d4e4f505152535455565775c92a41022455902b230ec69dcefb5c"},
		{"A page of an index.", "01404142434445464748494a4b4c4d4e4f5051525354555657" +
			"2866686b300732f1539d4b2d8dfdeb607de54d964c1f1ef22076c9d97d21a48d3ef60d"},
	} {
		v := New(key, bytes.NewReader(nonce))
		if got := hex.EncodeToString(v.Seal(storage.Page|7, []byte(c.plaintext))); got != c.block {
			t.Errorf("%q: sealed %s", c.plaintext, got)
		}
		block, _ := hex.DecodeString(c.block)
		if got, err := v.Open(storage.Page|7, block); err != nil || string(got) != c.plaintext {
			t.Errorf("%q: opened %q, %v", c.plaintext, got, err)
		}
	}
}

func TestSealAndOpen(t *testing.T) {
	v := testVault()
	for _, id := range []storage.ID{storage.Manifest, storage.Log | 1, 1<<53 - 1} {
		for _, n := range []int{0, 1, 63, 64, 65, 64 << 10, 4<<20 + 100} {
			plaintext := bytes.Repeat([]byte("secret "), n/7+1)[:n]
			block := v.Seal(id, plaintext)
			if len(block) != n+Overhead || n > 20 && bytes.Contains(block, plaintext[:20]) {
				t.Errorf("%x: %d bytes became %d, or can be read", id, n, len(block))
			}
			before := bytes.Clone(block)
			got, err := testVault().Open(id, block)
			if err != nil || !bytes.Equal(got, plaintext) || !bytes.Equal(block, before) {
				t.Errorf("%x: %d bytes came back as %d, %v", id, n, len(got), err)
			}
		}
	}
}

func TestNonceIsFresh(t *testing.T) {
	v := testVault()
	seen := map[string]bool{}
	for range 100 {
		seen[string(v.Seal(storage.Log, []byte("the same"))[1:header])] = true
	}
	if len(seen) != 100 {
		t.Error("a nonce came twice")
	}
}

func TestRefused(t *testing.T) {
	id := storage.Segment | 9
	block := testVault().Seal(id, []byte("plaintext"))
	other := testKey
	other[31] ^= 1
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(block)) }
	for _, c := range []struct {
		name  string
		v     *Vault
		id    storage.ID
		block []byte
		want  error
	}{
		{"as it is", testVault(), id, block, nil},
		{"another number", testVault(), id + 1, block, ErrDamaged},
		{"another class", testVault(), storage.Page | 9, block, ErrDamaged},
		{"another key", New(other, rand.Reader), id, block, ErrDamaged},
		{"missing", testVault(), id, nil, ErrDamaged},
		{"empty", testVault(), id, []byte{}, ErrDamaged},
		{"only zeros", testVault(), id, make([]byte, 100), ErrDamaged},
		{"a byte too many", testVault(), id, change(func(b []byte) []byte { return append(b, 0) }), ErrDamaged},
		{"newer format", testVault(), id, change(func(b []byte) []byte { b[0] = 2; return b }), ErrVersion},
		{"much newer format, short", testVault(), id, []byte{255}, ErrVersion},
		{"format 0", testVault(), id, change(func(b []byte) []byte { b[0] = 0; return b }), ErrDamaged},
	} {
		if got, err := c.v.Open(c.id, c.block); !errors.Is(err, c.want) || err != nil && got != nil {
			t.Errorf("%s: %q, %v, want %v", c.name, got, err, c.want)
		}
	}
}

// TestEveryBitCounts: a block with any bit flipped, or cut anywhere, does not open.
func TestEveryBitCounts(t *testing.T) {
	v, id := testVault(), storage.Log|1
	block := v.Seal(id, []byte("plaintext"))
	for i := range block {
		if _, err := v.Open(id, block[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
		for bit := range 8 {
			block[i] ^= 1 << bit
			if _, err := v.Open(id, block); err == nil {
				t.Errorf("opens with bit %d of byte %d flipped", bit, i)
			}
			block[i] ^= 1 << bit
		}
	}
}

func TestNoRandomness(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("sealed without a whole nonce")
		}
	}()
	New(testKey, bytes.NewReader(make([]byte, 23))).Seal(storage.Log, nil)
}

// FuzzOpen: no bytes make Open panic, and it returns only its two errors.
func FuzzOpen(f *testing.F) {
	v := testVault()
	f.Add(uint64(storage.Log|1), v.Seal(storage.Log|1, []byte("plaintext")))
	f.Add(uint64(0), v.Seal(0, nil))
	f.Add(uint64(1), []byte{2})
	f.Add(uint64(1), []byte{})
	f.Fuzz(func(t *testing.T, id uint64, block []byte) {
		plaintext, err := v.Open(storage.ID(id), block)
		switch {
		case err == nil && len(plaintext)+Overhead != len(block):
			t.Errorf("%d bytes out of %d", len(plaintext), len(block))
		case err != nil && err != ErrDamaged && err != ErrVersion:
			t.Error(err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	v, plaintext := testVault(), make([]byte, 64<<10)
	b.SetBytes(int64(len(plaintext)))
	for b.Loop() {
		v.Seal(storage.Log, plaintext)
	}
}

func BenchmarkOpen(b *testing.B) {
	v := testVault()
	block := v.Seal(storage.Log, make([]byte, 64<<10))
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		if _, err := v.Open(storage.Log, block); err != nil {
			b.Fatal(err)
		}
	}
}
