package native

// The frames of RFC 6455, section 5. The WebSocket package, gws, does the handshake here and no more: its read loop keeps a buffer
// and a deep stack for each connection, 13 KiB more than this, of which an idle one needs nothing, and it writes each message
// by itself, where here all that waits for a receiver goes out in one write.

import (
	"encoding/binary"
	"errors"
)

// opcode is a WebSocket frame's kind (RFC 6455, 5.2).
type opcode byte

const (
	opContinuation opcode = 0
	opText         opcode = 1
	opBinary       opcode = 2
	opClose        opcode = 8
	opPing         opcode = 9
	opPong         opcode = 10
)

func (o opcode) isControl() bool { return o >= opClose }

// The close codes of RFC 6455, 7.4, that this package gives by itself.
const (
	closeNormal   = 1000
	closeProtocol = 1002
)

const (
	maxHead    = 14  // bytes of a client's frame header at most
	maxOwnHead = 10  // bytes of a server's
	maxControl = 125 // bytes of a control frame's payload at most
)

// head is the header of a client's frame.
type head struct {
	op   opcode
	fin  bool
	size uint64 // of the payload; a 64-bit length may be anything
	mask [4]byte
}

var errProtocol = errors.New("not a client's WebSocket frame")

// headSize returns how long a frame's header is, from its first two bytes.
func headSize(b []byte) int {
	switch b[1] & 0x7f {
	case 126:
		return 2 + 2 + 4
	case 127:
		return 2 + 8 + 4
	}
	return 2 + 4
}

// parseHead reads a header of headSize bytes. Reserved bits and opcodes, a payload that is not masked, and a control frame in
// pieces or with too much in it are errors.
func parseHead(b []byte) (head, error) {
	h := head{op: opcode(b[0] & 0x0f), fin: b[0]&0x80 != 0, size: uint64(b[1] & 0x7f)}
	switch h.size {
	case 126:
		h.size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		h.size = binary.BigEndian.Uint64(b[2:])
	}
	h.mask = [4]byte(b[len(b)-4:])
	reserved := b[0]&0x70 != 0 || h.op > opBinary && h.op < opClose || h.op > opPong
	if reserved || b[1]&0x80 == 0 || h.op.isControl() && (!h.fin || h.size > maxControl) {
		return h, errProtocol
	}
	return h, nil
}

// unmask takes a client's mask from a payload.
func unmask(p []byte, mask [4]byte) {
	m := uint64(binary.LittleEndian.Uint32(mask[:]))
	m |= m << 32
	le := binary.LittleEndian
	for ; len(p) >= 32; p = p[32:] {
		le.PutUint64(p, le.Uint64(p)^m)
		le.PutUint64(p[8:], le.Uint64(p[8:])^m)
		le.PutUint64(p[16:], le.Uint64(p[16:])^m)
		le.PutUint64(p[24:], le.Uint64(p[24:])^m)
	}
	for i := range p {
		p[i] ^= mask[i&3]
	}
}

// appendHead adds the header of a server's frame to b, for a payload of n bytes: whole, and not masked.
func appendHead(b []byte, op opcode, n int) []byte {
	b = append(b, 0x80|byte(op))
	switch {
	case n <= 125:
		return append(b, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
}

// appendFrame adds a server's frame to b.
func appendFrame(b []byte, op opcode, payload []byte) []byte {
	return append(appendHead(b, op, len(payload)), payload...)
}

// appendClose adds a close frame, without a code if that is 0.
func appendClose(b []byte, code uint16) []byte {
	if code == 0 {
		return appendFrame(b, opClose, nil)
	}
	return appendFrame(b, opClose, []byte{byte(code >> 8), byte(code)})
}

// closeAnswer is the code with which to answer a close frame: its own, if that may be in one.
func closeAnswer(payload []byte) uint16 {
	if len(payload) == 0 {
		return 0
	}
	if len(payload) == 1 {
		return closeProtocol
	}
	switch code := binary.BigEndian.Uint16(payload); {
	case code < 1000, code >= 5000, code >= 1016 && code < 3000, code == 1004, code == 1005, code == 1006, code == 1014, code == 1015:
		return closeProtocol
	default:
		return code
	}
}
