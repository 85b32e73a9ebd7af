package wire

import "unicode/utf8"

// RosterHeads says which roster entries a device has that no other entry refers to.
type RosterHeads struct {
	Heads [][32]byte // entry ids, at most MaxRoster; none is what a device sends that knows no entry
	Name  string     // this device's name, at most MaxNameRunes characters; "" leaves the known one
	// Version is of what the sender says inside a session: SessionVersion. 0: it is not sent, as a Masq from before there was one does.
	Version uint8
}

// AppendRosterHeads appends the message.
func AppendRosterHeads(b []byte, m *RosterHeads) []byte {
	start := len(b)
	b = beginMessage(b, MsgRosterHeads)
	b = appendHeads(b, 1, m.Heads)
	if m.Name != "" {
		b = AppendTLV(b, 2, []byte(m.Name))
	}
	if m.Version != 0 {
		b = AppendTLV(b, 3, []byte{m.Version})
	}
	return endMessage(b, start)
}

// ParseRosterHeads parses the message's fields. It checks the name's length and nothing else of it.
func ParseRosterHeads(fields []byte) (RosterHeads, error) {
	var m RosterHeads
	err := parseFields(fields, tagSet(1), tagSet(2, 3), 0, func(tag uint8, v *Reader) {
		switch tag {
		case 3:
			m.Version = v.U8()
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
