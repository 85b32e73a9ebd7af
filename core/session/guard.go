package session

import "bytes"

// guard bounds what a device computes for the initiator of a pair, because a Sync Server may say an M1 again, or make one up.
// The zero guard is ready.
type guard struct {
	seen [][seenSize]byte // the beginnings of the e of the M1s that were answered, at most seenMost
	at   int              // where the next is noted when there are seenMost
	free uint64           // a leaky bucket: when all that was read is paid for
}

// Limits on M1s.
const (
	answerEvery = 1_000 // ms for each M1 that is read
	answerBurst = 8     // that many are read at once
	seenMost    = 512   // M1s that are remembered
	seenSize    = 16    // bytes of e
)

// admits reports whether another M1 may be read, and counts it.
func (g *guard) admits(now uint64) bool {
	g.free = max(g.free, now)
	if g.free-now >= answerBurst*answerEvery {
		return false
	}
	g.free += answerEvery
	return true
}

// knows reports whether the M1 that begins with e was answered.
func (g *guard) knows(e []byte) bool {
	for i := range g.seen {
		if bytes.Equal(g.seen[i][:], e[:seenSize]) {
			return true
		}
	}
	return false
}

// answered notes that. The oldest are forgotten.
func (g *guard) answered(e []byte) {
	if len(g.seen) < seenMost {
		g.seen = append(g.seen, [seenSize]byte(e))
		return
	}
	g.seen[g.at] = [seenSize]byte(e)
	g.at = (g.at + 1) % seenMost
}
