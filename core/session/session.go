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

// When a session is renewed and when it is dropped. Both directions are counted, and times are in milliseconds.
const (
	renewMillis = 120_000 // of traffic
	spentMillis = 600_000
	renewAge    = 60 * 60_000 // traffic or not
	spentAge    = 120 * 60_000
	renewFrames = 1 << 14
	spentFrames = 1 << 16
	renewBytes  = 64 << 20

	// Every session begins with messages. These alone are no traffic, or a session on which nothing happens would be renewed for
	// what the renewal brings.
	beginMillis = 30_000
)

// KeepAlive is when an empty frame is sent, in milliseconds after the frame before. Silence is for how long nothing may come.
const (
	KeepAlive = 30_000
	Silence   = 60_000
)

type tag [4]byte

// session is what a handshake leaves: two directions and what has gone over them.
type session struct {
	tag           tag
	send, receive oneWay
	pieces        []byte // of a message that is not all there yet; nil: none

	frames  uint32
	bytes   uint64 // of bodies
	up      uint64 // Unix ms of the handshake
	traffic bool   // there was some, since:
	since   uint64 // Unix ms
	renewed bool   // Tick has said Renew
	silent  bool   // nothing has been sent yet
	heard   bool   // something has been received
	sentAt  uint64 // Unix ms of the last frame that was sent
	heardAt uint64 // and received, or of the handshake
}

func newSession(now uint64, send, receive *noise.CipherState) *session {
	s := &session{send: newOneWay(send.UnsafeKey()), receive: newOneWay(receive.UnsafeKey()), silent: true}
	*send, *receive = noise.CipherState{}, noise.CipherState{}
	s.up, s.sentAt, s.heardAt = now, now, now
	return s
}

// erase overwrites the keys. The session is over.
func (s *session) erase() {
	s.send.erase()
	s.receive.erase()
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
func (s *session) frame(now uint64, kind uint8, size int, parts ...[]byte) []byte {
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
	s.silent, s.sentAt = false, now
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
			out = s.sealPieces(now, out, msgs[0])
			msgs = msgs[1:]
			continue
		}
		out = append(out, s.frame(now, kindWhole, size, msgs[:n]...))
		msgs = msgs[n:]
	}
	if s.silent { // the other side waits for a first frame
		out = append(out, s.empty(now))
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

// empty is a frame that says no more than that this side lives.
func (s *session) empty(now uint64) []byte { return s.frame(now, kindWhole, 0) }

func (s *session) sealPieces(now uint64, out [][]byte, msg []byte) [][]byte {
	for len(msg) > maxCarry {
		out = append(out, s.frame(now, kindPiece, maxCarry, msg[:maxCarry]))
		msg = msg[maxCarry:]
	}
	return append(out, s.frame(now, kindLast, len(msg), msg))
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
	s.heard, s.heardAt = true, now
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
	if !s.traffic && (typ == wire.MsgData || now >= s.up+beginMillis) {
		s.traffic, s.since = true, now
	}
}

func (s *session) count(n int) {
	s.frames++
	s.bytes += uint64(n)
}

// renewAt is when the session is to be renewed by time. The responder's limits are an eighth higher, so that as a rule it is the
// initiator that acts, and not both at once.
func (s *session) renewAt(initiator bool) uint64 {
	at := s.up + later(renewAge, initiator)
	if s.traffic {
		at = min(at, s.since+later(renewMillis, initiator))
	}
	return at
}

func later(limit uint64, initiator bool) uint64 {
	if initiator {
		return limit
	}
	return limit + limit/8
}

func (s *session) renewDue(now uint64, initiator bool) bool {
	return now >= s.renewAt(initiator) || uint64(s.frames) >= later(renewFrames, initiator) || s.bytes >= later(renewBytes, initiator)
}

// spentAt is when the session is dropped by time.
func (s *session) spentAt() uint64 {
	if s.traffic {
		return min(s.up+spentAge, s.since+spentMillis)
	}
	return s.up + spentAge
}

func (s *session) spent(now uint64) bool { return s.frames >= spentFrames || now >= s.spentAt() }

// lostAt is when the other side is given up because nothing comes of it. The initiator waits for the responder's first frame no longer
// than for M2: its own may be lost.
func (s *session) lostAt() uint64 {
	if !s.heard {
		return s.heardAt + HandshakeTimeout
	}
	return s.heardAt + Silence
}
