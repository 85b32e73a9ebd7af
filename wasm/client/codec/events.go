package codec

import (
	"bytes"
	"errors"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
	"github.com/masqdev/masq/wasm/client/codec/table"
)

// errStorage is any failure of storage that the engine does not tell from another.
var errStorage = errors.New("storage failed")

// Input is what one step was given.
type Input struct {
	Config *peer.Config // nil but for the first message of all
	Events []peer.Event
}

// Parse takes apart what JavaScript wrote and fills in, whose memory it reuses. It copies what it keeps of b. Its
// only error is wire.ErrMalformed, upon which in is not to be used.
func Parse(b []byte, in *Input) error {
	in.Config = nil
	clear(in.Events)
	in.Events = in.Events[:0]
	r := wire.NewReader(b)
	for r.Len() > 0 {
		kind := r.U8()
		body := wire.NewReader(r.LV32(r.Len()))
		if r.Err() != nil {
			return wire.ErrMalformed
		}
		if kind == eventConfig {
			in.Config = readConfig(&body)
		} else if ev := readEvent(kind, &body); ev != nil {
			in.Events = append(in.Events, ev)
		} else {
			return wire.ErrMalformed
		}
		if body.Done() != nil {
			return wire.ErrMalformed
		}
	}
	return r.Done()
}

func readConfig(r *wire.Reader) *peer.Config {
	var c peer.Config
	copy(c.Key[:], r.Bytes(len(c.Key)))
	c.App, c.Name, c.URL = text(r), text(r), text(r)
	n := int(r.U8())
	if n > table.MaxSync {
		r.Fail()
	}
	for range n {
		if r.Err() != nil {
			break
		}
		c.Sync = append(c.Sync, text(r))
	}
	return &c
}

func readEvent(kind uint8, r *wire.Reader) peer.Event {
	switch kind {
	case eventStart:
		return peer.Start{Blocks: readIDs(r)}
	case eventOpened:
		return peer.Opened{Conn: r.U32()}
	case eventFrame:
		return peer.Frame{Conn: r.U32(), Data: bytes.Clone(r.Bytes(r.Len()))}
	case eventClosed:
		return peer.Closed{Conn: r.U32(), Code: r.U16()}
	case eventTick:
		return peer.Tick{}
	case eventCommitted:
		return peer.Committed{Err: readErr(r)}
	case eventLoaded:
		return readLoaded(r)
	case eventOffline:
		return peer.Offline{}
	case eventOnline:
		return peer.Online{}
	case eventOp:
		return readOp(r)
	case eventPong:
		return peer.Pong{Conn: r.U32()}
	}
	return nil
}

func readErr(r *wire.Reader) error {
	switch r.U8() {
	case storageFailureNone:
		return nil
	case storageFailureExists:
		return storage.ErrExists
	case storageFailureQuota:
		return storage.ErrQuota
	}
	return errStorage
}

func readIDs(r *wire.Reader) []storage.ID {
	n := int(r.U32())
	if n > r.Len()/8 {
		r.Fail()
		return nil
	}
	ids := make([]storage.ID, n)
	for i := range ids {
		ids[i] = storage.ID(r.U64())
	}
	return ids
}

func readLoaded(r *wire.Reader) peer.Event {
	ev := peer.Loaded{Err: readErr(r)}
	n := int(r.U32())
	if n > r.Len()/13 {
		r.Fail()
		return ev
	}
	ev.Blocks = make([]storage.Block, n)
	for i := range ev.Blocks {
		ev.Blocks[i].ID = storage.ID(r.U64())
		there := readBool(r)
		data := r.LV32(storage.MaxBlock)
		if there {
			ev.Blocks[i].Data = append([]byte{}, data...) // not nil, though empty
		}
	}
	return ev
}

func readOp(r *wire.Reader) *peer.Op {
	id := r.U64()
	return &peer.Op{ID: id, Client: uint32(id >> 32), Do: readVerb(peer.VerbID(r.U8()), r)}
}

func readWrites(r *wire.Reader) []peer.Write {
	n := int(r.U16())
	if n > r.Len()/7 {
		r.Fail()
		return nil
	}
	writes := make([]peer.Write, n)
	for i := range writes {
		writes[i] = peer.Write{Kind: wire.Kind(r.U8()), Key: text(r), Value: bytes.Clone(r.LV32(maxOpValue))}
		if writes[i].Kind > wire.Bytes {
			r.Fail()
		}
	}
	return writes
}

func readBool(r *wire.Reader) bool {
	v := r.U8()
	if v > 1 {
		r.Fail()
	}
	return v == 1
}

func text(r *wire.Reader) string { return string(r.LV(maxText)) }
