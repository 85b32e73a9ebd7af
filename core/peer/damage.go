package peer

import (
	"errors"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
)

// Some values of a namespace may not be readable; see package replica. Who wants one of them is told so, the status names them, and all else goes on.

// hurt notes that damage was found.
func (n *namespace) hurt() {
	n.e.led.Write() // for the note, behind which nothing is sent before it is stored
	n.e.strictly()
	n.wake()
	n.touch()
}

// doubtsDamage reports whether what was found may be no damage: an engine that another one has taken the place of misses blocks which that one has
// deleted. It learns that from the commit of the note. Where storage takes none, nobody else writes either.
func (n *namespace) doubtsDamage() bool { return !n.rep.DamageNoted() && !n.e.trouble.stops() }

// survey finds names for what is damaged, a few pages at a time.
func (e *Engine) survey() {
	for _, n := range e.awake {
		if !n.rep.Surveying() {
			continue
		}
		switch err := n.rep.Survey(); {
		case err == nil:
			n.wake()
			n.touch()
		case !errors.Is(err, ledger.ErrWait):
			e.fail(storageCode(err))
			return
		}
	}
}

// damaged is what of the namespace cannot be read.
func (n *namespace) damaged() Damaged {
	d := n.rep.Damaged()
	return Damaged{Keys: d.Keys, Names: d.Names}
}

func (d *Damaged) same(o *Damaged) bool { return d.Keys == o.Keys && slices.Equal(d.Names, o.Names) }

// toSend is how many records a device is not known to have.
func (n *namespace) toSend(p *progress) uint64 {
	return n.rep.CountAfter(p.acked) + n.rep.Unsendable(p.have)
}

// scan finds at least one entry that can be read, if there is one, and the keys of those that cannot.
func (n *namespace) scan(q replica.Query) (s replica.Scanned, lost []string, err error) {
	for {
		s, err = n.rep.Scan(q)
		if lost = append(lost, s.Lost...); err != nil || len(s.Records) > 0 || !s.More {
			return s, lost, err
		}
		q.After = s.Last
	}
}
