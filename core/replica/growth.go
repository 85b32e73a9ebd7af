package replica

import "github.com/masqdev/masq/core/wire"

// Growth is what must not grow with time: with starts, with devices that are never heard again, or with overwriting.
type Growth struct {
	Writers int // that the vector has
	Tails   int // the most that one of its elements has
	Pairs   int // the most pairs of one writer in a context, of what came since the last checkpoint
	Part    int // bytes of the part of the manifest
	Blocks  int // that it names
}

// Growth returns the counts as they are.
func (r *Replica) Growth() (g Growth) {
	g.Writers, g.Part, g.Blocks = len(r.vector), len(r.appendPart(nil)), len(r.pages)+len(r.segs)
	for _, e := range r.vector {
		g.Tails = max(g.Tails, len(e.Tails))
	}
	for _, vs := range r.mem {
		for _, v := range vs {
			g.Pairs = max(g.Pairs, mostPairs(v.ctx))
		}
	}
	return g
}

func mostPairs(ctx []wire.Dot) (most int) {
	n := 0
	for i := range ctx {
		if n++; i > 0 && ctx[i].Writer != ctx[i-1].Writer {
			n = 1
		}
		most = max(most, n)
	}
	return most
}
