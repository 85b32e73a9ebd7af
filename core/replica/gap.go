package replica

import (
	"slices"
	"strconv"

	"github.com/masqdev/masq/core/wire"
)

// A gap is a record that the vector covers, that is not here, and that nothing here supersedes but hearsay. It comes about where an application
// peer brings another device's record: there it has replaced what the peer itself wrote, so that this is not sent, and here it is hearsay. Nobody
// sends it later, either, as the vector covers it.
//
// What is shown is right as long as the hearsay stays, for it hides what the missing record would have replaced. But that counts in the sum. So
// there is none meanwhile: another replica with this vector may have had the record before. Once the hearsay is confirmed, or replaced by
// what has seen it, that supersedes all of it everywhere. If it is denied, two such replicas hold something else indeed, and the sum shows that.
type gap struct {
	open     bool // there may be one
	unlogged bool // the setting does not say so yet
}

func (r *Replica) gapKey() string { return "gap/" + strconv.Itoa(int(r.ns)) }

// openGap goes by what the setting says.
func (r *Replica) openGap() { r.gap.open = len(r.led.Meta(r.gapKey())) > 0 }

// logGap notes in a setting whether there is a gap.
func (r *Replica) logGap() {
	if !r.gap.unlogged {
		return
	}
	r.gap.unlogged = false
	var b []byte
	if r.gap.open {
		b = []byte{1}
	}
	r.led.SetMeta(r.gapKey(), b)
}

func (r *Replica) setGap(open bool) {
	r.gap.unlogged = r.gap.unlogged || open != r.gap.open
	r.gap.open = open
}

// gapped reports whether there may be a gap.
func (r *Replica) gapped() bool {
	if r.gap.open && !r.doubtful() {
		r.setGap(false)
	}
	return r.gap.open
}

// gapBehind reports whether there is a gap once a vector is joined, and what is staged is gone over to. One comes about by what the vector covers and
// the own one does not, and is there until no hearsay leaves one any more. ledger.ErrWait: blocks are missing.
func (r *Replica) gapBehind(joined wire.Vector, st *stage) (open bool, missing error) {
	if !r.gap.open && r.vector.CoversAll(joined) {
		return false, nil
	}
	covers := func(d wire.Dot) bool { return joined.Covers(d) && (r.gap.open || !r.vector.Covers(d)) }
	err := r.eachHearsay(func(h *version) {
		var seen []wire.Dot
		for _, p := range h.ctx {
			if d := (wire.Dot{Writer: p.Writer, Seq: number(p)}); covers(d) {
				seen = append(seen, d)
			}
		}
		if len(seen) == 0 {
			return
		}
		vs, err := st.versionsOf(h.key)
		if missing = worse(missing, err); err == nil && has(vs, h.dot) {
			open = open || slices.ContainsFunc(seen, func(d wire.Dot) bool { return !accounts(vs, d) })
		}
	})
	return open, worse(missing, err)
}

// accounts reports whether one of these versions is the write d, or supersedes it for good.
func accounts(vs []*version, d wire.Dot) bool {
	return slices.ContainsFunc(vs, func(v *version) bool { return v.dot == d || !v.hearsay && wire.Sees(v.ctx, d) })
}
