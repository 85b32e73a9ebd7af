package vault

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/masqdev/masq/core/storage"
)

const sectionsID = storage.ID(5<<48 | 7)

var sections = [][]byte{[]byte("the first section"), {}, []byte("the third"), bytes.Repeat([]byte("long "), 50)}

func sealedSections() []byte { return testVault().SealSections(sectionsID, []byte("a head"), sections) }

func TestSealAndOpenSections(t *testing.T) {
	for _, c := range [][][]byte{nil, {{}}, sections, slices.Repeat([][]byte{{1}}, 1000)} {
		block := testVault().SealSections(sectionsID, []byte("a head"), c)
		size := len("a head")
		for _, s := range c {
			size += len(s)
		}
		s, err := testVault().OpenSections(sectionsID, block)
		if err != nil || string(s.Head) != "a head" || s.Len() != len(c) || len(block) != size+SectionsOverhead(len(c)) {
			t.Fatalf("%d sections: %d bytes, %v", len(c), len(block), err)
		}
		for _, i := range backwards(len(c)) {
			if got, err := s.Open(i); err != nil || !bytes.Equal(got, c[i]) {
				t.Errorf("section %d of %d: %q, %v", i, len(c), got, err)
			}
		}
	}
}

func backwards(n int) (out []int) {
	for i := range n {
		out = append(out, n-1-i)
	}
	return out
}

// TestSectionsSpecified: the head is sealed by XChaCha20-Poly1305 under the block's nonce, and each section under that nonce with its
// number in the four bytes that XChaCha20 leaves zero.
func TestSectionsSpecified(t *testing.T) {
	block := sealedSections()
	key, err := hkdf.Key(sha256.New, testKey[:], nil, "masq/2 blocks", 32)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		t.Fatal(err)
	}
	length := binary.BigEndian.Uint32(block[26:30])
	ad := binary.BigEndian.AppendUint64([]byte("masq-block/2"), uint64(sectionsID))
	head, err := aead.Open(nil, block[2:26], block[30:30+length], append(slices.Clip(ad), block[26:30]...))
	want := binary.BigEndian.AppendUint16(nil, uint16(len(sections)))
	for _, s := range sections {
		want = binary.BigEndian.AppendUint32(want, uint32(len(s)+16))
	}
	if err != nil || !bytes.Equal(head, append(want, "a head"...)) || block[0] != 2 || block[1] != 0 {
		t.Errorf("head %q, %v", head, err)
	}
	subkey, err := chacha20.HChaCha20(key, block[2:18])
	if err != nil {
		t.Fatal(err)
	}
	if aead, err = chacha20poly1305.New(subkey); err != nil {
		t.Fatal(err)
	}
	at := 30 + int(length)
	for i, want := range sections {
		nonce := append([]byte{0, 0, 0, byte(i + 1)}, block[18:26]...)
		if got, err := aead.Open(nil, nonce, block[at:at+len(want)+16], ad); err != nil || !bytes.Equal(got, want) {
			t.Errorf("section %d: %q, %v", i, got, err)
		}
		at += len(want) + 16
	}
}

