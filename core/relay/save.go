package relay

import (
	"bytes"
	"container/list"
	"errors"

	"github.com/masqdev/masq/core/wire"
)

// Where a platform puts a server to sleep while its connections stay open, and forgets all but a few bytes that are attached to each
// connection, those that Save returns are enough: New, Restore for each connection, and the Server goes on as before. Its
// counters begin anew.
//
//	waiting = 1 ‖ since u64 ‖ kind u8 ‖ lv8(name) ‖ nonce(32) ‖ host
//	joined  = 2 ‖ since u64 ‖ kind u8 ‖ lv8(name) ‖ side u8 ‖ born u64        born: of the channel or mailbox
const (
	savedWaiting = 1
	savedJoined  = 2
)

// MaxSaved is the most bytes that Save returns.
const MaxSaved = 1 + 8 + 1 + 1 + 32 + 32 + maxHost

const maxHost = 253 + len(":65535") // a DNS name and a port

// ErrSaved is the error for bytes that are not Save's, or are of a connection that cannot stand beside those restored before.
var ErrSaved = errors.New("relay: these bytes are no connection's that was saved")

// Save returns what Restore needs; nil if the connection has ended.
func (s *Server) Save(conn uint64) []byte {
	c := s.conns[conn]
	if c == nil {
		return nil
	}
	kind, name := c.name()
	form := byte(savedJoined)
	if c.greet != nil {
		form = savedWaiting
	}
	b := wire.AppendU64(append(make([]byte, 0, 128), form), c.since)
	b = wire.AppendLV8(append(b, byte(kind)), name)
	if g := c.greet; g != nil {
		return append(append(b, g.nonce[:]...), g.host...)
	}
	return wire.AppendU64(append(b, c.side), c.room.born)
}

// name returns which channel or mailbox c is for.
func (c *conn) name() (wire.RelayKind, []byte) {
	if c.greet != nil {
		return c.greet.kind, c.greet.name
	}
	return wire.RelayKind(c.room.key[0]), []byte(c.room.key[1:])
}

// Restore takes in a connection that was saved. heard is when the driver heard from it, if that was later than the Server did;
// else 0.
func (s *Server) Restore(id uint64, saved []byte, heard Millis) error {
	r := wire.NewReader(saved)
	form := r.U8()
	c := &conn{id: id, since: r.U64()}
	kind, name := wire.RelayKind(r.U8()), bytes.Clone(r.LV8(32))
	if r.Err() != nil || s.conns[id] != nil || !validName(kind, name) {
		return ErrSaved
	}
	var ok bool
	switch form {
	case savedWaiting:
		c.greet = &greeting{kind: kind, name: name}
		ok = s.restoreWaiting(c, &r)
	case savedJoined:
		c.since = max(c.since, heard)
		ok = s.restoreJoined(c, kind, string(name), &r)
	}
	if !ok {
		return ErrSaved
	}
	s.conns[id] = c
	return nil
}

func validName(kind wire.RelayKind, name []byte) bool {
	switch kind {
	case wire.ChannelKind:
		return len(name) == 32
	case wire.PairKind:
		return len(name) == 16
	case wire.NameplateKind:
		return wire.IsNameplate(string(name))
	}
	return false
}

func (s *Server) restoreWaiting(c *conn, r *wire.Reader) bool {
	copy(c.greet.nonce[:], r.Bytes(len(c.greet.nonce)))
	c.greet.host = string(r.Bytes(r.Len()))
	if r.Done() != nil || len(c.greet.host) > maxHost {
		return false
	}
	c.at = insert(&s.waiting, c, func(x any) Millis { return x.(*conn).since })
	return true
}

func (s *Server) restoreJoined(c *conn, kind wire.RelayKind, name string, r *wire.Reader) bool {
	side, born := r.U8(), r.U64()
	if r.Done() != nil || side > 1 {
		return false
	}
	room := s.restoreRoom(kind, name, born)
	if room.sides[side] != nil || room.born != born {
		return false
	}
	c.room, c.side, room.sides[side] = room, side, c
	c.at = insert(&s.joined, c, func(x any) Millis { return x.(*conn).since })
	return true
}

// restoreRoom finds or makes the room of a connection that is restored; then at least that one is in it.
func (s *Server) restoreRoom(kind wire.RelayKind, name string, born Millis) *room {
	key := roomKey(kind, name)
	r := s.rooms[key]
	if r == nil {
		r = &room{key: key, born: born}
		s.rooms[key] = r
		if kind != wire.ChannelKind {
			r.at = insert(&s.mailboxes, r, func(x any) Millis { return x.(*room).born })
		}
	}
	return r
}

// insert keeps the order of a list that is sorted by key.
func insert(l *list.List, x any, key func(any) Millis) *list.Element {
	for e := l.Back(); e != nil; e = e.Prev() {
		if key(e.Value) <= key(x) {
			return l.InsertAfter(x, e)
		}
	}
	return l.PushFront(x)
}
