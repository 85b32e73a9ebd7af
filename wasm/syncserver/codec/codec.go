// Package codec is one turn of a channel on a platform that may forget its program between any two events: everything that
// core/relay has to know comes in with the event, attached to the connections, and goes out again with what is to be done.
//
// Turn is all of it. js/cloudflare/channel.mjs is the other half. Integers are big-endian; lv and lv32 are bytes behind their length of
// 16 and 32 bits.
//
//	in     = n u8 ‖ (lv(saved) ‖ heard u64)*n ‖ event u8 ‖ conn u8 ‖ data
//	out    = next u32 ‖ (action u8 ‖ conn u8 ‖ lv32(data))*
//
// A connection is called by its place among the n; a new one is number n. saved is what the last keep said of it, heard the time in
// Unix ms when the platform heard from it by itself, or 0. next is in how many ms a tick is due, 0xffffffff if none is.
//
//	events     1 open     path ‖ 0x00 ‖ host      of the request
//	           2 binary   a frame
//	           3 text     a frame
//	           4 closed
//	           5 tick                             conn counts for nothing
//	actions    1 send     a binary frame
//	           2 text     a text frame
//	           3 close    code u16
//	           4 keep     saved                   empty: the connection has ended, and is not to be handed in again
package codec

import (
	"bytes"
	"errors"
	"math"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// The events.
const (
	evOpen   = 1
	evBinary = 2
	evText   = 3
	evClosed = 4
	evTick   = 5
)

// The actions.
const (
	acSend  = 1
	acText  = 2
	acClose = 3
	acKeep  = 4
)

// none says that no tick is due.
const none = math.MaxUint32

// closeRestart is WebSocket's close code for a connection of which the server can't make anything, so that it comes again: another
// version of the program has left it behind.
const closeRestart = 1012

// ErrInput is a bug on one of the two sides.
var ErrInput = errors.New("codec: malformed input")

// Turn hands one event to a relay.Server that knows what in holds, and lets it do what is overdue. It appends to out.
func Turn(cfg relay.Config, now relay.Millis, in, out []byte) ([]byte, error) {
	r := wire.NewReader(in)
	t := turn{server: relay.New(cfg), saved: make([][]byte, r.U8())}
	t.out = append(out, 0, 0, 0, 0)
	for i := range t.saved {
		t.saved[i] = r.LV(relay.MaxSaved)
		if err := t.server.Restore(uint64(i), t.saved[i], r.U64()); err != nil && r.Err() == nil {
			t.add(acClose, uint64(i), wire.AppendU16(nil, closeRestart))
		}
	}
	ev := t.event(&r)
	if r.Done() != nil || ev == nil {
		return nil, ErrInput
	}
	// What happens comes first: a connection that has slept with the program is heard before it is found silent.
	t.server.Step(now, ev, &t.actions)
	t.server.Step(now, relay.Tick{}, &t.actions)
	t.carryOut()
	t.keep()
	if at, ok := t.server.Next(); ok {
		copy(t.out[len(out):], wire.AppendU32(nil, uint32(min(at-min(at, now), none-1))))
	} else {
		copy(t.out[len(out):], wire.AppendU32(nil, none))
	}
	return t.out, nil
}

type turn struct {
	server  *relay.Server
	saved   [][]byte
	actions relay.Actions
	out     []byte
}

func (t *turn) event(r *wire.Reader) relay.Event {
	kind, conn := r.U8(), uint64(r.U8())
	data := r.Bytes(r.Len())
	switch kind {
	case evOpen:
		path, host, ok := bytes.Cut(data, []byte{0})
		if !ok || conn != uint64(len(t.saved)) {
			return nil
		}
		t.saved = append(t.saved, nil)
		return relay.Open{Conn: conn, Path: string(path), Host: string(host)}
	case evBinary, evText:
		return &relay.Frame{Conn: conn, Data: data, Text: kind == evText}
	case evClosed:
		return relay.Closed{Conn: conn}
	case evTick:
		return relay.Tick{}
	}
	return nil
}

func (t *turn) carryOut() {
	for _, a := range t.actions.List {
		switch a := a.(type) {
		case *relay.Send:
			t.add(acSend, a.Conn, a.Data)
		case relay.SendText:
			t.add(acText, a.Conn, []byte(a.Text))
		case relay.Close:
			t.add(acClose, a.Conn, wire.AppendU16(nil, a.Code))
		}
	}
}

// keep says what is to be attached to the connections of which that has changed.
func (t *turn) keep() {
	for i, was := range t.saved {
		if is := t.server.Save(uint64(i)); is == nil || !bytes.Equal(is, was) {
			t.add(acKeep, uint64(i), is)
		}
	}
}

func (t *turn) add(action byte, conn uint64, data []byte) {
	t.out = wire.AppendLV32(append(t.out, action, byte(conn)), data)
}
