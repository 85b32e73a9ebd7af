package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

var sampleVector = Vector{
	{Writer: 3, Settled: 4096, Tails: []Tail{{Seq: 8200, Hash: Hash{1, 2}}}},
	{Writer: 9, Settled: 5000},
}

// sample is a message with how it is appended and parsed again.
type sample struct {
	name  string
	typ   MessageType
	value any
	bytes []byte
}

func sampleMessages() []sample {
	heads := RosterHeads{Heads: [][32]byte{{1}, {2}}, Name: "Küche", Version: SessionVersion}
	none := RosterHeads{Heads: [][32]byte{}}
	entries := [][]byte{{1, 2, 3}, bytes.Repeat([]byte{4}, MaxRosterEntry)}
	namespaces := []Namespace{{Number: 1, NS: [32]byte{5}, On: true, App: "https://notes.example", Name: "Notes"}, {Number: 2, NS: [32]byte{6}}}
	vector := VectorMsg{Number: 7, Vector: sampleVector, Incarnation: Incarnation{8}, Cursor: Cursor{Incarnation{9}, 10}}
	fresh := VectorMsg{Number: 7, Vector: Vector{}, Incarnation: Incarnation{8}}
	data := Data{Number: 7, Position: 1 << 40, Records: []byte("records")}
	end := End{Number: 7, Position: 99, Vector: sampleVector}
	summed := End{Number: 7, Position: 99, Vector: sampleVector, Sum: &Sum{1, 2, 15: 16}}
	lossy := End{Number: 7, Position: 99, Vector: sampleVector, Lost: []uint64{1, 1 << 63}}
	ack := Ack{Number: 7, Position: 98}
	have := Have{Number: 7, Vector: sampleVector, NK: [32]byte{0xfe}}
	haveSum := Have{Number: 7, Vector: sampleVector, NK: [32]byte{0xfe}, Sum: &Sum{15: 1}}
	namespaceHeads := NamespaceRoster{Number: 7, Heads: [][32]byte{{1}, {2}}}
	namespaceEntries := NamespaceRoster{Number: 7, Entries: entries}
	sig := [64]byte(bytes.Repeat([]byte{0x51}, 64))
	writer := &Writer{NK: [32]byte{3}, Nonce: 4, Block: 5, Opening: [4]byte{6}, Reserved: 7, Sig: sig}
	writer.ID = WriterID(writer.NK, writer.Nonce)
	writers := Writers{Number: 7, List: []*Writer{writer, writer}}
	closing, denied := Bye{Reason: ByeClosing}, Bye{Reason: ByeError, Code: 17}
	return []sample{
		{"heads", MsgRosterHeads, heads, AppendRosterHeads(nil, &heads)},
		{"no heads", MsgRosterHeads, none, AppendRosterHeads(nil, &none)},
		{"entries", MsgRosterEntries, entries, AppendRosterEntries(nil, entries)},
		{"no entries", MsgRosterEntries, [][]byte(nil), AppendRosterEntries(nil, nil)},
		{"done", MsgRosterDone, nil, AppendRosterDone(nil)},
		{"namespaces", MsgNamespaces, namespaces, AppendNamespaces(nil, namespaces)},
		{"vector", MsgVector, vector, AppendVectorMsg(nil, &vector)},
		{"vector without cursor", MsgVector, fresh, AppendVectorMsg(nil, &fresh)},
		{"data", MsgData, data, AppendData(nil, &data)},
		{"end", MsgEnd, end, AppendEnd(nil, &end)},
		{"end with a sum", MsgEnd, summed, AppendEnd(nil, &summed)},
		{"end with lost writers", MsgEnd, lossy, AppendEnd(nil, &lossy)},
		{"credit", MsgCredit, uint32(70_000), AppendCredit(nil, 70_000)},
		{"ack", MsgAck, ack, AppendAck(nil, &ack)},
		{"have", MsgHave, have, AppendHave(nil, &have)},
		{"have with a sum", MsgHave, haveSum, AppendHave(nil, &haveSum)},
		{"namespace heads", MsgNamespaceHeads, namespaceHeads, AppendNamespaceHeads(nil, &namespaceHeads)},
		{"namespace entries", MsgNamespaceEntries, namespaceEntries, AppendNamespaceEntries(nil, &namespaceEntries)},
		{"writers", MsgWriters, writers, AppendWriters(nil, &writers)},
		{"full", MsgFull, uint16(7), AppendFull(nil, 7)},
		{"bye", MsgBye, closing, AppendBye(nil, closing)},
		{"bye with a code", MsgBye, denied, AppendBye(nil, denied)},
	}
}

