package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// Deletions: much is deleted at once, ranges go over what was, and in the end no tombstone is left that everyone has.

// sweptAfter is how long after the last device was heard tombstones may still be there.
const sweptAfter = 2 * hour

// clearOut deletes the user's bulk keys, or a part of them.
func (u *user) clearOut(p *proc) {
	first, last := 0, u.w.profile.bulk
	if u.w.chance(0.5) {
		first, last = int(u.w.upTo(uint64(last))), int(u.w.upTo(uint64(last)))
	}
	u.w.did("clear out")
	u.w.log(u.d.name, "clear out", uint64(max(0, last-first)))
	for i := first; i < last; i += 100 {
		var batch []*write
		var reads []call
		for n := i; n < min(i+100, last); n++ {
			x := u.w.book.add(u.d, u.bulkKey(n), wire.Deleted, 0)
			batch = append(batch, x)
			reads = append(reads, u.reads(notes, x)...)
		}
		u.put(p, notes, batch, reads, true)
	}
}

func (u *user) bulkKey(n int) string { return fmt.Sprintf("bulk/%s/%06d", u.d.name, n) }

// ranges compares what some ranges list with what the watch has told.
func (u *user) ranges(p *proc) {
	for range u.w.between(1, 4) {
		do := peer.List{Prefix: pick(u.w, []string{"", "", "k/", "bulk/", "bulk/dev1/"}), Reverse: u.w.chance(0.5), KeysOnly: u.w.chance(0.5)}
		if u.w.chance(0.8) {
			do.Limit = uint32(u.w.between(1, 300))
		}
		if do.Prefix == "" && u.w.chance(0.5) {
			do.After = u.bulkKey(int(u.w.upTo(2000)))
		}
		u.w.did("range")
		if do.After != "" {
			u.w.did("range after a key")
		}
		if do.Reverse {
			u.w.did("range backwards")
		}
		p.do(call{op: &peer.Op{Client: me, Do: do}, reply: func(r peer.Reply) {
			if !u.refused(r.Err) && p == u.d.run && u.whole && u.d.hurt == nil {
				u.compareRange(do, r)
			}
		}})
	}
}

func (u *user) compareRange(do peer.List, r peer.Reply) {
	var want, got []string
	for key := range u.mirror {
		if strings.HasPrefix(key, do.Prefix) && (do.After == "" || !do.Reverse && key > do.After || do.Reverse && key < do.After) {
			want = append(want, key)
		}
	}
	slices.Sort(want)
	if do.Reverse {
		slices.Reverse(want)
	}
	for _, e := range r.Entries {
		got = append(got, e.Key)
	}
	whole := len(want) // unless it is limited, by bytes too
	if do.Limit > 0 {
		whole = min(whole, int(do.Limit))
	}
	if n := min(len(got), whole); !slices.Equal(got, want[:n]) || r.More != (len(got) < whole) {
		u.w.failf("%s: List of %+v shows %d keys and more %v, the watch told of %d", u.d.name, do, len(got), r.More, len(want))
	}
}

// checkSwept has everybody delete something while nobody watches, and lets time pass. Then no tombstone is left, and who watches on from where it
// was knows what is there.
func (w *simulation) checkSwept() {
	if w.hostile != nil || w.opt.Backups || len(w.lost) > 0 || len(w.out) > len(w.revoked) {
		return // somebody may hold tombstones back
	}
	for _, d := range w.honest() {
		if d.run == nil || d.dropped || w.profile.stores && len(w.revoked) > 0 && !d.isStore() {
			return // what only application peers have of a writer whose device dropped the data, or is out, is settled by nobody
		}
		for _, x := range d.user.watchers {
			if x.op != 0 {
				x.end(d.run)
			}
		}
	}
	for _, d := range w.honest() {
		d.user.writeKeys(d.run, notes, []string{w.key(w.rng.IntN(w.profile.keys))}, func(*write) {})
		if d.user.filled && w.chance(0.5) {
			d.user.clearOut(d.run)
		}
	}
	w.runUntil(w.now + sweptAfter)
	w.waitQuiet()
	for _, d := range w.honest() {
		if d.run == nil {
			continue
		}
		if e, ok := d.run.engine.(*peer.Engine); ok {
			for _, n := range e.Tombstones() {
				w.did("swept namespace")
				if n > 0 {
					w.failf("%s keeps %d tombstones that everyone has", d.name, n)
				}
			}
		}
		d.user.watchOn(d.run)
		d.user.ranges(d.run)
	}
	w.runUntil(w.now + 10*second)
}
