package session

import (
	"encoding/binary"
	"math/bits"

	"github.com/flynn/noise"
	"github.com/masqdev/masq/core/wire"
	"golang.org/x/crypto/chacha20poly1305"
)

// The layout of a frame's body: tag and type in the clear, the rest sealed.
const (
	headSize = 4 + 1 // tag and type, the associated data

	typeM1        = 0x01
	typeM2        = 0x02
	typeTransport = 0x10

	plainHead = 1 + 4 // kind and length, in front of what a frame carries
	maxCarry  = wire.MaxFramePlain - plainHead
	overhead  = chacha20poly1305.Overhead
)

// What a frame carries.
const (
	kindWhole = 1 // whole messages
	kindPiece = 2 // a piece of a message, not the last
	kindLast  = 3 // the last piece
)

// When a session is renewed and when it is dropped; both directions are counted. Spans in milliseconds run from the first DATA.
const (
	renewMillis = 120_000
	renewFrames = 1 << 14
	renewBytes  = 64 << 20
	spentMillis = 600_000
	spentFrames = 1 << 16
)

type tag [4]byte

// session is what a handshake leaves: two directions and what has gone over them.
type session struct {
	tag           tag
	send, receive oneWay
	pieces        []byte // of a message that is not all there yet; nil: none

	frames  uint32
	bytes   uint64 // of bodies
	since   uint64 // Unix ms of the first DATA, 0: none yet
	renewed bool   // Tick has said Renew
	silent  bool   // nothing has been sent yet
	heard   bool   // something has been received
	confirm uint64 // Unix ms until which the initiator waits to hear something
}

func newSession(send, receive *noise.CipherState) *session {
	return &session{send: newOneWay(send.UnsafeKey()), receive: newOneWay(receive.UnsafeKey()), silent: true}
}

// pad is Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019, section
// 3.2): the length n rounded up so that it tells O(log log n) bits, within the protocol's floor and cap.
func pad(n int) int {
	if n <= wire.MinFramePlain {
		return wire.MinFramePlain
	}
	e := bits.Len(uint(n)) - 1
	low := 1<<(e-bits.Len(uint(e))) - 1
	return min((n+low)&^low, wire.MaxFramePlain)
}

// frame seals one relay frame around parts, whose length is size, at most maxCarry.
func (s *session) frame(kind uint8, size int, parts ...[]byte) []byte {
	plainSize := pad(plainHead + size)
	b := make([]byte, 1+headSize+plainSize, 1+headSize+plainSize+overhead)
	b[0] = byte(wire.RelayData)
	copy(b[1:], s.tag[:])
	b[1+4] = typeTransport
	head, plain := b[1:1+headSize], b[1+headSize:]
	plain[0] = kind
	binary.BigEndian.PutUint32(plain[1:], uint32(size))
	at := plainHead
	for _, p := range parts {
		at += copy(plain[at:], p)
	}
	sealed := s.send.seal(plain[:0], plain, head)
	s.silent = false
	s.count(headSize + len(sealed))
	return b[:1+headSize+len(sealed)]
}

// seal appends the frames that carry msgs in their order to out.
func (s *session) seal(now uint64, out [][]byte, msgs [][]byte) [][]byte {
	for _, m := range msgs {
		s.note(now, wire.MessageType(m[0]))
	}
	for len(msgs) > 0 {
		n, size := fit(msgs)
		if n == 0 {
			out = s.sealPieces(out, msgs[0])
			msgs = msgs[1:]
			continue
		}
		out = append(out, s.frame(kindWhole, size, msgs[:n]...))
		msgs = msgs[n:]
	}
	if s.silent { // the other side waits for a first frame
		out = append(out, s.frame(kindWhole, 0))
	}
	return out
}

// fit is how many of msgs one frame holds, and their length together.
func fit(msgs [][]byte) (n, size int) {
	for n < len(msgs) && size+len(msgs[n]) <= maxCarry {
		size += len(msgs[n])
		n++
	}
	return n, size
}

func (s *session) sealPieces(out [][]byte, msg []byte) [][]byte {
	for len(msg) > maxCarry {
		out = append(out, s.frame(kindPiece, maxCarry, msg[:maxCarry]))
		msg = msg[maxCarry:]
	}
	return append(out, s.frame(kindLast, len(msg), msg))
}

// open decrypts a body in place and returns the whole messages that are there with it. After an error the session is over.
func (s *session) open(now uint64, body []byte) ([]byte, error) {
	sealed := body[headSize:]
	n := len(sealed) - overhead
	if body[4] != typeTransport || n < wire.MinFramePlain || n > wire.MaxFramePlain {
		return nil, ErrSession
	}
	s.count(len(body))
	plain, err := s.receive.open(sealed[:0], sealed, body[:headSize])
	if err != nil {
		return nil, err
	}
	s.heard = true
	return s.unpack(now, plain)
}

// unpack takes a frame's plaintext apart.
func (s *session) unpack(now uint64, plain []byte) ([]byte, error) {
	kind, size := plain[0], binary.BigEndian.Uint32(plain[1:])
	plain = plain[plainHead:]
	if uint64(size) > uint64(len(plain)) || !isZero(plain[size:]) {
		return nil, ErrSession
	}
	carried := plain[:size]
	if kind == kindWhole && s.pieces == nil {
		_, err := s.messages(now, carried)
		return carried, err
	}
	if kind != kindPiece && (kind != kindLast || s.pieces == nil) || size == 0 || len(s.pieces)+len(carried) > wire.MaxMessage {
		return nil, ErrSession
	}
	s.pieces = append(s.pieces, carried...)
	if kind == kindPiece {
		return nil, nil
	}
	whole := s.pieces
	s.pieces = nil
	if n, err := s.messages(now, whole); err != nil || n != 1 {
		return nil, ErrSession
	}
	return whole, nil
}

// messages counts the whole messages in b.
func (s *session) messages(now uint64, b []byte) (n int, err error) {
	for ; len(b) > 0; n++ {
		typ, _, rest, err := wire.NextMessage(b)
		if err != nil {
			return 0, ErrSession
		}
		s.note(now, typ)
		b = rest
	}
	return n, nil
}

func isZero(b []byte) bool {
	var or byte
	for _, x := range b {
		or |= x
	}
	return or == 0
}

func (s *session) note(now uint64, typ wire.MessageType) {
	if typ == wire.MsgData && s.since == 0 {
		s.since = now
	}
}

func (s *session) count(n int) {
	s.frames++
	s.bytes += uint64(n)
}

// renewAt is when the session is to be renewed by its age, 0: not. The responder's limits are an eighth higher, so that as a
// rule it is the initiator that acts, and not both at once.
func (s *session) renewAt(initiator bool) uint64 {
	if s.since == 0 {
		return 0
	}
	return s.since + later(renewMillis, initiator)
}

func later(limit uint64, initiator bool) uint64 {
	if initiator {
		return limit
	}
	return limit + limit/8
}

func (s *session) renewDue(now uint64, initiator bool) bool {
	at := s.renewAt(initiator)
	return at != 0 && now >= at || uint64(s.frames) >= later(renewFrames, initiator) || s.bytes >= later(renewBytes, initiator)
}

func (s *session) spent(now uint64) bool {
	return s.frames >= spentFrames || s.since != 0 && now >= s.since+spentMillis
}
