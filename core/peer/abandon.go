package peer

import "github.com/masqdev/masq/core/wire"

// abandoned are announcements of this device's writers in the namespace, for when it forgets what it has written there: each is of a start that never
// wrote. Whoever has them knows that this device has not got as far as it once announced. So what it says of these writers later, as others have
// told it, denies nothing of what others still have. See core/PROTOCOL.md, R6.31.
func (n *namespace) abandoned() (list []*wire.Writer) {
	nk := n.e.publicNK()
	n.rep.CloseWriter()
	n.rep.EachWriter(func(w *wire.Writer) {
		if w.NK != nk {
			return
		}
		left := *w
		left.Sig = [64]byte{} // it is signed when it is told: there may be no circle yet
		if n.rep.Vector().Of(w.ID).Last()>>wire.BlockBits >= w.Block && w.Reserved < wire.BlockOnly>>wire.BlockBits {
			left.Block, left.Reserved = w.Reserved, w.Reserved+1
			n.e.random(left.Opening[:])
		}
		list = append(list, &left)
	})
	return list
}
