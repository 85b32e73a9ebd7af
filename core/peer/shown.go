package peer

import (
	"bytes"
	"slices"
	"sort"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// Watches are told of a change before it is stored, and get returns it. So what was shown is kept until it is, to be set right if it never is.

// shown is what a key was shown to have.
type shown struct {
	key    string
	kind   wire.Kind
	value  []byte
	others int
}

// show notes what get returns from now on.
func (n *namespace) show(changes []replica.Change) {
	for _, c := range changes {
		n.shown = append(n.shown, shown{c.Key, c.Kind, c.Value, c.Others})
	}
}

// committed notes that the commit in flight is in storage.
func (n *namespace) committed() {
	n.each((*replica.Replica).Committed)
	rest := copy(n.shown, n.shown[n.flying:])
	clear(n.shown[rest:])
	n.shown, n.flying = n.shown[:rest], 0
	for _, d := range n.e.devices {
		if f := d.flow(n); f != nil {
			f.wake()
		}
	}
}

// setRight tells watches what get returns of all that was shown and is not stored.
func (n *namespace) setRight() error {
	last := map[string]shown{}
	var keys []string
	for _, s := range n.wrong {
		if _, ok := last[s.key]; !ok {
			keys = append(keys, s.key)
		}
		last[s.key] = s
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	now, err := n.rep.Now(keys)
	if err != nil {
		return err
	}
	n.wrong = nil
	var changes []replica.Change
	for _, c := range now {
		if s := last[c.Key]; s.kind != c.Kind || s.others != c.Others || !bytes.Equal(s.value, c.Value) {
			c.PrevKind, c.Previous = s.kind, s.value
			changes = append(changes, c)
		}
	}
	for _, w := range n.watches {
		if slices.ContainsFunc(keys, w.concerns) { // a change that is none is told for its position
			n.e.out.add(Changed{Watch: w.id, Position: n.rep.Mark(), Changes: n.changes(w, changes, 0, "")})
		}
	}
	return nil
}
