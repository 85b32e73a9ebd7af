package peer

import (
	"github.com/masqdev/masq/core/wire"
)

// credit is the flow control of one session, both ways: of DATA and END at most wire.CreditWindow bytes are on their way, and
// CREDIT gives back what was taken.
type credit struct {
	out   int    // bytes sent that were not given back
	in    int    // bytes that came and were not given back
	taken int    // of those, bytes taken
	heard Millis // when anything last came, or out left zero
}

// creditAtOnce is how many taken bytes are given back at once.
const creditAtOnce = 32 << 10

// open reports whether more may be sent.
func (c *credit) open() bool { return c.out < wire.CreditWindow }

// sent notes a message that was sent.
func (c *credit) sent(n int, now Millis) {
	if c.out == 0 {
		c.heard = now
	}
	c.out += n
}

// returned notes a CREDIT. A device that gives back what it did not get is cut off.
func (c *credit) returned(n uint32, now Millis) error {
	if int64(n) > int64(c.out) {
		return wire.ErrMalformed
	}
	c.out -= int(n)
	c.heard = now
	return nil
}

// came notes a message that came. A device that sends more than it has credit for is cut off.
func (c *credit) came(n int) error {
	if c.in >= wire.CreditWindow {
		return wire.ErrMalformed
	}
	c.in += n
	return nil
}

// take notes bytes that were taken, and reports whether it is time to give them back.
func (c *credit) take(n int) bool {
	c.taken += n
	return c.taken >= creditAtOnce
}

// giveBack is how much CREDIT to send; 0: none.
func (c *credit) giveBack() uint32 {
	n := c.taken
	c.in, c.taken = c.in-n, 0
	return uint32(n)
}

// lateAt is when the other side is given up because nothing comes of it; 0: never.
func (c *credit) lateAt() Millis {
	if c.out == 0 {
		return 0
	}
	return c.heard + ackTimeout + c.allowance()
}

// allowance is how much longer to wait because data is on its way: 8 KiB a second is slow, not dead.
func (c *credit) allowance() Millis { return Millis(c.out) / 8 }

// ackTimeout is how long the other side may take to give back or acknowledge anything, in ms; core/PROTOCOL.md.
const ackTimeout = 10_000
