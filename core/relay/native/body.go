package native

import (
	"sync"

	"github.com/masqdev/masq/core/wire"
)

// body is memory for one large message on its way, with room for a header in front. To make such memory anew for each message costs
// more than all else that is done for it.
//
// A smaller one that has come whole is passed on from the buffer it was read into (turn).
//
// A body is lent with a relay.Frame and given back when the Send that hands the message on has been written. That the core keeps no
// body after the Step, and hands it to nobody but the other side, is what makes this right. A body that no Send took is left to the
// garbage collector.
type body [maxOwnHead + wire.MaxFrame]byte

// lendOver is the size from which on a message is in a body, so that at most as much lies unused as is counted for it in the queue.
const lendOver = wire.MaxFrame / 2

var bodies = sync.Pool{New: func() any { return new(body) }}

// data is where a message of n bytes goes.
func (b *body) data(n int) []byte { return b[maxOwnHead : maxOwnHead+n : maxOwnHead+n] }

// holds reports whether a message is in b.
func (b *body) holds(data []byte) bool {
	return b != nil && len(data) > 0 && &data[0] == &b[maxOwnHead]
}

// frame is the frame of the message of n bytes, its header put in front.
func (b *body) frame(n int) []byte {
	var head [maxOwnHead]byte
	h := appendHead(head[:0], opBinary, n)
	start := maxOwnHead - len(h)
	copy(b[start:], h)
	return b[start : maxOwnHead+n]
}

func (b *body) giveBack() {
	if b != nil {
		bodies.Put(b)
	}
}