// parseMessage parses the fields of a message of any type.
func parseMessage(typ MessageType, fields []byte) (any, error) {
	switch typ {
	case MsgRosterHeads:
		return ParseRosterHeads(fields)
	case MsgRosterEntries:
		return ParseRosterEntries(fields)
	case MsgNamespaces:
		return ParseNamespaces(fields)
	case MsgVector:
		return ParseVectorMsg(fields)
	case MsgData:
		return ParseData(fields)
	case MsgEnd:
		return ParseEnd(fields)
	case MsgCredit:
		return ParseCredit(fields)
	case MsgAck:
		return ParseAck(fields)
	case MsgHave:
		return ParseHave(fields)
	case MsgFull:
		return ParseFull(fields)
	case MsgBye:
		return ParseBye(fields)
	case MsgNamespaceHeads:
		return ParseNamespaceHeads(fields)
	case MsgNamespaceEntries:
		return ParseNamespaceEntries(fields)
	case MsgWriters:
		return ParseWriters(fields)
	}
	return nil, nil
}

func TestMessagesRoundTrip(t *testing.T) {
	var all []byte
	for _, s := range sampleMessages() {
		all = append(all, s.bytes...)
	}
	for _, s := range sampleMessages() {
		typ, fields, rest, err := NextMessage(all)
		if err != nil || typ != s.typ {
			t.Fatalf("%s: type %d, %v", s.name, typ, err)
		}
		got, err := parseMessage(typ, fields)
		if err != nil || !reflect.DeepEqual(got, s.value) {
			t.Errorf("%s: %+v, %v", s.name, got, err)
		}
		all = rest
	}
	if len(all) != 0 {
		t.Error(len(all), "bytes left")
	}
}

// TestAppendKeepsWhatIsThere: lengths are filled in at the right place behind other bytes.
func TestAppendKeepsWhatIsThere(t *testing.T) {
	end := End{Number: 7, Position: 99, Vector: sampleVector}
	list := []Namespace{{App: "a"}}
	for _, front := range [][]byte{nil, []byte("front"), make([]byte, 5, 4096)} {
		for name, got := range map[string][]byte{
			"end":        AppendEnd(bytes.Clone(front), &end),
			"namespaces": AppendNamespaces(front, list),
		} {
			want := map[string][]byte{"end": AppendEnd(nil, &end), "namespaces": AppendNamespaces(nil, list)}[name]
			if !bytes.Equal(got, append(bytes.Clone(front), want...)) {
				t.Errorf("%s behind %d bytes: %x", name, len(front), got)
			}
		}
	}
}

func TestKnownBytes(t *testing.T) {
	for name, c := range map[string]struct{ got, want []byte }{
		"credit": {AppendCredit(nil, 5), []byte("\x08\x00\x00\x00\x09" + "\x01\x00\x00\x00\x04\x00\x00\x00\x05")},
		"bye":    {AppendBye(nil, Bye{Reason: ByeRenew}), []byte("\x0b\x00\x00\x00\x06" + "\x01\x00\x00\x00\x01\x02")},
		"ack": {AppendAck(nil, &Ack{1, 2}),
			[]byte("\x09\x00\x00\x00\x14" + "\x01\x00\x00\x00\x02\x00\x01" + "\x02\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x02")},
		"done": {AppendRosterDone(nil), []byte("\x03\x00\x00\x00\x00")},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: %x", name, c.got)
		}
	}
}

func field(tag uint8, value string) string { return string(AppendTLV(nil, tag, []byte(value))) }

type messageCase struct {
	name   string
	typ    MessageType
	fields string
	ok     bool
}

