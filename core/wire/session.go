package wire

import "unicode/utf8"

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
)

// MessageHeader is how many bytes stand before a message's fields.
const MessageHeader = 1 + 4

// Limits of single messages.
const (
	MaxNamespaces = 4096             // in one NamespaceList
	maxLV8        = 255              // an application id or a name behind a length of 8 bits
	maxName       = 4 * MaxNameRunes // a device's name, in bytes
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

// RosterHeads says which roster entries a device has that no other entry refers to.
type RosterHeads struct {
	Heads [][32]byte // entry ids, at most MaxRoster; none is what a device sends that knows no entry
	Name  string     // this device's name, at most MaxNameRunes characters; "" leaves the known one
}

// AppendRosterHeads appends the message.
func AppendRosterHeads(b []byte, m *RosterHeads) []byte {
	start := len(b)
	b = beginMessage(b, MsgRosterHeads)
	b = appendHeads(b, 1, m.Heads)
	if m.Name != "" {
		b = AppendTLV(b, 2, []byte(m.Name))
	}
	return endMessage(b, start)
}

// ParseRosterHeads parses the message's fields. It checks the name's length and nothing else of it.
func ParseRosterHeads(fields []byte) (RosterHeads, error) {
	var m RosterHeads
	err := parseFields(fields, tagSet(1), tagSet(2), 0, func(tag uint8, v *Reader) {
		switch tag {
		case 1:
			m.Heads = v.heads()
		case 2:
			name := v.rest()
			if len(name) > maxName || !utf8.Valid(name) || utf8.RuneCount(name) > MaxNameRunes {
				v.Fail()
				return
			}
			m.Name = string(name)
		}
	})
	if err != nil {
		return RosterHeads{}, err
	}
	return m, nil
}

// AppendRosterEntries appends the message: whole roster entries, at most MaxRoster of at most MaxRosterEntry bytes.
func AppendRosterEntries(b []byte, entries [][]byte) []byte {
	start := len(b)
	b = beginMessage(b, MsgRosterEntries)
	for _, e := range entries {
		b = AppendTLV(b, 1, e)
	}
	return endMessage(b, start)
}

// ParseRosterEntries parses the message's fields into whole entries, which alias them.
func ParseRosterEntries(fields []byte) ([][]byte, error) {
	var out [][]byte
	err := parseFields(fields, 0, 0, tagSet(1), func(_ uint8, v *Reader) {
		if v.Len() > MaxRosterEntry || len(out) == MaxRoster {
			v.Fail()
		}
		out = append(out, v.rest())
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// NamespaceRoster is about the roster of a namespace's application peers: its heads (MsgNamespaceHeads), or entries (MsgNamespaceEntries).
type NamespaceRoster struct {
	Number  uint16     // the sender's own for the namespace
	Heads   [][32]byte // entry ids, at most MaxRoster
	Entries [][]byte   // whole entries, at most MaxRoster of at most MaxRosterEntry bytes
}

// AppendNamespaceHeads appends a message with m's heads, which may be none.
func AppendNamespaceHeads(b []byte, m *NamespaceRoster) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgNamespaceHeads), 1, m.Number)
	return endMessage(appendHeads(b, 2, m.Heads), start)
}

// ParseNamespaceHeads parses the message's fields.
func ParseNamespaceHeads(fields []byte) (NamespaceRoster, error) {
	var m NamespaceRoster
	err := parseFields(fields, tagSet(1, 2), 0, 0, func(tag uint8, v *Reader) {
		if tag == 1 {
			m.Number = v.U16()
			return
		}
		m.Heads = v.heads()
	})
	if err != nil {
		return NamespaceRoster{}, err
	}
	return m, nil
}

// AppendNamespaceEntries appends a message with m's entries.
func AppendNamespaceEntries(b []byte, m *NamespaceRoster) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgNamespaceEntries), 1, m.Number)
	for _, e := range m.Entries {
		b = AppendTLV(b, 2, e)
	}
	return endMessage(b, start)
}

// ParseNamespaceEntries parses the message's fields; the entries alias them.
func ParseNamespaceEntries(fields []byte) (NamespaceRoster, error) {
	var m NamespaceRoster
	err := parseFields(fields, tagSet(1), 0, tagSet(2), func(tag uint8, v *Reader) {
		if tag == 1 {
			m.Number = v.U16()
			return
		}
		if v.Len() > MaxRosterEntry || len(m.Entries) == MaxRoster {
			v.Fail()
		}
		m.Entries = append(m.Entries, v.rest())
	})
	if err != nil {
		return NamespaceRoster{}, err
	}
	return m, nil
}

