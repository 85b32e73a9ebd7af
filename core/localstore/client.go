package localstore

import (
	"bytes"
	"maps"
	"slices"

	"github.com/masqdev/masq/core/peer"
)

// client is one connection.
type client struct {
	s       *Store
	num     uint32
	who     Who
	agent   Agent
	gone    bool
	in      bool     // it may use its methods
	until   uint64   // when it is closed, unless it is in or asks
	token   *token   // an application that is in
	proving *proof   // it has been proved to, and has to prove itself
	asking  *request // is in the middle of an exchange, or waits for the user or the disk

	said       int // bytes, before it was in
	unanswered int // calls
	bytes      int // in them
	lastWatch  uint64
	watches    map[uint64]*watch // by its own numbers
	statuses   map[string][]byte // what it was told last, by application
	state      []byte            // what the manager was told last; nil: it did not ask
}

// access says what c may call now.
func (c *client) access() access {
	switch {
	case c.who.Kind == Admin:
		return forAdmin
	case c.who.Kind == Manager && c.in:
		return forManager
	case c.who.Kind == Manager:
		return forNewManager
	case c.in:
		return forApps
	}
	return forNewApps
}

// ask counts a call that has to be answered.
func (c *client) ask(k *call) {
	c.unanswered++
	c.owe(k.size)
}

// owe counts the bytes of calls that are not answered: those of an origin's connections together, or it would only need more of them.
func (c *client) owe(n int) {
	c.bytes += n
	if c.s.bytes[c.who] += n; c.s.bytes[c.who] == 0 {
		delete(c.s.bytes, c.who)
	}
}

func (c *client) send(text []byte) {
	if !c.gone {
		c.s.out.add(ClientSend{Client: c.num, Data: text})
	}
}

// close ends the connection from this side.
func (c *client) close(code uint16, reason peer.Code) {
	if !c.gone {
		c.s.out.add(ClientClose{Client: c.num, Code: code, Reason: string(reason)})
		c.leave()
	}
}

// leave forgets the connection: its watches end, and what it has not been answered it will not be.
func (c *client) leave() {
	if c.gone {
		return
	}
	s := c.s
	c.owe(-c.bytes)
	c.gone, c.in, c.token, c.proving = true, false, nil, nil
	delete(s.clients, c.num)
	c.forgetLinks()
	for _, w := range c.watches {
		w.end()
	}
	if r := c.asking; r != nil {
		s.giveUp(r)
	}
	s.dirty = true
}

// stands notes that c is a stranger, asks, or is in.
func (c *client) stands(as Standing) {
	c.in = as == In
	c.s.out.add(ClientStands{Client: c.num, As: as})
}

// tooMuch reports whether c may not say so much more, because it is not in.
func (c *client) tooMuch(bytes int) bool {
	if c.in {
		return false
	}
	c.said += bytes
	return bytes > MaxStrangerMessage || c.said > MaxStrangerBytes
}

// enter lets an application in.
func (c *client) enter(t *token) {
	c.token, c.proving, c.asking = t, nil, nil
	c.stands(In)
	c.s.dirty = true
	c.s.usedBy(t, c.agent)
}

// tellStatus tells c what has changed of the statuses that it follows.
func (c *client) tellStatus() {
	for _, app := range slices.Sorted(maps.Keys(c.statuses)) {
		if now := c.s.appStatus(app, c.who.Kind == Admin); !bytes.Equal(now, c.statuses[app]) {
			c.statuses[app] = now
			c.notify("status", now)
		}
	}
}
