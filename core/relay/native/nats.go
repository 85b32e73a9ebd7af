package native

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/masqdev/masq/core/relay"
)

// bus carries what nodes tell each other over NATS: a subject for each channel, and one Go channel for all subscriptions. NATS
// may drop and does not push back, so whatever may be lost makes a gap (relay.Linked); of single messages the core sees it itself.
type bus struct {
	s     *Server
	heard chan *nats.Msg
	stop  chan struct{}
	wg    sync.WaitGroup

	// The sender's alone.
	subs map[string]*nats.Subscription // by topic

	// Guarded by Server.mu.
	conn    *nats.Conn // written once
	away    outage
	lossy   rarely
	closed  bool
	up      bool
	reached bool        // it was up once
	event   relay.Heard // this step's
	queue   sayings     // to come
	spare   sayings     // empty, for its memory
	sending bool        // somebody empties the queue, or will at the end of its turn
}

// sayings are what goes to other nodes, in its order. Their memory is used again: there may be one for every message that comes.
type sayings struct {
	list []saying
	data []byte // what is published, one behind the other
}

type saying struct {
	action relay.Action // Follow or Unfollow; nil: it publishes
	topic  string
	end    int // of its data
}

func (q *sayings) publish(topic string, data []byte) {
	q.data = append(q.data, data...)
	q.list = append(q.list, saying{topic: topic, end: len(q.data)})
}

// reset empties q, and keeps its memory unless it is much.
func (q *sayings) reset() {
	clear(q.list)
	q.list, q.data = q.list[:0], q.data[:0]
	if cap(q.data) > queueKept || cap(q.list) > queueKept/64 {
		*q = sayings{}
	}
}

const (
	heardMost = 1 << 16  // messages that have come and are not handled
	busQueue  = 64 << 20 // bytes that are to go and have not
	queueKept = 1 << 18  // bytes of memory for what is to go that are kept when it has gone

	heardAtOnce = 64 // messages that are handled before any of what follows is written
)

func randomNode() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return max(1, binary.BigEndian.Uint64(b[:]))
}

func newBus(s *Server) *bus {
	return &bus{
		s: s, heard: make(chan *nats.Msg, heardMost), stop: make(chan struct{}), subs: map[string]*nats.Subscription{},
	}
}

// topics is what the subjects that o asks for begin with.
func topics(o Options) string { return cmp.Or(o.NATSTopic, "masq.1") + "." }

// connect begins to connect, and goes on trying for as long as it takes. It fails if the URL makes no sense.
func (b *bus) connect() error {
	options := []nats.Option{
		nats.Name("masq sync-server"), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond), nats.ReconnectJitter(250*time.Millisecond, 250*time.Millisecond),
		nats.ReconnectBufSize(-1), // what is said while nobody hears is lost, and a gap
		nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(2 * time.Second), nats.FlusherTimeout(2 * time.Second),
		nats.ConnectHandler(func(*nats.Conn) { b.linked(true) }),
		nats.ReconnectHandler(func(*nats.Conn) { b.linked(true) }),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { b.linked(false) }), // why is in LastError
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { b.failed(err) }),
	}
	if b.s.opt.NATSAuth != nil {
		options = append(options, b.s.opt.NATSAuth)
	}
	conn, err := nats.Connect(b.s.opt.NATS, options...)
	if err != nil {
		return err
	}
	b.s.mu.Lock()
	b.conn = conn
	b.kick() // it may have connected already
	b.s.mu.Unlock()
	b.report()
	b.wg.Go(b.hear)
	return nil
}

// report logs that NATS is not reached, unless it is or that was said a moment ago. Serve calls it every second.
func (b *bus) report() {
	b.s.mu.Lock()
	say := b.conn != nil && !b.up && !b.conn.IsConnected() && b.away.down(time.Now())
	since := b.away.since
	b.s.mu.Unlock()
	if say {
		b.s.log.Warn("NATS is not reached: other nodes' devices are not; trying on", "for", time.Since(since).Round(time.Second), "error", cmp.Or(b.conn.LastError(), nats.ErrNoServers))
	}
}

func (b *bus) close() {
	b.s.mu.Lock()
	b.closed = true
	b.s.mu.Unlock()
	b.conn.Close()
	close(b.stop)
	b.wg.Wait()
}

// linked tells the core whether it can be heard.
func (b *bus) linked(up bool) {
	if b.link(up) {
		return
	}
	b.report()
}