func malformedMessages() []messageCase {
	number, position := field(1, "\x00\x07"), field(2, "12345678")
	empty := field(2, "\x00\x00")
	namespace := "\x00\x01" + strings.Repeat("n", 32) + "\x01\x01a\x01b"
	writer := func(nonce, block, reserved uint64) string {
		w := Writer{Nonce: nonce, Block: block, Reserved: reserved}
		return field(2, string(AppendWriter(nil, &w)))
	}
	return []messageCase{
		{"ack", MsgAck, number + position, true},
		{"another order", MsgAck, position + number, true},
		{"unknown field", MsgAck, number + field(7, "x") + position + field(200, "") + field(200, ""), true},
		{"unknown field beyond the end", MsgAck, number + position + "\x09\x00\x00\x00\x02x", false},
		{"field twice", MsgAck, number + position + number, false},
		{"field missing", MsgAck, number, false},
		{"nothing", MsgAck, "", false},
		{"number too short", MsgAck, field(1, "7") + position, false},
		{"number too long", MsgAck, field(1, "007") + position, false},
		{"number empty", MsgAck, field(1, "") + position, false},
		{"bytes left over", MsgAck, number + position + "\x00", false},
		{"huge length", MsgAck, number + position + "\x09\xff\xff\xff\xff", false},
		{"credit too long", MsgCredit, field(1, "12345"), false},
		{"heads not in 32s", MsgRosterHeads, field(1, strings.Repeat("h", 33)), false},
		{"heads missing", MsgRosterHeads, field(2, "n"), false},
		{"most heads", MsgRosterHeads, field(1, strings.Repeat("h", 32*MaxRoster)), true},
		{"too many heads", MsgRosterHeads, field(1, strings.Repeat("h", 32*(MaxRoster+1))), false},
		{"longest name", MsgRosterHeads, field(1, "") + field(2, strings.Repeat("𝄞", 40)), true},
		{"name too long", MsgRosterHeads, field(1, "") + field(2, strings.Repeat("n", 41)), false},
		{"name not UTF-8", MsgRosterHeads, field(1, "") + field(2, "\xff"), false},
		{"entry too long", MsgRosterEntries, field(1, strings.Repeat("e", MaxRosterEntry+1)), false},
		{"most entries", MsgRosterEntries, strings.Repeat(field(1, "e"), MaxRoster), true},
		{"too many entries", MsgRosterEntries, strings.Repeat(field(1, "e"), MaxRoster+1), false},
		{"namespace", MsgNamespaces, field(1, namespace), true},
		{"namespace with more", MsgNamespaces, field(1, namespace+"x"), false},
		{"namespace cut", MsgNamespaces, field(1, namespace[:len(namespace)-1]), false},
		{"on is 2", MsgNamespaces, field(1, strings.Replace(namespace, "n\x01\x01", "n\x02\x01", 1)), false},
		{"application not UTF-8", MsgNamespaces, field(1, strings.Replace(namespace, "a", "\xff", 1)), false},
		{"most namespaces", MsgNamespaces, strings.Repeat(field(1, namespace), MaxNamespaces), true},
		{"too many namespaces", MsgNamespaces, strings.Repeat(field(1, namespace), MaxNamespaces+1), false},
		{"vector", MsgVector, number + empty + field(3, "12345678"), true},
		{"vector empty", MsgVector, number + field(2, "") + field(3, "12345678"), false},
		{"vector with more", MsgVector, number + field(2, "\x00\x00x") + field(3, "12345678"), false},
		{"incarnation short", MsgVector, number + empty + field(3, "1234567"), false},
		{"cursor short", MsgVector, number + empty + field(3, "12345678") + field(4, "123456781234567"), false},
		{"data without records", MsgData, number + position, false},
		{"data with none", MsgData, number + position + field(3, ""), true},
		{"end without vector", MsgEnd, number + position, false},
		{"have of nobody", MsgHave, number + empty, false},
		{"nk too long", MsgHave, number + empty + field(3, strings.Repeat("k", 33)), false},
		{"namespace heads without number", MsgNamespaceHeads, field(2, ""), false},
		{"namespace heads not whole", MsgNamespaceHeads, number + field(2, "h"), false},
		{"namespace entry too long", MsgNamespaceEntries, number + field(2, strings.Repeat("e", MaxRosterEntry+1)), false},
		{"too many namespace entries", MsgNamespaceEntries, number + strings.Repeat(field(2, "e"), MaxRoster+1), false},
		{"version", MsgRosterHeads, field(1, "") + field(3, "\x02"), true},
		{"version too long", MsgRosterHeads, field(1, "") + field(3, "\x00\x02"), false},
		{"no writers", MsgWriters, number, true},
		{"writer", MsgWriters, number + writer(1, 1, 2), true},
		{"writer without nonce", MsgWriters, number + writer(0, 1, 2), false},
		{"writer of block 0", MsgWriters, number + writer(1, 0, 2), false},
		{"writer with nothing reserved", MsgWriters, number + writer(1, 2, 2), false},
		{"last numbers", MsgWriters, number + writer(1, 1, 1<<51), true},
		{"beyond the last numbers", MsgWriters, number + writer(1, 1, 1<<51+1), false},
		{"writer cut", MsgWriters, number + field(2, writer(1, 1, 2)[5:100]), false},
		{"most writers", MsgWriters, number + strings.Repeat(writer(1, 1, 2), MaxWritersSent), true},
		{"too many writers", MsgWriters, number + strings.Repeat(writer(1, 1, 2), MaxWritersSent+1), false},
		{"bye without reason", MsgBye, field(2, "\x01"), false},
		{"bye, reason unknown", MsgBye, field(1, "\x63"), true},
		{"bye, reason empty", MsgBye, field(1, ""), false},
	}
}

