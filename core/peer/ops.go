package peer

import (
	"errors"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// op takes an operation in.
func (e *Engine) op(op *Op) {
	if e.state < open {
		e.early = append(e.early, op)
		return
	}
	if e.closing != nil {
		e.reply(Reply{Op: op.ID, Err: EClosed})
		return
	}
	if op.Verb <= Unwatch || op.Verb == Import {
		n := e.namespaceOf(op.App)
		if n == nil || n.gone {
			e.reply(Reply{Op: op.ID, Err: EApp})
			return
		}
		n.op(op)
		return
	}
	do := verbs[op.Verb]
	if do == nil {
		do = storeVerbs[op.Verb]
	}
	if do == nil || op.Verb >= AddApp && !e.isStore() {
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	}
	do(e, op)
}

// verbs are those that are not about one namespace's data.
var verbs = map[Verb]func(*Engine, *Op){
	Invite: (*Engine).invite, Join: (*Engine).join, Confirm: (*Engine).confirm, Cancel: (*Engine).cancel,
	Rename: (*Engine).rename, Shutdown: (*Engine).shutdown, Revoke: (*Engine).revoke,
}

// storeVerbs are a local store's alone.
var storeVerbs = map[Verb]func(*Engine, *Op){
	AddApp: (*Engine).addApp, DropApp: (*Engine).dropApp, Prefer: (*Engine).prefer, SetRelays: (*Engine).setRelays,
	Keep: (*Engine).keep, Kept: (*Engine).kept, RevokeOf: (*Engine).revokeOf,
}

func (n *namespace) op(op *Op) {
	switch op.Verb {
	case Get:
		n.readKey(op, n.get)
	case Conflicts:
		n.readKey(op, n.conflicts)
	case List:
		n.enqueue(task{run: func() error { return n.list(op) }, fail: func(c Code) { n.refuse(op, c) }})
	case Batch, Import:
		n.batch(op)
	case Watch:
		n.watch(op)
	case Unwatch:
		n.unwatch(op)
	default:
		n.refuse(op, EValue)
	}
}

func (n *namespace) readKey(op *Op, read func(*Op) error) {
	if !wire.ValidKey(op.Key) {
		n.refuse(op, EKey)
		return
	}
	n.enqueue(task{
		run:   func() error { return read(op) },
		fail:  func(c Code) { n.refuse(op, c) },
		probe: func() { _, _, _ = n.rep.Get(op.Key) },
	})
}

func (n *namespace) get(op *Op) error {
	rec, ok, err := n.rep.Get(op.Key)
	if err != nil {
		return err
	}
	r := Reply{Op: op.ID}
	if ok {
		r.Entries = []Entry{{Key: op.Key, Kind: rec.Kind, Value: rec.Value}}
	}
	n.e.reply(r)
	return nil
}

func (n *namespace) conflicts(op *Op) error {
	recs, err := n.rep.Conflicts(op.Key)
	if err != nil {
		return err
	}
	r := Reply{Op: op.ID}
	for _, rec := range recs {
		r.Entries = append(r.Entries, Entry{Key: op.Key, Kind: rec.Kind, Value: rec.Value})
	}
	n.e.reply(r)
	return nil
}

// At most this much stands in one List reply. A reply waits for blocks from storage, first for index pages and then for values, each
// time for all of them at once: few large replies are faster than many small ones.
const (
	listEntries = 4000
	listBytes   = 1 << 20
)

func (n *namespace) list(op *Op) error {
	q := op.Range
	limit := listEntries
	if q.Limit != 0 {
		limit = min(limit, int(q.Limit))
	}
	recs, more, err := n.rep.Range(replica.Query{
		Prefix: q.Prefix, Gte: q.Gte, Lt: q.Lt, After: q.After, Reverse: q.Reverse, KeysOnly: q.KeysOnly,
		Limit: limit, MaxBytes: listBytes,
	})
	if err != nil {
		return err
	}
	r := Reply{Op: op.ID, More: more && (q.Limit == 0 || len(recs) < int(q.Limit))}
	r.Entries = make([]Entry, len(recs))
	for i, rec := range recs {
		r.Entries[i] = Entry{Key: rec.Key, Kind: rec.Kind, Value: rec.Value}
	}
	n.e.reply(r)
	return nil
}

func (n *namespace) batch(op *Op) {
	writes, code := n.checked(op.Writes)
	if code != OK {
		n.refuse(op, code)
		return
	}
	if len(writes) == 0 {
		n.e.answer(op)
		return
	}
	write := n.rep.Write
	if op.Verb == Import {
		write = n.rep.Import
	}
	n.enqueue(task{
		run: func() error {
			changes, err := write(n.e.clock.Wall(), writes)
			if errors.Is(err, replica.ErrTooBig) {
				n.refuse(op, ETooBig)
				return nil
			}
			if err != nil {
				return err
			}
			n.own = n.rep.Position()
			n.notify(changes, op.Client, "")
			n.e.touch()
			n.e.answer(op)
			return nil
		},
		fail:  func(c Code) { n.refuse(op, c) },
		probe: func() { _, _, _ = n.rep.Get(writes[0].Key) },
	})
}

// checked returns the batch with each key once, the last write of it, or why it cannot be.
func (n *namespace) checked(in []Write) ([]replica.Write, Code) {
	if len(in) > wire.MaxBatchOps {
		return nil, ETooBig
	}
	size := 0
	for _, w := range in {
		switch {
		case !wire.ValidKey(w.Key):
			return nil, EKey
		case w.Kind > wire.Bytes || w.Kind == wire.Deleted && len(w.Value) > 0:
			return nil, EValue
		case len(w.Value) > wire.MaxValue:
			return nil, ETooBig
		}
		size += len(w.Key) + len(w.Value) + 64
	}
	if size > wire.MaxBatch {
		return nil, ETooBig
	}
	last := lastOf(in)
	out := make([]replica.Write, 0, len(in))
	for i, w := range in {
		if last == nil || last[w.Key] == i {
			out = append(out, replica.Write{Key: w.Key, Kind: w.Kind, Value: w.Value})
		}
	}
	return out, OK
}

// lastOf returns the place of each key's last write, nil if there is but one.
func lastOf(in []Write) map[string]int {
	if len(in) == 1 {
		return nil
	}
	last := make(map[string]int, len(in))
	for i, w := range in {
		last[w.Key] = i
	}
	return last
}
