package peer

import (
	"errors"
	"strings"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// task is an operation on a namespace. run returns ledger.ErrWait, having changed nothing, when blocks are missing; it is
// run again from its start when they are there.
type task struct {
	run   func() error
	fail  func(Code)
	probe func() // asks for the blocks that run will want; may be nil
}

type watch struct {
	id     uint64
	prefix string
}

// probeAhead is for how many waiting operations blocks are asked for at once.
const probeAhead = 256

func (n *namespace) enqueue(t task) { n.queue = append(n.queue, t) }

// run does what waits, in order, as far as the blocks are there.
func (n *namespace) run() {
	done := 0
	for done < len(n.queue) && n.e.state == open {
		err := n.queue[done].run()
		if errors.Is(err, ledger.ErrWait) {
			for _, t := range n.queue[done+1 : min(len(n.queue), done+probeAhead)] {
				if t.probe != nil {
					t.probe()
				}
			}
			break
		}
		if err != nil {
			n.e.fail(storageCode(err))
			return
		}
		done++
	}
	if n.e.state != open {
		return
	}
	if rest := copy(n.queue, n.queue[done:]); done > 0 {
		clear(n.queue[rest:])
		n.queue = n.queue[:rest]
	}
}

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

func (n *namespace) refuse(op *Op, code Code) { n.e.reply(Reply{Op: op.ID, Err: code}) }

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
			changes, err := write(n.e.wall, writes)
			if errors.Is(err, replica.ErrTooBig) {
				n.refuse(op, ETooBig)
				return nil
			}
			if err != nil {
				return err
			}
			n.own = n.rep.Position()
			n.notify(changes, op.Client, "")
			n.e.statusDirty = true
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

func (n *namespace) watched(key string) bool {
	for _, w := range n.watches {
		if strings.HasPrefix(key, w.prefix) {
			return true
		}
	}
	return false
}

// maxWatches bounds the watches of one engine, all tabs together.
const maxWatches = 10_000

func (n *namespace) watch(op *Op) {
	if len(n.watches) >= maxWatches {
		n.refuse(op, EBusy)
		return
	}
	n.enqueue(task{
		run: func() error {
			var missed []replica.Change
			if op.Since != 0 {
				all, err := n.rep.ChangesSince(op.Since)
				if err != nil {
					return err
				}
				missed = all
			}
			w := &watch{id: op.ID, prefix: op.Range.Prefix}
			n.watches = append(n.watches, w)
			n.e.reply(Reply{Op: op.ID, Position: n.rep.Position()})
			n.tell(w, missed, 0, "")
			return nil
		},
		fail: func(c Code) { n.refuse(op, c) },
	})
}

func (n *namespace) unwatch(op *Op) {
	n.enqueue(task{
		run: func() error {
			for i, w := range n.watches {
				if w.id == op.Target {
					n.watches = append(n.watches[:i], n.watches[i+1:]...)
					break
				}
			}
			n.e.reply(Reply{Op: op.ID})
			return nil
		},
		fail: func(c Code) { n.refuse(op, c) },
	})
}

func (n *namespace) notify(changes []replica.Change, client uint32, device string) {
	for _, w := range n.watches {
		n.tell(w, changes, client, device)
	}
}

func (n *namespace) tell(w *watch, changes []replica.Change, client uint32, device string) {
	var out []Change
	for _, c := range changes {
		if strings.HasPrefix(c.Key, w.prefix) {
			out = append(out, Change{
				Key: c.Key, Kind: c.Kind, Value: c.Value,
				HadValue: c.PrevKind != wire.Deleted, PrevKind: c.PrevKind, Previous: c.Previous,
				Others: c.Others, Client: client, Device: device,
			})
		}
	}
	if len(out) > 0 {
		n.e.out.add(Changed{Watch: w.id, Position: n.rep.Position(), Changes: out})
	}
}
