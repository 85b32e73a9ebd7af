package vault

import (
	"crypto/cipher"
	"encoding/binary"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/masqdev/masq/core/storage"
)

// A block of sections is
//
//	format u8 = 2 ‖ number of the store key u8 = 0 ‖ nonce(24) ‖ length of the sealed head u32 ‖ sealed head ‖ sealed section*n
//	head     = n u16 ‖ length of the sealed section u32*n ‖ what the caller gave
//	key      = HChaCha20(HKDF(store key, "masq/2 blocks", 32), the nonce's first 16 bytes)
//	sealed   = ChaCha20-Poly1305 with the nonce u32 ‖ the nonce's last 8 bytes, where u32 is 0 for the head and i + 1 for the i-th section
//
// So the head is sealed by XChaCha20-Poly1305 with the block's nonce, and the sections with the same key and nonces that follow. The
// associated data is "masq-block/2" ‖ the block's number u64, and for the head its length behind that.
//
// The head's length has to be known before anything is opened. It is in clear, and part of what the head is bound to: under another one the
// head does not open, and nothing else is done with it but to find the head's end. A prefix of a fixed size, sealed for itself, would hide
// it; that takes 16 bytes and one more opening, and what can be seen is about how many records a block has.
const (
	sectionsFormat = 2
	nonceAt        = 2
	lengthAt       = nonceAt + chacha20poly1305.NonceSizeX
	headAt         = lengthAt + 4
	hchachaNonce   = 16
	sectionsLabel  = "masq-block/2"

	// MaxSections is how many sections a block may have.
	MaxSections = 1<<16 - 1
)

// SectionsOverhead is by how many bytes a block of n sections is longer than its head and the sections.
func SectionsOverhead(n int) int {
	return headAt + 2 + 4*n + (1+n)*chacha20poly1305.Overhead
}

// Sections is a block of sections whose head is open.
type Sections struct {
	Head []byte // as SealSections was given it

	sealer
	sealed [][]byte
}

// sealer seals and opens the parts of one block.
type sealer struct {
	aead  cipher.AEAD
	nonce [chacha20poly1305.NonceSize]byte
	ad    [len(sectionsLabel) + 8 + 4]byte
}

// SealSections returns the block to store under id, SectionsOverhead(len(sections)) bytes longer than head and sections together, in new
// memory. Each section can be opened without the others. It panics when the source of randomness fails, as Seal does.
func (v *Vault) SealSections(id storage.ID, head []byte, sections [][]byte) []byte {
	if len(sections) > MaxSections {
		panic("vault: too many sections")
	}
	size, lengths := len(head), binary.BigEndian.AppendUint16(nil, uint16(len(sections)))
	for _, s := range sections {
		size += len(s)
		lengths = binary.BigEndian.AppendUint32(lengths, uint32(len(s)+chacha20poly1305.Overhead))
	}
	block := make([]byte, headAt, size+SectionsOverhead(len(sections)))
	block[0] = sectionsFormat
	v.random(block[nonceAt:lengthAt])
	length := len(lengths) + len(head) + chacha20poly1305.Overhead
	binary.BigEndian.PutUint32(block[lengthAt:], uint32(length))
	s := v.sealer(id, block)
	block = s.seal(block, 0, append(lengths, head...))
	for i, plain := range sections {
		block = s.seal(block, uint32(i)+1, plain)
	}
	return block
}

// OpenSections opens the head of a block that was stored under id, and none of its sections. It returns ErrVersion for a format that is
// newer than this package and for another store key than the first, and ErrDamaged for whatever else it cannot open. It keeps block. Of one
// that is cut off behind its head the sections that are whole can still be opened.
func (v *Vault) OpenSections(id storage.ID, block []byte) (*Sections, error) {
	if len(block) > 0 && block[0] > sectionsFormat || len(block) > 1 && block[0] == sectionsFormat && block[1] != 0 {
		return nil, ErrVersion
	}
	if len(block) < headAt || block[0] != sectionsFormat {
		return nil, ErrDamaged
	}
	rest, length := block[headAt:], binary.BigEndian.Uint32(block[lengthAt:])
	if uint64(length) > uint64(len(rest)) {
		return nil, ErrDamaged
	}
	s := &Sections{sealer: v.sealer(id, block)}
	head, err := s.open(0, rest[:length])
	if err != nil || !s.split(head, rest[length:]) {
		return nil, ErrDamaged
	}
	return s, nil
}

// split finds the sections in rest. What is cut off is nil.
func (s *Sections) split(head, rest []byte) bool {
	if len(head) < 2 {
		return false
	}
	n := int(binary.BigEndian.Uint16(head))
	if head = head[2:]; len(head) < 4*n {
		return false
	}
	s.Head, s.sealed = head[4*n:], make([][]byte, n)
	for i := range n {
		length := uint64(binary.BigEndian.Uint32(head[4*i:]))
		if length > uint64(len(rest)) {
			rest = nil
			continue
		}
		s.sealed[i], rest = rest[:length], rest[length:]
	}
	return len(rest) == 0
}

// Len is how many sections there are.
func (s *Sections) Len() int { return len(s.sealed) }

// Open returns the plaintext of the i-th section, from 0, in new memory, or ErrDamaged.
func (s *Sections) Open(i int) ([]byte, error) {
	plain, err := s.open(uint32(i)+1, s.sealed[i])
	if err != nil {
		return nil, ErrDamaged
	}
	return plain, nil
}

// sealer is that of a block whose first headAt bytes are there.
func (v *Vault) sealer(id storage.ID, block []byte) (s sealer) {
	key, err := chacha20.HChaCha20(v.sections[:], block[nonceAt:nonceAt+hchachaNonce])
	if err == nil {
		s.aead, err = chacha20poly1305.New(key)
	}
	clear(key)
	if err != nil {
		panic(err) // only for lengths that the lines above do not have
	}
	copy(s.nonce[4:], block[nonceAt+hchachaNonce:lengthAt])
	copy(s.ad[:], sectionsLabel)
	binary.BigEndian.PutUint64(s.ad[len(sectionsLabel):], uint64(id))
	copy(s.ad[len(sectionsLabel)+8:], block[lengthAt:headAt])
	return s
}

// part is the nonce and the associated data of a part: 0 is the head.
func (s *sealer) part(n uint32) (nonce, ad []byte) {
	binary.BigEndian.PutUint32(s.nonce[:], n)
	if n > 0 {
		return s.nonce[:], s.ad[:len(sectionsLabel)+8]
	}
	return s.nonce[:], s.ad[:]
}

func (s *sealer) seal(out []byte, n uint32, plain []byte) []byte {
	nonce, ad := s.part(n)
	return s.aead.Seal(out, nonce, plain, ad)
}

func (s *sealer) open(n uint32, sealed []byte) ([]byte, error) {
	nonce, ad := s.part(n)
	return s.aead.Open(nil, nonce, sealed, ad)
}
