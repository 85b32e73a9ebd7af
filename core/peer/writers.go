package peer

import (
	"bytes"
	"crypto/ed25519"
	"slices"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// Writers are announced by their devices, and what a device claims of a writer is believed by whose it is. See core/PROTOCOL.md, "Writers,
// and what is believed".

// How many writers a device may have in a namespace, and how often in a day a device's mere claim that this one is a copy makes it take a
// new writer. Whom an application peer has let in shares a room of its own: it must not take the peer's, nor all that there is.
const (
	maxPeerWriters = 64 // of an application peer, and of all those together that it has let in, however far
	leastWriters   = 8  // of each of these, in any case
	maxFullWriters = 256
	peerDoubts     = 1
	fullDoubts     = 8
	doubtsLast     = 24 * 3600_000
)

// full reports whether the device is a full one: its word counts for everybody.
func (d *device) full() bool { return d.domain.namespace == nil || d.kind == roster.Store }

func (f *flow) source() replica.Source {
	r := f.repl
	return replica.Source{Session: r.id, NK: r.d.nk, Full: r.d.full(), Met: f.met}
}

// announceOwn signs what there is to be announced of this device's own writers.
func (n *namespace) announceOwn() {
	n.rep.SignOwn(n.sign)
	n.announces(n.rep.Own())
}

func (n *namespace) announces(w *wire.Writer) {
	if w == nil {
		return
	}
	if o := n.rep.Writer(w.ID); o != nil && o.Block == w.Block && o.Reserved == w.Reserved {
		return
	}
	n.sign(w)
	n.rep.Announce(w)
}

func (n *namespace) sign(w *wire.Writer) {
	copy(w.Sig[:], ed25519.Sign(n.e.self.ik, w.Signed(n.ns())))
	n.wake()
}

// announce tells of the writers that the other side has not been told of. It comes before every record of theirs.
func (f *flow) announce() {
	f.namespace.announceOwn()
	rep := f.rep
	if revision := rep.WritersRevision(); f.said != nil && f.announced == revision {
		return
	} else {
		f.announced = revision
	}
	if f.said == nil {
		f.said = map[uint64]uint64{}
	}
	m := wire.Writers{Number: f.namespace.num}
	rep.EachWriter(func(w *wire.Writer) {
		if f.said[w.ID] < w.Reserved && !f.knows(w) {
			m.List = append(m.List, w)
		}
		f.said[w.ID] = w.Reserved
	})
	for len(m.List) > 0 {
		some := wire.Writers{Number: m.Number, List: m.List[:min(len(m.List), wire.MaxWritersSent)]}
		some.Marks = f.marks(some.List)
		f.repl.send(wire.AppendWriters(nil, &some))
		m.List = m.List[len(some.List):]
	}
}

// marks are those of the writers in a list that are the other side's own, for it to know what it has in common with this device.
func (f *flow) marks(list []*wire.Writer) (out []wire.Marks) {
	for _, w := range list {
		if w.NK == f.repl.d.nk {
			if tails := f.rep.Marks(w.ID); len(tails) > 0 {
				out = append(out, wire.Marks{Writer: w.ID, Tails: tails})
			}
		}
	}
	return out
}

// credible is what the other side believes of a vector that this device says: of an application peer's only what is of its own writers.
func (f *flow) credible(v wire.Vector) (out wire.Vector) {
	if !f.repl.d.domain.guest() {
		return v
	}
	for _, e := range v {
		if w := f.rep.Writer(e.Writer); w != nil && w.NK == f.namespace.e.publicNK() {
			out = append(out, e)
		}
	}
	return out
}

// credited is what the other side takes ACK to say of what its END said: what is durable here, and of an application peer's only what is of its
// own writers.
func (f *flow) credited(v wire.Vector) (out wire.Vector) {
	rep, d := f.rep, f.repl.d
	for _, e := range v {
		w := rep.Writer(e.Writer)
		if (d.full() || w != nil && w.NK == d.nk) && rep.DurableVector().CoversAll(wire.Vector{e}) {
			out = append(out, e)
		}
	}
	return out
}

// knows reports whether the other side must have been told of a writer by somebody: it has its newest numbers. Of its own writers it is
// told in any case, because it may be a copy, and of this device's: a liar may have brought their records alone.
func (f *flow) knows(w *wire.Writer) bool {
	return w.NK != f.repl.d.nk && w.NK != f.namespace.e.publicNK() && f.peer.Of(w.ID).Last()>>wire.BlockBits+1 >= w.Reserved
}

func (r *replication) onWriters(fields []byte) error {
	m, err := wire.ParseWriters(fields)
	f := r.flow(m.Number)
	if err != nil || f == nil {
		return wire.ErrMalformed
	}
	if f.stale() {
		return nil
	}
	for _, w := range m.List {
		i := slices.IndexFunc(m.Marks, func(x wire.Marks) bool { return x.Writer == w.ID })
		marks := wire.Marks{Writer: w.ID, Tails: f.peer.Of(w.ID).Tails} // of a device that sends none
		if i >= 0 {
			marks = m.Marks[i]
		}
		if err := f.takeWriter(w, marks); err != nil {
			return err
		}
	}
	return nil
}

// takeWriter takes an announcement. One of a device that nobody knows, or that cannot be, is left out; of the sender's own that is an error.
func (f *flow) takeWriter(w *wire.Writer, marks wire.Marks) error {
	n, d, rep := f.namespace, f.repl.d, f.rep
	if w.NK == n.e.publicNK() {
		f.lacks(marks)
		rep = n.rep // it is for the namespace to know its own, and a copy knows no other
	}
	if o := rep.Writer(w.ID); o != nil && o.Reserved >= w.Reserved && o.Block >= w.Block && o.Opening == w.Opening {
		f.rep.Announce(o)
		return nil
	}
	ik, full, ok := n.owner(w.NK)
	switch {
	case !ok:
		return nil
	case !ed25519.Verify(ik[:], w.Signed(n.ns()), w.Sig[:]):
		return f.unless(w.NK != d.nk)
	case w.NK == n.e.publicNK():
		if n.ours(w, marks) {
			f.elsewhere()
		}
		if f.rep != n.rep {
			f.rep.Announce(w)
		}
		return nil
	case rep.Writer(w.ID) == nil && !n.room(rep, w, full):
		return f.unless(w.NK != d.nk)
	}
	rep.Announce(w)
	return nil
}

// unless is an error unless somebody else is to blame.
func (f *flow) unless(passedOn bool) error {
	if passedOn {
		return nil
	}
	return wire.ErrMalformed
}

// room reports whether the device of a new writer may have another one.
func (n *namespace) room(rep *replica.Replica, w *wire.Writer, full bool) bool {
	own, family := n.countWriters(rep, w.NK)
	ik, _, _ := n.owner(w.NK)
	switch {
	case full:
		return own < maxFullWriters
	case n.sponsor(w.NK) == ik:
		return own < maxPeerWriters
	}
	return own < leastWriters || family < maxPeerWriters
}

// countWriters returns how many writers a device has, and how many all those have that came in by the same application peer.
func (n *namespace) countWriters(rep *replica.Replica, nk [32]byte) (own, family int) {
	sponsor := n.sponsor(nk)
	same := map[[32]byte]bool{}
	rep.EachWriter(func(o *wire.Writer) {
		in, seen := same[o.NK]
		if !seen {
			ik, _, _ := n.owner(o.NK)
			in = ik != sponsor && n.sponsor(o.NK) == sponsor
			same[o.NK] = in
		}
		if in {
			family++
		}
		if o.NK == nk {
			own++
		}
	})
	return own, family
}

// ours takes an announcement that this device has signed itself, and reports whether it is news. One that it does not know is a copy's.
func (n *namespace) ours(w *wire.Writer, marks wire.Marks) (news bool) {
	if !n.rep.Foreign(w) {
		current := n.rep.Own()
		return n.rep.Announce(w) && (current == nil || current.ID != w.ID) // of an earlier writer: what a copy wrote as it is taken like another's
	}
	n.recover(marks, w)
	return true
}

// lacks has this device take a new writer if a full device has more of a block of its own than it has. That is not proven: it is heeded as often
// as any claim is.
func (f *flow) lacks(marks wire.Marks) {
	if n := f.namespace; f.repl.d.full() && n.rep.Behind(marks) && n.e.mayDoubt(n, f.repl.d) {
		n.recover(marks, nil)
	}
}

func (n *namespace) recover(marks wire.Marks, proof *wire.Writer) {
	n.enqueue(task{fail: func(Code) {}, run: func() error { return n.recoverFork(marks, proof) }})
}

// owner finds the device with an nk in the rosters, also one that is out.
func (n *namespace) owner(nk [32]byte) (ik [32]byte, full, ok bool) {
	e := n.e
	if nk == e.publicNK() {
		return e.publicIK(), e.home() == nil || !e.home().guest(), true
	}
	for _, dom := range []*domain{e.circle, n.peers} {
		if dom == nil {
			continue
		}
		for _, list := range [][]roster.Member{dom.roster.Members(), dom.roster.RevokedMembers()} {
			for i := range list {
				if list[i].NK == nk {
					return list[i].IK, dom.namespace == nil || list[i].Kind == roster.Store, true
				}
			}
		}
	}
	return ik, false, false
}

// sponsor is the ik of the device that answers for the one with an nk: an application peer for those that it has let in.
func (n *namespace) sponsor(nk [32]byte) [32]byte {
	ik, full, ok := n.owner(nk)
	if !ok || full || n.peers == nil {
		return ik
	}
	return n.peers.roster.Family(ik)
}

// doubts has this device take a new writer if another one says of the one until now what cannot be, as often as that is heeded. It may be a
// lie; what a copy of this device has signed proves that it is none, and comes before.
func (f *flow) doubts(v wire.Vector) {
	if n := f.namespace; n.rep.Heard(v) && n.e.mayDoubt(n, f.repl.d) {
		n.rep.Renew()
	}
}

// recoverFork takes a new writer, unless that has been done, and restarts every session once it is in storage: each was told a vector that
// is no longer true.
func (n *namespace) recoverFork(marks wire.Marks, proof *wire.Writer) error {
	if done, err := n.rep.RecoverFork(marks, proof); err != nil || !done {
		return err
	}
	n.setRestored(true)
	n.retract()
	return nil
}

// metaDoubts and the sponsor of a device name how often it had this one take a new writer: since u64, by this device's clock ‖ count u8.
const metaDoubts = "doubts/"

// mayDoubt reports whether another device's mere word may have this one take a new writer, and counts that.
func (e *Engine) mayDoubt(n *namespace, d *device) bool {
	sponsor := n.sponsor(d.nk)
	key := metaDoubts + string(sponsor[:])
	since, count, limit := e.clock.Wall(), uint8(0), uint8(peerDoubts)
	if d.full() {
		limit = fullDoubts
	}
	r := wire.NewReader(bytes.Clone(e.led.Meta(key)))
	if at, k := r.U64(), r.U8(); r.Done() == nil && e.clock.Wall() < at+doubtsLast {
		since, count = at, k
	}
	if count >= limit {
		return false
	}
	e.led.SetMeta(key, append(wire.AppendU64(nil, since), count+1))
	return true
}
