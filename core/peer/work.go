package peer

import "github.com/masqdev/masq/core/replica"

// Work counts what an engine has done that grows with what others send. The simulator bounds what one Step may add to it.
type Work struct {
	replica.Work        // of all namespaces
	Resolved     uint64 // entries of rosters, each as often as a verdict was worked out on it
	Looks        uint64 // namespaces, each as often as it was looked at for the status
	Pumps        uint64 // and as often as it was looked at for what to send to one device
}

// Work returns the counts since the engine was opened. They fall only when a circle is left.
func (e *Engine) Work() Work {
	w := Work{Looks: e.looks.count, Pumps: e.pumps}
	for _, n := range e.namespaces {
		x := n.rep.Work()
		w.Versions, w.Pairs, w.Elements = w.Versions+x.Versions, w.Pairs+x.Pairs, w.Elements+x.Elements
	}
	for _, dom := range e.domains() {
		w.Resolved += dom.roster.Resolved()
	}
	return w
}