func TestMalformedMessages(t *testing.T) {
	for _, c := range malformedMessages() {
		if _, err := parseMessage(c.typ, []byte(c.fields)); c.ok != (err == nil) || err != nil && err != ErrMalformed {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestNextMessage(t *testing.T) {
	for _, c := range []struct {
		name, in string
		ok       bool
	}{
		{"empty", "\x01\x00\x00\x00\x00", true},
		{"unknown type", "\xee\x00\x00\x00\x01x", true},
		{"another behind it", "\x01\x00\x00\x00\x00\x01", true},
		{"nothing", "", false},
		{"header cut", "\x01\x00\x00\x00", false},
		{"fields cut", "\x01\x00\x00\x00\x02x", false},
		{"too long", "\x01\xff\xff\xff\xff", false},
	} {
		typ, _, rest, err := NextMessage([]byte(c.in))
		if c.ok != (err == nil) || c.ok && (typ != MessageType(c.in[0]) || len(rest) > 1) {
			t.Errorf("%s: type %d, %d bytes left, %v", c.name, typ, len(rest), err)
		}
	}
	longest := append([]byte{1}, AppendLV32(nil, make([]byte, MaxMessage-MessageHeader))...)
	if _, _, _, err := NextMessage(longest); err != nil {
		t.Error("the longest message:", err)
	}
	longer := append([]byte{1}, AppendLV32(nil, make([]byte, MaxMessage-MessageHeader+1))...)
	if _, _, _, err := NextMessage(longer); err == nil {
		t.Error("a longer one")
	}
}

// FuzzMessages: no bytes make a parser panic, and what parses is the same after another round.
func FuzzMessages(f *testing.F) {
	for _, s := range sampleMessages() {
		f.Add(s.bytes)
	}
	f.Add([]byte("\x04\x00\x00\x00\x05\x01\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			typ, fields, rest, err := NextMessage(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
			m, err := parseMessage(typ, fields)
			if err != nil {
				continue
			}
			again := appendAny(m)
			if again == nil {
				continue
			}
			_, fields, _, err = NextMessage(again)
			m2, err2 := parseMessage(typ, fields)
			if err != nil || err2 != nil || !reflect.DeepEqual(m, m2) {
				t.Fatalf("%+v became %+v (%v, %v)", m, m2, err, err2)
			}
		}
	})
}

func appendAny(m any) []byte {
	switch m := m.(type) {
	case RosterHeads:
		return AppendRosterHeads(nil, &m)
	case [][]byte:
		return AppendRosterEntries(nil, m)
	case []Namespace:
		return AppendNamespaces(nil, m)
	case VectorMsg:
		return AppendVectorMsg(nil, &m)
	case Data:
		return AppendData(nil, &m)
	case End:
		return AppendEnd(nil, &m)
	case uint32:
		return AppendCredit(nil, m)
	case Ack:
		return AppendAck(nil, &m)
	case Have:
		return AppendHave(nil, &m)
	case Bye:
		return AppendBye(nil, m)
	case NamespaceRoster:
		if m.Heads != nil {
			return AppendNamespaceHeads(nil, &m)
		}
		return AppendNamespaceEntries(nil, &m)
	}
	return nil
}