func appendHeads(b []byte, tag uint8, heads [][32]byte) []byte {
	start := len(b)
	b = beginField(b, tag)
	for i := range heads {
		b = append(b, heads[i][:]...)
	}
	return endField(b, start)
}

func (r *Reader) heads() [][32]byte {
	if r.Len()%32 != 0 || r.Len() > 32*MaxRoster {
		r.Fail()
	}
	out := make([][32]byte, 0, r.Len()/32)
	for r.Len() > 0 {
		out = append(out, r.array32())
	}
	return out
}

// AppendRosterDone appends the message that ends the sending of roster entries.
func AppendRosterDone(b []byte) []byte { return beginMessage(b, MsgRosterDone) }

// A Namespace is one application's data as its sender numbers it.
type Namespace struct {
	Number uint16   // the sender's own, for this session
	NS     [32]byte // the name by which the receiver knows it
	On     bool     // the sender syncs it
	App    string   // application id, at most 255 bytes
	Name   string   // for people, at most 255 bytes
}

// AppendNamespaces appends the message, at most MaxNamespaces in it. It panics on an App or Name that is too long.
func AppendNamespaces(b []byte, list []Namespace) []byte {
	start := len(b)
	b = beginMessage(b, MsgNamespaces)
	for i := range list {
		l := &list[i]
		field := len(b)
		b = AppendU16(beginField(b, 1), l.Number)
		b = append(b, l.NS[:]...)
		on := byte(0)
		if l.On {
			on = 1
		}
		b = AppendLV8(append(b, on), []byte(l.App))
		b = endField(AppendLV8(b, []byte(l.Name)), field)
	}
	return endMessage(b, start)
}

// ParseNamespaces parses the message's fields. Whether a number or a namespace stands twice is the caller's to check.
func ParseNamespaces(fields []byte) ([]Namespace, error) {
	var out []Namespace
	err := parseFields(fields, 0, 0, tagSet(1), func(_ uint8, v *Reader) {
		l := Namespace{Number: v.U16(), NS: v.array32()}
		on := v.U8()
		app, name := v.LV8(maxLV8), v.LV8(maxLV8)
		if on > 1 || !utf8.Valid(app) || !utf8.Valid(name) || len(out) == MaxNamespaces {
			v.Fail()
			return
		}
		l.On, l.App, l.Name = on == 1, string(app), string(name)
		out = append(out, l)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// An Incarnation names one life of a log: positions of another incarnation mean nothing.
type Incarnation [8]byte

// A Cursor says how far the other's log was taken.
type Cursor struct {
	Incarnation Incarnation
	Position    uint64
}

// VectorMsg asks for the records of a namespace that the vector lacks.
type VectorMsg struct {
	Number      uint16 // the sender's own for the namespace
	Vector      Vector
	Incarnation Incarnation // of the sender's log
	Cursor      Cursor      // in the receiver's log; the zero Cursor: none, and is not sent
}

// AppendVectorMsg appends the message.
func AppendVectorMsg(b []byte, m *VectorMsg) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgVector), 1, m.Number)
	b = appendVectorField(b, 2, m.Vector)
	b = AppendTLV(b, 3, m.Incarnation[:])
	if m.Cursor != (Cursor{}) {
		b = AppendU32(append(b, 4), 16)
		b = AppendU64(append(b, m.Cursor.Incarnation[:]...), m.Cursor.Position)
	}
	return endMessage(b, start)
}

// ParseVectorMsg parses the message's fields.
func ParseVectorMsg(fields []byte) (VectorMsg, error) {
	var m VectorMsg
	err := parseFields(fields, tagSet(1, 2, 3), tagSet(4), 0, func(tag uint8, v *Reader) {
		switch tag {
		case 1:
			m.Number = v.U16()
		case 2:
			m.Vector = v.vector()
		case 3:
			copy(m.Incarnation[:], v.Bytes(8))
		case 4:
			copy(m.Cursor.Incarnation[:], v.Bytes(8))
			m.Cursor.Position = v.U64()
		}
	})
	if err != nil {
		return VectorMsg{}, err
	}
	return m, nil
}

// Data carries records of a namespace.
type Data struct {
	Number   uint16 // the sender's own for the namespace
	Position uint64 // in the sender's log, after these records
	Records  []byte // for ParseRecords
}

// AppendData appends the message.
func AppendData(b []byte, m *Data) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgData), 1, m.Number)
	b = appendU64Field(b, 2, m.Position)
	return endMessage(AppendTLV(b, 3, m.Records), start)
}

