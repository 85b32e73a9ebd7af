package wire

// MessageType is the first byte of a message inside a session.
type MessageType uint8

// The types of message (core/PROTOCOL.md, "Inside the session"). Others are ignored.
const (
	MsgRosterHeads      MessageType = 1
	MsgRosterEntries    MessageType = 2
	MsgRosterDone       MessageType = 3 // no fields
	MsgNamespaces       MessageType = 4
	MsgVector           MessageType = 5
	MsgData             MessageType = 6
	MsgEnd              MessageType = 7
	MsgCredit           MessageType = 8
	MsgAck              MessageType = 9
	MsgHave             MessageType = 10
	MsgBye              MessageType = 11
	MsgNamespaceHeads   MessageType = 12
	MsgNamespaceEntries MessageType = 13
	MsgWriters          MessageType = 14
	MsgFull             MessageType = 16
)

// SessionVersion is the version of what devices say inside a session.
const SessionVersion = 2

// MessageHeader is how many bytes stand before a message's fields.
const MessageHeader = 1 + 4

// Limits of single messages.
const (
	MaxNamespaces  = 4096             // in one NamespaceList
	MaxWritersSent = 1024             // in one Writers
	MaxMarks       = 256              // of one writer, in one Writers
	maxLV8         = 255              // an application id or a name behind a length of 8 bits
	maxName        = 4 * MaxNameRunes // a device's name, in bytes
)

// NextMessage takes the first of several messages that stand one behind the other. Its fields and rest alias b.
func NextMessage(b []byte) (typ MessageType, fields, rest []byte, err error) {
	r := NewReader(b)
	typ = MessageType(r.U8())
	fields = r.LV32(MaxMessage - MessageHeader)
	if r.Err() != nil {
		return 0, nil, nil, ErrMalformed
	}
	return typ, fields, b[len(b)-r.Len():], nil
}

// beginMessage appends a message's header with the length left open; endMessage fills it in for what came after start.
func beginMessage(b []byte, typ MessageType) []byte { return AppendU32(append(b, byte(typ)), 0) }

func endMessage(b []byte, start int) []byte {
	n := len(b) - start - MessageHeader
	mustFit(n, MaxMessage-MessageHeader)
	AppendU32(b[start+1:start+1], uint32(n))
	return b
}

// beginField and endField do the same for one field.
func beginField(b []byte, tag uint8) []byte { return AppendU32(append(b, tag), 0) }

func endField(b []byte, start int) []byte {
	AppendU32(b[start+1:start+1], uint32(len(b)-start-5))
	return b
}

func appendU16Field(b []byte, tag uint8, v uint16) []byte {
	return AppendU16(AppendU32(append(b, tag), 2), v)
}

func appendU32Field(b []byte, tag uint8, v uint32) []byte {
	return AppendU32(AppendU32(append(b, tag), 4), v)
}

func appendU64Field(b []byte, tag uint8, v uint64) []byte {
	return AppendU64(AppendU32(append(b, tag), 8), v)
}

func appendVectorField(b []byte, tag uint8, v Vector) []byte {
	start := len(b)
	return endField(AppendVector(beginField(b, tag), v), start)
}

// tags is a set of field tags below 8.
type tags uint8

func tagSet(list ...uint8) (s tags) {
	for _, t := range list {
		s |= 1 << t
	}
	return s
}

// parseFields hands every known field's value to take, which must use all of it. A required field that is missing, and a
// field that comes twice without being in repeated, are malformed. Unknown tags are skipped.
func parseFields(b []byte, required, optional, repeated tags, take func(tag uint8, v *Reader)) error {
	var seen tags
	r := NewReader(b)
	for r.Len() > 0 {
		tag, value := r.TLV(MaxMessage)
		if r.Err() != nil {
			return ErrMalformed
		}
		if tag >= 8 || (required|optional|repeated)&(1<<tag) == 0 {
			continue
		}
		if seen&(1<<tag) != 0 && repeated&(1<<tag) == 0 {
			return ErrMalformed
		}
		seen |= 1 << tag
		v := NewReader(value)
		take(tag, &v)
		if v.Done() != nil {
			return ErrMalformed
		}
	}
	if r.Done() != nil || seen&required != required {
		return ErrMalformed
	}
	return nil
}

func (r *Reader) rest() []byte { return r.Bytes(r.Len()) }

func (r *Reader) array32() (out [32]byte) {
	copy(out[:], r.Bytes(32))
	return out
}

func (r *Reader) vector() Vector {
	v, err := ParseVector(r.rest())
	if err != nil {
		r.Fail()
	}
	return v
}