// TestSectionsRefused: no section opens as another one, in another block, or cut.
func TestSectionsRefused(t *testing.T) {
	block, other := sealedSections(), sealedSections()
	otherKey := testKey
	otherKey[31] ^= 1
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(block)) }
	for _, c := range []struct {
		name  string
		v     *Vault
		id    storage.ID
		block []byte
		want  error
	}{
		{"as it is", testVault(), sectionsID, block, nil},
		{"another number", testVault(), sectionsID + 1, block, ErrDamaged},
		{"another class", testVault(), sectionsID + 1<<48, block, ErrDamaged},
		{"another key", New(otherKey, rand.Reader), sectionsID, block, ErrDamaged},
		{"empty", testVault(), sectionsID, nil, ErrDamaged},
		{"only zeros", testVault(), sectionsID, make([]byte, 100), ErrDamaged},
		{"a byte too many", testVault(), sectionsID, append(bytes.Clone(block), 0), ErrDamaged},
		{"another block's nonce", testVault(), sectionsID, change(func(b []byte) []byte { copy(b[2:26], other[2:26]); return b }), ErrDamaged},
		{"another block's head", testVault(), sectionsID, change(func(b []byte) []byte { copy(b[30:], other[30:30+40]); return b }), ErrDamaged},
		{"format 1", testVault(), sectionsID, testVault().Seal(sectionsID, make([]byte, 100)), ErrDamaged},
		{"newer format", testVault(), sectionsID, []byte{3}, ErrVersion},
		{"another store key's number", testVault(), sectionsID, []byte{2, 1}, ErrVersion},
	} {
		if _, err := c.v.OpenSections(c.id, c.block); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	s, err := testVault().OpenSections(sectionsID, block)
	if err != nil {
		t.Fatal(err)
	}
	o, err := testVault().OpenSections(sectionsID, other)
	if err != nil {
		t.Fatal(err)
	}
	for i, sealed := range s.sealed {
		for j := range s.sealed {
			if s.sealed[j] = sealed; i != j && opens(s, j) {
				t.Errorf("section %d opens as %d", i, j)
			}
			if s.sealed[j] = o.sealed[j]; opens(s, j) {
				t.Errorf("section %d opens in another block", j)
			}
		}
		for n := range sealed {
			if s.sealed[i] = sealed[:n]; opens(s, i) {
				t.Errorf("section %d opens, cut to %d bytes", i, n)
			}
		}
		copy(s.sealed, reopened(t, block).sealed)
	}
}

func reopened(t *testing.T, block []byte) *Sections {
	t.Helper()
	s, err := testVault().OpenSections(sectionsID, block)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func opens(s *Sections, i int) bool { _, err := s.Open(i); return err == nil }

// TestEveryBitOfASection: a flipped bit damages the part that it is in, and no other one. Where the format or the number of the store key is
// another one, nothing opens.
func TestEveryBitOfASection(t *testing.T) {
	block := sealedSections()
	ends := []int{headAt + int(binary.BigEndian.Uint32(block[lengthAt:]))}
	for _, s := range reopened(t, block).sealed {
		ends = append(ends, ends[len(ends)-1]+len(s))
	}
	for i := range block {
		for bit := range 8 {
			block[i] ^= 1 << bit
			s, err := testVault().OpenSections(sectionsID, block)
			if inHead := i < ends[0]; inHead != (err != nil) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			for n := 0; err == nil && n < s.Len(); n++ {
				if hit := ends[n] <= i && i < ends[n+1]; hit == opens(s, n) {
					t.Errorf("bit %d of byte %d, section %d: hit is %v", bit, i, n, hit)
				}
			}
			block[i] ^= 1 << bit
		}
	}
}

// TestCutSections: of a block that is cut off, the sections that are whole open, and nothing else.
func TestCutSections(t *testing.T) {
	block := sealedSections()
	head := headAt + int(binary.BigEndian.Uint32(block[lengthAt:]))
	for n := range block {
		s, err := testVault().OpenSections(sectionsID, block[:n])
		if (n < head) != errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
		end := head
		for i := 0; err == nil && i < len(sections); i++ {
			if end += len(sections[i]) + 16; (end <= n) != opens(s, i) {
				t.Errorf("cut to %d bytes: section %d ends at %d", n, i, end)
			}
		}
	}
}

func TestSectionsNonceIsFresh(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		seen[string(sealedSections()[nonceAt:lengthAt])] = true
	}
	if len(seen) != 100 {
		t.Error("a nonce came twice")
	}
}

func BenchmarkOpenSection(b *testing.B) {
	v := testVault()
	block := v.SealSections(sectionsID, make([]byte, 600), slices.Repeat([][]byte{make([]byte, 8<<10)}, 7))
	for b.Loop() {
		s, err := v.OpenSections(sectionsID, block)
		if err == nil {
			_, err = s.Open(3)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
