package native

import (
	"sync"

	"github.com/masqdev/masq/core/localstore"
)

// Limits on connections and on what waits for one.
const (
	maxSockets   = 512      // WebSockets, those of the manager not counted
	maxPerOrigin = 64       // WebSockets of one web page's origin, the manager's too
	maxLeaving   = 512      // WebSockets that are being told that there are too many
	maxLocal     = 256      // connections on the Unix socket
	maxQueue     = 16 << 20 // bytes that wait for a client to read them

	// Bytes that are in memory for WebSockets: what came of messages that are not handed on yet, and the queues. Without these,
	// a page that nobody has let in could have the limits of each of its sockets.
	maxHeld          = 256 << 20
	maxHeldPerOrigin = 64 << 20
)

// transport is what a client's texts go out by.
type transport interface {
	write(text []byte) error
	ping() error
	end(code uint16, reason string) // tells why, where that can be told, and closes
	drop()                          // closes at once
}

// client is one connection. One goroutine reads it, and another writes while its queue holds something.
type client struct {
	id        uint32
	who       localstore.Who
	transport transport

	// Guarded by clients.mu.
	came    int // bytes of a message that is not handed on yet
	queue   []message
	bytes   int  // in the queue and being written
	writing bool // a goroutine writes
	closing bool // its end is in the queue, or it has ended: nothing more goes in
}

// message is a text to write, a ping, or the end.
type message struct {
	text   []byte
	ping   bool
	code   uint16 // not 0: the end
	reason string
}

// size is what a message counts for in the queue, the queue's own memory included.
func (m message) size() int { return len(m.text) + 64 }

// clients are those that are connected.
type clients struct {
	wg sync.WaitGroup // their goroutines; one's first is added under mu and before stopped

	mu      sync.Mutex
	last    uint32
	all     map[uint32]*client
	counts  map[string]int // for each origin, and those with a space: the sums below
	held    map[string]int // bytes, for each origin; programs have one together
	sum     int            // of held
	stopped bool
}

// What counts has besides origins.
const (
	countSockets = " sockets"
	countLeaving = " leaving"
	countLocal   = " local"
)

// The answers to somebody new.
type admission uint8

const (
	welcome admission = iota
	crowded
	turnedAway // so many are being told already that it gets nothing but an HTTP status
)

// bounds are the counts that somebody new raises, with their limits.
func bounds(who localstore.Who) map[string]int {
	switch who.Kind {
	case localstore.Admin:
		return map[string]int{countLocal: maxLocal}
	case localstore.Manager: // whatever web pages do, the user gets in
		return map[string]int{who.Origin: maxPerOrigin}
	case localstore.Web:
		return map[string]int{countSockets: maxSockets, who.Origin: maxPerOrigin}
	}
	return map[string]int{countSockets: maxSockets}
}

var leaving = map[string]int{countLeaving: maxLeaving}

// admit counts somebody new. Whoever is not turned away is given back with leave.
func (c *clients) admit(who localstore.Who) admission {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopped:
		return turnedAway
	case c.raise(bounds(who)):
		c.wg.Add(1)
		return welcome
	case c.raise(leaving):
		c.wg.Add(1)
		return crowded
	}
	return turnedAway
}

// raise raises the counts if all of them are below their limits.
func (c *clients) raise(bounds map[string]int) bool {
	for name, limit := range bounds {
		if c.counts[name] >= limit {
			return false
		}
	}
	for name := range bounds {
		c.counts[name]++
	}
	return true
}

// leave gives back what admit counted.
func (c *clients) leave(who localstore.Who, as admission) {
	c.mu.Lock()
	defer c.mu.Unlock()
	raised := bounds(who)
	if as == crowded {
		raised = leaving
	}
	for name := range raised {
		if c.counts[name]--; c.counts[name] == 0 {
			delete(c.counts, name)
		}
	}
	c.wg.Done()
}

// add gives somebody who was admitted a number.
func (c *clients) add(who localstore.Who, t transport) *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	k := &client{id: c.last, who: who, transport: t}
	c.all[k.id] = k
	if c.stopped {
		c.push(k, message{code: closeStopping, reason: "the store stops"})
	}
	return k
}

// remove forgets a client that has ended.
func (c *clients) remove(k *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mute(k)
	c.hold(k, -k.came)
	k.came = 0
	delete(c.all, k.id)
}

// mute lets nothing more be sent to a client.
func (c *clients) mute(k *client) {
	k.closing = true
	for _, m := range k.queue {
		k.bytes -= m.size()
		c.hold(k, -m.size())
	}
	k.queue = nil
}

// hold counts bytes that are in memory for a client from now on, and reports whether they may be.
func (c *clients) hold(k *client, bytes int) bool {
	if k.who.Kind == localstore.Admin {
		return true
	}
	c.sum += bytes
	c.held[k.who.Origin] += bytes
	if c.held[k.who.Origin] == 0 {
		delete(c.held, k.who.Origin)
	}
	return c.sum <= maxHeld && c.held[k.who.Origin] <= maxHeldPerOrigin
}

// came counts bytes that were read from a client, and reports whether it may go on.
func (c *clients) came(k *client, bytes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	bytes = max(bytes, -k.came)
	if !c.hold(k, bytes) && bytes > 0 {
		c.hold(k, -bytes) // its reader ends
		return false
	}
	k.came += bytes
	return true
}

// handedOn says that the message of which bytes came is the store's now.
func (c *clients) handedOn(k *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold(k, -k.came)
	k.came = 0
}

// send queues a text for a client, if it is still there.
func (c *clients) send(id uint32, text []byte) { c.to(id, message{text: text}) }

// end queues a client's end.
func (c *clients) end(id uint32, code uint16, reason string) {
	c.to(id, message{code: code, reason: reason})
}

func (c *clients) to(id uint32, m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.push(c.all[id], m)
}

// ping asks all whether they are still there.
func (c *clients) ping() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.all {
		c.push(k, message{ping: true})
	}
}

// stop lets nobody new in and ends all who are there.
func (c *clients) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	for _, k := range c.all {
		c.push(k, message{code: closeStopping, reason: "the store stops"})
	}
}

// drop closes all that are left at once.
func (c *clients) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.all {
		k.transport.drop()
	}
}

// push queues a message. A client that does not read what it is sent is dropped. Call it with mu held.
func (c *clients) push(k *client, m message) {
	if k == nil || k.closing {
		return
	}
	k.queue = append(k.queue, m)
	k.bytes += m.size()
	if fits := c.hold(k, m.size()); !fits || k.bytes > maxQueue && k.bytes > m.size() {
		c.mute(k)
		k.transport.drop()
		return
	}
	k.closing = m.code != 0
	if !k.writing {
		k.writing = true
		c.wg.Add(1)
		go c.write(k)
	}
}

// write writes what is queued and ends.
func (c *clients) write(k *client) {
	defer c.wg.Done()
	for {
		m, ok := c.next(k)
		if !ok {
			return
		}
		var err error
		switch {
		case m.code != 0:
			k.transport.end(m.code, m.reason)
		case m.ping:
			err = k.transport.ping()
		default:
			err = k.transport.write(m.text)
		}
		if err != nil {
			k.transport.drop() // the reader ends
		}
		c.mu.Lock()
		k.bytes -= m.size()
		c.hold(k, -m.size())
		c.mu.Unlock()
	}
}

// next takes the first message of the queue, false if there is none.
func (c *clients) next(k *client) (message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(k.queue) == 0 {
		k.queue, k.writing = nil, false
		return message{}, false
	}
	m := k.queue[0]
	k.queue[0] = message{}
	k.queue = k.queue[1:]
	return m, true
}
