package codec

import (
	"encoding/binary"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// Append appends an action for JavaScript.
func Append(b []byte, a peer.Action) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0, 0)
	kind, b := appendBody(b, a) // which may have moved b
	b[at] = kind
	binary.BigEndian.PutUint32(b[at+1:], uint32(len(b)-at-5))
	return b
}

func appendBody(b []byte, a peer.Action) (kind byte, _ []byte) {
	switch a := a.(type) {
	case peer.Reply:
		return actionReply, appendReply(b, &a)
	case peer.Changed:
		return actionChanged, appendChanged(b, &a)
	case peer.StatusChanged:
		return actionStatus, appendStatus(b, &a.Status)
	case peer.PairingState:
		return actionPairing, appendPairing(b, &a)
	case peer.Dial:
		return actionDial, wire.AppendLV(wire.AppendU32(b, a.Conn), []byte(a.URL))
	case peer.Send:
		return actionSend, append(wire.AppendU32(b, a.Conn), a.Data...)
	case peer.Ping:
		return actionPing, wire.AppendU32(b, a.Conn)
	case peer.Hangup:
		return actionHangup, wire.AppendU32(b, a.Conn)
	case peer.Commit:
		return actionCommit, appendCommit(b, &a)
	case peer.Load:
		return actionLoad, appendIDs(b, a.IDs)
	case peer.WakeAt:
		return actionWakeAt, wire.AppendU64(b, a.At)
	case peer.Failed:
		return actionFailed, appendText8(b, string(a.Err))
	}
	panic("codec: an action that has no bytes")
}

func appendReply(b []byte, a *peer.Reply) []byte {
	b = appendText8(wire.AppendU64(b, a.Op), string(a.Err))
	b = wire.AppendU64(appendBool(b, a.More), a.Number)
	text := a.Text
	if a.Err == peer.EDamaged && len(a.Damaged) == 1 { // else all is
		text = a.Damaged[0]
	}
	b = wire.AppendLV(b, []byte(text))
	b = wire.AppendU32(b, uint32(len(a.Entries)))
	for i := range a.Entries {
		e := &a.Entries[i]
		b = appendText(append(b, byte(e.Kind)), e.Key)
		b = wire.AppendLV32(b, e.Value)
	}
	return b
}

func appendChanged(b []byte, a *peer.Changed) []byte {
	b = wire.AppendU64(wire.AppendU64(b, a.Watch), a.Position)
	n := len(a.Changes)
	if a.Reset {
		n++
	}
	b = wire.AppendU32(b, uint32(n))
	if a.Reset {
		b = appendChange(b, &peer.Change{})
	}
	for i := range a.Changes {
		b = appendChange(b, &a.Changes[i])
	}
	return b
}

func appendChange(b []byte, c *peer.Change) []byte {
	b = append(appendBool(append(b, byte(c.Kind)), c.HadValue), byte(c.PrevKind))
	b = wire.AppendU16(b, uint16(min(c.Others, 1<<16-1)))
	b = appendText8(wire.AppendU32(b, c.Client), c.Device)
	b = appendText(b, c.Key)
	return wire.AppendLV32(wire.AppendLV32(b, c.Value), c.Previous)
}

func appendStatus(b []byte, s *peer.Status) []byte {
	b = wire.AppendU64(appendBool(appendBool(append(b, byte(s.Sync)), s.RecoverySet), s.Copied), s.Entries)
	b = wire.AppendU32(b, uint32(s.Damaged.Keys))
	b = appendDevice(appendText8(b, string(s.Err)), &s.Self)
	b = wire.AppendU16(b, uint16(len(s.Devices)))
	for i := range s.Devices {
		b = appendDevice(b, &s.Devices[i])
	}
	return b
}

func appendDevice(b []byte, d *peer.Device) []byte {
	b = appendText8(appendText8(b, d.ID), d.Name)
	b = appendBool(appendBool(appendBool(appendBool(b, d.Online), d.ToReceive), d.Full), d.Overdue)
	return wire.AppendU64(wire.AppendU64(b, d.LastHeard), d.ToSend)
}

func appendPairing(b []byte, a *peer.PairingState) []byte {
	b = append(wire.AppendU64(b, a.Op), byte(a.Step))
	b = wire.AppendU64(appendBool(appendBool(b, a.HasData), a.Offline), a.Expires)
	return appendText8(appendText8(appendText8(b, a.Digits), a.Name), string(a.Err))
}

func appendCommit(b []byte, a *peer.Commit) []byte {
	b = appendBool(b, a.Durability == storage.Relaxed)
	b = wire.AppendU64(b, uint64(a.Changes.After))
	b = appendBlocks(appendBlocks(b, a.Changes.Adds), a.Changes.Puts)
	return appendIDs(b, a.Changes.Dels)
}

func appendBlocks(b []byte, blocks []storage.Block) []byte {
	b = wire.AppendU32(b, uint32(len(blocks)))
	for i := range blocks {
		b = wire.AppendLV32(wire.AppendU64(b, uint64(blocks[i].ID)), blocks[i].Data)
	}
	return b
}

func appendIDs(b []byte, ids []storage.ID) []byte {
	b = wire.AppendU32(b, uint32(len(ids)))
	for _, id := range ids {
		b = wire.AppendU64(b, uint64(id))
	}
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendText(b []byte, s string) []byte { return append(wire.AppendU16(b, uint16(len(s))), s...) }

// appendText8 appends s behind its length as 8 bits. What is longer than that (nothing is: names have 160 bytes at
// most, codes fewer) is cut, because a name is not worth a panic.
func appendText8(b []byte, s string) []byte {
	s = s[:min(len(s), 255)]
	return append(append(b, byte(len(s))), s...)
}