// ParseData parses the message's fields; Records alias them and are not parsed.
func ParseData(fields []byte) (Data, error) {
	var m Data
	err := parseFields(fields, tagSet(1, 2, 3), 0, 0, func(tag uint8, v *Reader) {
		switch tag {
		case 1:
			m.Number = v.U16()
		case 2:
			m.Position = v.U64()
		case 3:
			m.Records = v.rest()
		}
	})
	if err != nil {
		return Data{}, err
	}
	return m, nil
}

// End says that the other has everything up to here, and what that amounts to.
type End struct {
	Number   uint16 // the sender's own for the namespace
	Position uint64 // the end of the sender's log
	Vector   Vector // the sender's
}

// AppendEnd appends the message.
func AppendEnd(b []byte, m *End) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgEnd), 1, m.Number)
	b = appendU64Field(b, 2, m.Position)
	return endMessage(appendVectorField(b, 3, m.Vector), start)
}

// ParseEnd parses the message's fields.
func ParseEnd(fields []byte) (End, error) {
	var m End
	err := parseFields(fields, tagSet(1, 2, 3), 0, 0, func(tag uint8, v *Reader) {
		switch tag {
		case 1:
			m.Number = v.U16()
		case 2:
			m.Position = v.U64()
		case 3:
			m.Vector = v.vector()
		}
	})
	if err != nil {
		return End{}, err
	}
	return m, nil
}

// AppendCredit appends a CREDIT: so many bytes of DATA and END messages have been taken.
func AppendCredit(b []byte, n uint32) []byte {
	start := len(b)
	return endMessage(appendU32Field(beginMessage(b, MsgCredit), 1, n), start)
}

// ParseCredit parses the message's fields.
func ParseCredit(fields []byte) (n uint32, err error) {
	err = parseFields(fields, tagSet(1), 0, 0, func(_ uint8, v *Reader) { n = v.U32() })
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Ack says that what came up to a position of the other's log is durable.
type Ack struct {
	Number   uint16 // the sender's own for the namespace
	Position uint64 // in the receiver's log
}

// AppendAck appends the message.
func AppendAck(b []byte, m *Ack) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgAck), 1, m.Number)
	return endMessage(appendU64Field(b, 2, m.Position), start)
}

// ParseAck parses the message's fields.
func ParseAck(fields []byte) (Ack, error) {
	var m Ack
	err := parseFields(fields, tagSet(1, 2), 0, 0, func(tag uint8, v *Reader) {
		switch tag {
		case 1:
			m.Number = v.U16()
		case 2:
			m.Position = v.U64()
		}
	})
	if err != nil {
		return Ack{}, err
	}
	return m, nil
}

// Have says what a device has durably.
type Have struct {
	Number uint16   // the sender's own for the namespace
	Vector Vector   // what the device has
	NK     [32]byte // the device: the sender or another of the circle
}

// AppendHave appends the message.
func AppendHave(b []byte, m *Have) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgHave), 1, m.Number)
	b = appendVectorField(b, 2, m.Vector)
	return endMessage(AppendTLV(b, 3, m.NK[:]), start)
}

// ParseHave parses the message's fields.
func ParseHave(fields []byte) (Have, error) {
	var m Have
	err := parseFields(fields, tagSet(1, 2, 3), 0, 0, func(tag uint8, v *Reader) {
		switch tag {
		case 1:
			m.Number = v.U16()
		case 2:
			m.Vector = v.vector()
		case 3:
			m.NK = v.array32()
		}
	})
	if err != nil {
		return Have{}, err
	}
	return m, nil
}

// ByeReason says why a session ends.
type ByeReason uint8

// The reasons. Others are treated as ByeClosing.
const (
	ByeClosing ByeReason = 1
	ByeRenew   ByeReason = 2 // a new handshake is due
	ByeError   ByeReason = 3 // Bye.Code says which
)

// Bye ends a session in order.
type Bye struct {
	Reason ByeReason
	Code   uint8 // with ByeError: core/PROTOCOL.md, "Errors"; 0: none, and is not sent
}

// AppendBye appends the message.
func AppendBye(b []byte, m Bye) []byte {
	start := len(b)
	b = AppendTLV(beginMessage(b, MsgBye), 1, []byte{byte(m.Reason)})
	if m.Code != 0 {
		b = AppendTLV(b, 2, []byte{m.Code})
	}
	return endMessage(b, start)
}

// ParseBye parses the message's fields.
func ParseBye(fields []byte) (Bye, error) {
	var m Bye
	err := parseFields(fields, tagSet(1), tagSet(2), 0, func(tag uint8, v *Reader) {
		switch tag {
		case 1:
			m.Reason = ByeReason(v.U8())
		case 2:
			m.Code = v.U8()
		}
	})
	if err != nil {
		return Bye{}, err
	}
	return m, nil
}