// link is linked but for what is logged when it is down. It reports whether there is nothing more to say.
func (b *bus) link(up bool) bool {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	first := !b.reached
	b.up, b.reached = up, b.reached || up
	b.s.stepLocked(relay.Linked{Up: up})
	if !up {
		return b.closed
	}
	if say, after := b.away.up(time.Now()); say || first {
		b.s.log.Info("NATS is reached", "after", after.Round(time.Millisecond))
	}
	return true
}

// failed makes a gap of any error that NATS has: messages may be lost.
func (b *bus) failed(err error) {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if times, say := b.lossy.say(time.Now()); say {
		b.s.log.Warn("NATS: messages between nodes may be lost", "times", times, "error", err)
	}
	b.gap()
}

// gap has every channel with a side elsewhere begin anew. Call it with mu held.
func (b *bus) gap() {
	if b.up {
		b.s.stepLocked(relay.Linked{Up: false})
		b.s.stepLocked(relay.Linked{Up: true})
	}
}

// hear hands what comes to the core.
func (b *bus) hear() {
	t := b.s.beginTurn()
	defer t.end()
	for {
		select {
		case <-b.stop:
			return
		case m := <-b.heard:
			b.handle(t, m)
		}
	}
}

// handle hands a message and some of those that have come behind it to the core, and writes what follows.
func (b *bus) handle(t *turn, m *nats.Msg) {
	for n := 1; m != nil; n++ {
		b.s.mu.Lock()
		b.s.turn, b.event = t, relay.Heard{Topic: m.Subject, Data: m.Data}
		b.s.stepLocked(&b.event)
		b.s.turn, b.event = nil, relay.Heard{}
		full := b.s.full
		b.s.relieve()
		b.s.mu.Unlock()
		if full != nil {
			t.flush()
			b.overrun(full)
		}
		m = nil
		if n < heardAtOnce {
			select {
			case m = <-b.heard:
			default:
			}
		}
	}
	t.flush()
}

// overrun ends a socket whose queue is full: its sender is elsewhere and cannot be held back.
func (b *bus) overrun(k *socket) {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if k.bytes > int(b.s.limits.QueueBytes) {
		b.s.stepLocked(relay.Fail{Conn: k.id, Reason: relay.Overrun})
	}
}

// push queues what goes to other nodes. Call it with mu held.
func (b *bus) push(a relay.Action) {
	if p, ok := a.(*relay.Publish); !ok {
		b.queue.list = append(b.queue.list, saying{action: a, end: len(b.queue.data)})
	} else if b.up && len(b.queue.data) <= busQueue { // else the core hears of what is lost: when up changes, and in send
		b.queue.publish(p.Topic, p.Data)
	}
	b.kick()
}

// kick has what is queued sent. Call it with mu held.
func (b *bus) kick() {
	if b.sending || b.conn == nil || b.closed || len(b.queue.list) == 0 {
		return
	}
	b.sending = true
	b.wg.Add(1)
	if b.s.turn != nil {
		b.s.turn.bus = b
	} else {
		go b.send()
	}
}

// send empties the queue and ends.
func (b *bus) send() {
	for b.sendSome() {
	}
	b.wg.Done()
}

// sendOnce sends what is queued. More than that is a goroutine's to send.
func (b *bus) sendOnce() {
	if b.sendSome() {
		go b.send()
		return
	}
	b.wg.Done()
}

// sendSome sends what is queued and reports whether there is more by then.
func (b *bus) sendSome() bool {
	b.s.mu.Lock()
	batch := b.queue
	b.queue, b.spare = b.spare, sayings{}
	b.s.mu.Unlock()
	lost := len(batch.data) > busQueue
	from := 0
	for _, say := range batch.list {
		lost = b.do(say, batch.data[from:say.end]) != nil || lost
		from = say.end
	}
	batch.reset()
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.spare = batch
	if lost {
		b.gap()
	}
	b.sending = len(b.queue.list) > 0
	return b.sending
}

func (b *bus) do(say saying, data []byte) (err error) {
	switch a := say.action.(type) {
	case nil:
		return b.conn.Publish(say.topic, data)
	case relay.Follow:
		if b.subs[a.Topic] == nil {
			b.subs[a.Topic], err = b.conn.ChanSubscribe(a.Topic, b.heard)
		}
	case relay.Unfollow:
		if sub := b.subs[a.Topic]; sub != nil {
			delete(b.subs, a.Topic)
			err = sub.Unsubscribe()
		}
	}
	return err
}
