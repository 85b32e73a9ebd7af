package wire

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
	Number   uint16   // the sender's own for the namespace
	Position uint64   // the end of the sender's log
	Vector   Vector   // the sender's
	Sum      *Sum     // of what the sender holds, if the vector says all of it; nil: none is sent
	Lost     []uint64 // writers of the sender's own in Vector of which it may lack what it once wrote, at most MaxWriters
}

// A Sum is that of what a replica holds; see core/PROTOCOL.md, "The sum".
type Sum [16]byte

func appendSumField(b []byte, tag uint8, s *Sum) []byte {
	if s == nil {
		return b
	}
	return AppendTLV(b, tag, s[:])
}

// lost reads the ids of a device's writers: at least one, since who has none to name leaves the field out.
func (r *Reader) lost() []uint64 {
	n := r.Len() / 8
	if n == 0 || n > MaxWriters {
		r.Fail()
		return nil
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.U64()
	}
	return out
}

func (r *Reader) sum() *Sum {
	s := new(Sum)
	copy(s[:], r.Bytes(len(s)))
	return s
}

// AppendEnd appends the message.
func AppendEnd(b []byte, m *End) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgEnd), 1, m.Number)
	b = appendU64Field(b, 2, m.Position)
	b = appendSumField(appendVectorField(b, 3, m.Vector), 4, m.Sum)
	if len(m.Lost) > 0 {
		b = AppendU32(append(b, 5), uint32(8*len(m.Lost)))
		for _, id := range m.Lost {
			b = AppendU64(b, id)
		}
	}
	return endMessage(b, start)
}

// ParseEnd parses the message's fields.
func ParseEnd(fields []byte) (End, error) {
	var m End
	err := parseFields(fields, tagSet(1, 2, 3), tagSet(4, 5), 0, func(tag uint8, v *Reader) {
		switch tag {
		case 1:
			m.Number = v.U16()
		case 2:
			m.Position = v.U64()
		case 3:
			m.Vector = v.vector()
		case 4:
			m.Sum = v.sum()
		case 5:
			m.Lost = v.lost()
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

// AppendFull appends a FULL: there is no room for what was sent of a namespace; number is the sender's own for it.
func AppendFull(b []byte, number uint16) []byte {
	start := len(b)
	return endMessage(appendU16Field(beginMessage(b, MsgFull), 1, number), start)
}

// ParseFull parses the message's fields.
func ParseFull(fields []byte) (number uint16, err error) {
	err = parseFields(fields, tagSet(1), 0, 0, func(_ uint8, v *Reader) { number = v.U16() })
	if err != nil {
		return 0, err
	}
	return number, nil
}

// Have says what a device has durably.
type Have struct {
	Number uint16   // the sender's own for the namespace
	Vector Vector   // what the device has
	NK     [32]byte // the device: the sender or another of the circle
	Sum    *Sum     // of what the device holds, if the vector says all of it; nil: none is sent
}

// AppendHave appends the message.
func AppendHave(b []byte, m *Have) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgHave), 1, m.Number)
	b = appendVectorField(b, 2, m.Vector)
	return endMessage(appendSumField(AppendTLV(b, 3, m.NK[:]), 4, m.Sum), start)
}

// ParseHave parses the message's fields.
func ParseHave(fields []byte) (Have, error) {
	var m Have
	err := parseFields(fields, tagSet(1, 2, 3), tagSet(4), 0, func(tag uint8, v *Reader) {
		switch tag {
		case 1:
			m.Number = v.U16()
		case 2:
			m.Vector = v.vector()
		case 3:
			m.NK = v.array32()
		case 4:
			m.Sum = v.sum()
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
