package codec

import (
	"bytes"
	"errors"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// Limits of what is parsed, in bytes where nothing else is said.
const (
	maxText    = 8 << 10 // a key, a prefix, a link or a URL: the engine has its own, tighter limits
	maxOpValue = 8 << 20 // a value: the engine refuses those over wire.MaxValue with a code of its own
	maxSync    = 8       // relay URLs
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
		if kind == evConfig {
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
	if n > maxSync {
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
	case evStart:
		return peer.Start{Blocks: readIDs(r)}
	case evOpened:
		return peer.Opened{Conn: r.U32()}
	case evFrame:
		return peer.Frame{Conn: r.U32(), Data: bytes.Clone(r.Bytes(r.Len()))}
	case evClosed:
		return peer.Closed{Conn: r.U32(), Code: r.U16()}
	case evTick:
		return peer.Tick{}
	case evCommitted:
		return peer.Committed{Err: readErr(r)}
	case evLoaded:
		return readLoaded(r)
	case evOffline:
		return peer.Offline{}
	case evOnline:
		return peer.Online{}
	case evOp:
		return readOp(r)
	case evPong:
		return peer.Pong{Conn: r.U32()}
	}
	return nil
}

func readErr(r *wire.Reader) error {
	switch r.U8() {
	case 0:
		return nil
	case 1:
		return storage.ErrExists
	case 2:
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
		there := r.U8()
		data := r.LV32(storage.MaxBlock)
		if there == 1 {
			ev.Blocks[i].Data = append([]byte{}, data...) // not nil, though empty
		}
	}
	return ev
}

func readOp(r *wire.Reader) *peer.Op {
	op := &peer.Op{ID: r.U64()}
	op.Client = uint32(op.ID >> 32)
	verb, flags := peer.VerbID(r.U8()), r.U8()
	target, since, limit, key := r.U64(), r.U64(), r.U32(), text(r)
	list := peer.List{Prefix: text(r), Gte: text(r), Lt: text(r), After: text(r), Limit: limit}
	list.Reverse, list.KeysOnly = flags&opReverse != 0, flags&opKeysOnly != 0
	writes := readWrites(r)
	if flags > opFlags {
		r.Fail()
	}
	switch verb {
	case peer.VerbGet:
		op.Do = peer.Get{Key: key}
	case peer.VerbBatch:
		op.Do = peer.Batch{Writes: writes, Relaxed: flags&opRelaxed != 0}
	case peer.VerbList:
		op.Do = list
	case peer.VerbConflicts:
		op.Do = peer.Conflicts{Key: key}
	case peer.VerbWatch:
		op.Do = peer.Watch{Prefix: list.Prefix, Since: since}
	case peer.VerbUnwatch:
		op.Do = peer.Unwatch{Watch: target}
	case peer.VerbInvite:
		op.Do = peer.Invite{URL: key}
	case peer.VerbJoin:
		op.Do = peer.Join{Link: key}
	case peer.VerbConfirm:
		op.Do = peer.Confirm{Pairing: target, Digits: key, Bring: flags&opBring != 0, Discard: flags&opDiscard != 0}
	case peer.VerbCancel:
		op.Do = peer.Cancel{Pairing: target}
	case peer.VerbShutdown:
		op.Do = peer.Shutdown{}
	case peer.VerbRename:
		op.Do = peer.Rename{Name: key}
	case peer.VerbRevoke:
		op.Do = peer.Revoke{Device: key}
	default:
		r.Fail()
	}
	return op
}

func readWrites(r *wire.Reader) (writes []peer.Write) {
	n := int(r.U16())
	if n > r.Len()/7 {
		r.Fail()
		return nil
	}
	for range n {
		w := peer.Write{Kind: wire.Kind(r.U8()), Key: text(r), Value: bytes.Clone(r.LV32(maxOpValue))}
		if w.Kind > wire.Bytes {
			r.Fail()
		}
		writes = append(writes, w)
	}
	return writes
}

func text(r *wire.Reader) string { return string(r.LV(maxText)) }
