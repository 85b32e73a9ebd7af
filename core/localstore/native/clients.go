package native

import (
	"slices"
	"sync"

	"github.com/masqdev/masq/core/localstore"
)

// Limits on connections and on what waits for one.
const (
	maxSockets         = 512      // WebSockets, those of the manager not counted
	maxPerDomain       = 64       // WebSockets of one registrable domain, or of the manager
	maxStrangers       = 128      // WebSockets that are not in, those of the manager and those that ask not counted: the others are kept for who is in
	maxDomainStrangers = 16       // of them, of one registrable domain, of all programs, or of the manager
	maxLeaving         = 512      // WebSockets that are being told that there are too many
	maxLocal           = 256      // connections on the Unix socket
	maxQueue           = 16 << 20 // bytes that wait for a client to read them

	// Bytes that are in memory for WebSockets: what came of messages that are not handed on yet, and the queues. Without these,
	// an application could have the limits of each of its sockets.
	maxHeld          = 256 << 20
	maxHeldPerDomain = 64 << 20

	// Bytes of frames that one may send before it is in, headers and all. The store counts messages, more strictly.
	maxStrangerBytes = 2 * localstore.MaxStrangerBytes
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
	place     *place
	transport transport

	// Guarded by clients.mu.
	in      bool
	said    int // bytes of frames, before it is in
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
	counts  map[string]int // for each domain, and those with a space: the sums below
	held    map[string]int // bytes, for each domain
	sum     int            // of held
	new     []*place       // WebSockets that are not in, in the order in which they came
	stopped bool
}

// What counts has besides domains.
const (
	countSockets = " sockets"
	countLeaving = " leaving"
	countLocal   = " local"
)

// place is what a connection has of the limits, from before its handshake to its end.
type place struct {
	who     localstore.Who
	domain  string // whose connections are counted together
	counts  map[string]int
	crowded bool // it is only to be told that there are too many
	asks    bool // it is in first contact or waits for the user, and keeps its place
	client  *client
}

func newPlace(who localstore.Who) *place {
	p := &place{who: who, domain: localstore.DomainOf(who)}
	switch who.Kind {
	case localstore.Admin:
		p.counts = map[string]int{countLocal: maxLocal}
	case localstore.Manager: // whatever web pages do, the user gets in
		p.counts = map[string]int{p.domain: maxPerDomain}
	case localstore.Web:
		p.counts = map[string]int{countSockets: maxSockets, p.domain: maxPerDomain}
	default:
		p.counts = map[string]int{countSockets: maxSockets}
	}
	return p
}

// admit gives somebody new a place, nil if so many are being told already that they cannot have one that it gets nothing but an
// HTTP status. The place is given back with leave.
func (c *clients) admit(who localstore.Who) *place {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := newPlace(who)
	switch {
	case c.stopped:
		return nil
	case !c.raise(p.counts):
		if p.crowded = true; !c.giveUp(p) {
			return nil
		}
	case who.Kind != localstore.Admin:
		c.displace(p)
		c.new = append(c.new, p)
	}
	c.wg.Add(1)
	return p
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

func (c *clients) lower(bounds map[string]int) {
	for name := range bounds {
		if c.counts[name]--; c.counts[name] == 0 {
			delete(c.counts, name)
		}
	}
}

// giveUp counts a place among those that are only told why. It reports whether there is room for one more.
func (c *clients) giveUp(p *place) bool {
	p.counts = nil
	leaving := map[string]int{countLeaving: maxLeaving}
	if !c.raise(leaving) {
		return false
	}
	p.counts = leaving
	return true
}

// displace makes room for somebody new among those that are not in. It always can: to come in takes a moment, so who is the
// oldest of the domain that has most is the one that is least likely to.
func (c *clients) displace(newcomer *place) {
	counts, all := map[string]int{}, 0
	for _, p := range c.new {
		if !p.asks {
			counts[p.domain]++
			if p.who.Kind != localstore.Manager {
				all++
			}
		}
	}
	from := newcomer.domain
	if counts[from] < maxDomainStrangers {
		if all < maxStrangers || newcomer.who.Kind == localstore.Manager {
			return
		}
		from = c.mostOf(counts)
	}
	i := slices.IndexFunc(c.new, func(p *place) bool { return p.domain == from && !p.asks })
	p := c.new[i]
	c.new = slices.Delete(c.new, i, i+1)
	c.lower(p.counts)
	p.crowded = true
	told := c.giveUp(p)
	switch k := p.client; {
	case k == nil: // its handshake goes on; add ends it
	case told:
		c.push(k, tooMany)
	default:
		c.mute(k)
		k.transport.drop()
	}
}

// mostOf is the domain, other than the manager's, that has most of those that are not in; of several, the one whose oldest came first.
func (c *clients) mostOf(counts map[string]int) (most string) {
	for _, p := range c.new {
		if !p.asks && p.who.Kind != localstore.Manager && counts[p.domain] > counts[most] {
			most = p.domain
		}
	}
	return most
}

// leave gives a place back.
func (c *clients) leave(p *place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lower(p.counts)
	c.notNew(p)
	c.wg.Done()
}

func (c *clients) notNew(p *place) {
	c.new = slices.DeleteFunc(c.new, func(o *place) bool { return o == p })
}

// stands notes how far a client has come.
func (c *clients) stands(id uint32, as localstore.Standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.all[id]
	if k == nil {
		return
	}
	if k.place.asks = as == localstore.Asking; as == localstore.In {
		k.in = true
		c.notNew(k.place)
	}
}

// tooMany is why a connection cannot stay.
var tooMany = message{code: closeCrowded, reason: "too many connections: close some and try again later"}

// add gives somebody who was admitted a number.
func (c *clients) add(p *place, t transport) *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	k := &client{id: c.last, place: p, transport: t, in: p.who.Kind == localstore.Admin}
	p.client = k
	c.all[k.id] = k
	switch {
	case c.stopped:
		c.push(k, message{code: closeStopping, reason: "the store stops"})
	case p.crowded:
		c.push(k, tooMany)
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
	if k.place.who.Kind == localstore.Admin {
		return true
	}
	domain := k.place.domain
	c.sum += bytes
	c.held[domain] += bytes
	if c.held[domain] == 0 {
		delete(c.held, domain)
	}
	return c.sum <= maxHeld && c.held[domain] <= maxHeldPerDomain
}

// came counts bytes that were read from a client, and reports whether it may go on.
func (c *clients) came(k *client, bytes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if bytes > 0 && !k.in {
		if k.said += bytes; k.said > maxStrangerBytes {
			return false
		}
	}
	bytes = max(bytes, -k.came)
	if !c.hold(k, bytes) && bytes > 0 {
		c.hold(k, -bytes) // its reader ends
		return false
	}
	k.came += bytes
	return true
}

// maySend reports whether a client may send a message as long as this by now.
func (c *clients) maySend(k *client, size uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return k.in || size <= localstore.MaxStrangerMessage
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

// isCrowded reports whether a place is only to be told that there are too many.
func (c *clients) isCrowded(p *place) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.crowded
}
