package peer

import (
	"errors"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// access says in which stores a verb can be used.
type access bool

const (
	anyStore   access = false
	localStore access = true
)

type verb struct {
	name string
	in   access
	do   func(*Engine, *Op)
}

// verbs is what can be asked for.
var verbs = [...]verb{
	VerbGet:       {"get", anyStore, onNamespace((*namespace).get)},
	VerbBatch:     {"batch", anyStore, onNamespace((*namespace).batch)},
	VerbList:      {"list", anyStore, onNamespace((*namespace).list)},
	VerbConflicts: {"conflicts", anyStore, onNamespace((*namespace).conflicts)},
	VerbWatch:     {"watch", anyStore, onNamespace((*namespace).watch)},
	VerbUnwatch:   {"unwatch", anyStore, onNamespace((*namespace).unwatch)},
	VerbInvite:    {"invite", anyStore, (*Engine).invite},
	VerbJoin:      {"join", anyStore, (*Engine).join},
	VerbConfirm:   {"confirm", anyStore, (*Engine).confirm},
	VerbCancel:    {"cancel", anyStore, (*Engine).cancel},
	VerbShutdown:  {"shutdown", anyStore, (*Engine).shutdown},
	VerbRename:    {"rename", anyStore, (*Engine).rename},
	VerbImport:    {"import", anyStore, onNamespace((*namespace).bring)},
	VerbRevoke:    {"revoke", anyStore, (*Engine).revoke},
	VerbCount:     {"count", anyStore, onNamespace((*namespace).count)},

	VerbAddApp:    {"addApp", localStore, (*Engine).addApp},
	VerbDropApp:   {"dropApp", localStore, (*Engine).dropApp},
	VerbPrefer:    {"prefer", localStore, (*Engine).prefer},
	VerbSetRelays: {"setRelays", localStore, (*Engine).setRelays},
	VerbKeep:      {"keep", localStore, (*Engine).keep},
	VerbKept:      {"kept", localStore, (*Engine).kept},
	VerbRevokeOf:  {"revokeOf", localStore, (*Engine).revokeOf},
	VerbSetQuota:  {"setQuota", localStore, onNamespace((*namespace).setQuota)},
	VerbMend:      {"mend", anyStore, onNamespace((*namespace).asksToMend)},
}

// String returns the verb's name, "" if there is no such verb.
func (v VerbID) String() string {
	if int(v) >= len(verbs) {
		return ""
	}
	return verbs[v].name
}

// onNamespace is for what is about the data of one application, Op.App.
func onNamespace(do func(*namespace, *Op)) func(*Engine, *Op) {
	return func(e *Engine, op *Op) {
		if n := e.namespaceOf(op.App); n == nil || n.gone {
			e.reply(Reply{Op: op.ID, Err: EApp})
		} else {
			do(n, op)
		}
	}
}

// op takes an operation in.
func (e *Engine) op(op *Op) {
	e.ops++
	op.came = e.ops
	if e.state < open {
		e.early = append(e.early, op)
		return
	}
	if e.closing != nil {
		e.reply(Reply{Op: op.ID, Err: EClosed})
		return
	}
	id := op.Do.ID()
	if id.String() == "" || verbs[id].in == localStore && !e.isStore() {
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	}
	if e.trouble.holds(e, op) || e.fullness.holds(op) {
		return
	}
	verbs[id].do(e, op)
}

func (n *namespace) get(op *Op) {
	do := op.Do.(Get)
	n.readKey(op, do.Key, func() error {
		rec, ok, err := n.rep.Get(do.Key)
		if err != nil {
			return err
		}
		r := Reply{Op: op.ID}
		if ok {
			r.Entries = []Entry{{Key: do.Key, Kind: rec.Kind, Value: rec.Value}}
		}
		n.e.reply(r)
		return nil
	})
}

func (n *namespace) conflicts(op *Op) {
	do := op.Do.(Conflicts)
	n.readKey(op, do.Key, func() error {
		recs, err := n.rep.Conflicts(do.Key)
		if err != nil {
			return err
		}
		r := Reply{Op: op.ID}
		for _, rec := range recs {
			r.Entries = append(r.Entries, Entry{Key: do.Key, Kind: rec.Kind, Value: rec.Value})
		}
		n.e.reply(r)
		return nil
	})
}

func (n *namespace) readKey(op *Op, key string, read func() error) {
	if !wire.ValidKey(key) {
		n.refuse(op, EKey)
		return
	}
	n.enqueue(task{
		run: func() error {
			err := read()
			if errors.Is(err, replica.ErrLost) { // all else goes on
				if n.doubtsDamage() {
					return ledger.ErrWait
				}
				n.e.reply(Reply{Op: op.ID, Err: EDamaged, Damaged: []string{key}})
				return nil
			}
			return err
		},
		reads: true,
		fail:  func(c Code) { n.refuse(op, c) },
		probe: func() { _, _, _ = n.rep.Get(key) },
	})
}

// At most this much stands in one List reply. A reply waits for blocks from storage, first for index pages and then for values, each
// time for all of them at once: few large replies are faster than many small ones.
const (
	listEntries = 4000
	listBytes   = 1 << 20
)

func (n *namespace) list(op *Op) {
	do := op.Do.(List)
	n.enqueue(task{run: func() error { return n.page(op, do) }, reads: true, fail: func(c Code) { n.refuse(op, c) }})
}

// page replies with the first part of what a List selects.
func (n *namespace) page(op *Op, q List) error {
	limit := listEntries
	if q.Limit != 0 {
		limit = min(limit, int(q.Limit))
	}
	s, lost, err := n.scan(replica.Query{
		Prefix: q.Prefix, Gte: q.Gte, Lt: q.Lt, After: q.After, Reverse: q.Reverse, KeysOnly: q.KeysOnly,
		Limit: limit, MaxBytes: listBytes,
	})
	if err != nil {
		return err
	}
	if len(lost) > 0 && n.doubtsDamage() {
		return ledger.ErrWait
	}
	r := Reply{Op: op.ID, More: s.More && (q.Limit == 0 || len(s.Records) < int(q.Limit)), Damaged: lost}
	r.Entries = make([]Entry, len(s.Records))
	for i, rec := range s.Records {
		r.Entries[i] = Entry{Key: rec.Key, Kind: rec.Kind, Value: rec.Value}
	}
	n.e.reply(r)
	return nil
}

// count walks index pages, a few at a time. How far it has got outlives a wait for pages, so that none is needed twice.
func (n *namespace) count(op *Op) {
	do := op.Do.(Count)
	q := replica.Query{Prefix: do.Prefix, Gte: do.Gte, Lt: do.Lt, KeysOnly: true, Limit: listEntries}
	r := Reply{Op: op.ID}
	n.enqueue(task{
		run: func() error {
			if do == (Count{}) {
				r.Number = n.rep.Count()
				n.e.reply(r)
				return nil
			}
			for more := true; more; {
				recs, others, err := n.rep.Range(q)
				if err != nil {
					return err
				}
				if more = others; more {
					q.After = recs[len(recs)-1].Key
				}
				r.Number += uint64(len(recs))
			}
			n.e.reply(r)
			return nil
		},
		reads: true,
		fail:  func(c Code) { n.refuse(op, c) },
	})
}

func (n *namespace) batch(op *Op) {
	do := op.Do.(Batch)
	done := n.e.answer
	if do.Relaxed {
		done = func(op *Op) { n.e.reply(Reply{Op: op.ID}) }
	}
	n.write(op, do.Writes, true, (*replica.Replica).Write, done)
}

func (n *namespace) bring(op *Op) {
	n.write(op, op.Do.(Import).Writes, false, (*replica.Replica).Import, n.e.answer)
}

// intoReplica is Write or Import.
type intoReplica func(*replica.Replica, Millis, []replica.Write) ([]replica.Change, error)

// write has the replica take in writes, which replace what is there or stay beside it, and done reply.
func (n *namespace) write(op *Op, in []Write, replaces bool, into intoReplica, done func(*Op)) {
	writes, code := n.checked(in)
	if code != OK {
		n.refuse(op, code)
		return
	}
	if len(writes) == 0 {
		done(op)
		return
	}
	failed := n.e.trouble.failures
	n.enqueue(task{
		run: func() error {
			may, err := n.mayWrite(writes, replaces)
			if err != nil {
				return err
			}
			over, err := n.overstrains(writes, n.e.trouble.failures < failed+patience)
			if err != nil {
				return err
			}
			if !may || over {
				n.refuse(op, EQuota)
				return nil
			}
			changes, err := into(n.rep, n.e.clock.Wall(), writes)
			if errors.Is(err, replica.ErrTooBig) {
				n.refuse(op, ETooBig)
				return nil
			}
			if err != nil {
				return err
			}
			n.e.commits.next.adds = n.e.commits.next.adds || adds(op)
			n.own = n.rep.Position()
			n.notify(changes, op.Client, "")
			n.touch()
			done(op)
			return nil
		},
		fail:  func(c Code) { n.refuse(op, c) },
		probe: func() { _, _, _ = n.rep.Get(writes[0].Key) },
		op:    op,
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
