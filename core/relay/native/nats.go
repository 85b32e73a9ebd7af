package native

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/masqdev/masq/core/relay"
)

// bus carries what nodes tell each other over NATS: a subject for each channel, and one Go channel for all subscriptions. NATS
// may drop and does not push back, so whatever may be lost makes a gap (relay.Linked); of single messages the core sees it itself.
type bus struct {
	s      *Server
	prefix string // of subjects
	heard  chan *nats.Msg
	stop   chan struct{}
	wg     sync.WaitGroup

	// The sender's alone.
	subs map[string]*nats.Subscription // by topic

	// Guarded by Server.mu.
	conn    *nats.Conn // written once
	closed  bool
	up      bool
	queue   []relay.Action // Follow, Unfollow and Publish to come
	bytes   int            // in the queue
	sending bool           // somebody empties the queue, or will at the end of its turn
}

const (
	heardMost = 1 << 16  // messages that have come and are not handled
	busQueue  = 64 << 20 // bytes that are to go and have not

	heardAtOnce = 64 // messages that are handled before any of what follows is written
)

func randomNode() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return max(1, binary.BigEndian.Uint64(b[:]))
}

func newBus(s *Server) *bus {
	b := &bus{
		s: s, prefix: s.opt.NATSTopic, heard: make(chan *nats.Msg, heardMost), stop: make(chan struct{}), subs: map[string]*nats.Subscription{},
	}
	if b.prefix == "" {
		b.prefix = "masq.1"
	}
	b.prefix += "."
	return b
}

// connect begins to connect, and goes on trying for as long as it takes. It fails if the URL makes no sense.
func (b *bus) connect() error {
	options := []nats.Option{
		nats.Name("masq sync-server"), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond), nats.ReconnectJitter(250*time.Millisecond, 250*time.Millisecond),
		nats.ReconnectBufSize(-1), // what is said while nobody hears is lost, and a gap
		nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(2 * time.Second), nats.FlusherTimeout(2 * time.Second),
		nats.ConnectHandler(func(*nats.Conn) { b.linked(true) }),
		nats.ReconnectHandler(func(*nats.Conn) { b.linked(true) }),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { b.linked(false) }),
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
	b.wg.Go(b.hear)
	return nil
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
	b.s.log.Info("NATS", "connected", up)
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.up = up
	b.s.stepLocked(relay.Linked{Up: up})
}

// failed makes a gap of any error that NATS has: messages may be lost.
func (b *bus) failed(err error) {
	b.s.log.Warn("NATS: messages between nodes may be lost", "error", err)
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
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
		topic, _ := strings.CutPrefix(m.Subject, b.prefix)
		b.s.mu.Lock()
		b.s.turn = t
		b.s.stepLocked(relay.Heard{Topic: topic, Data: m.Data})
		b.s.turn = nil
		full := b.s.full
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
	if p, ok := a.(relay.Publish); ok {
		if !b.up || b.bytes > busQueue {
			return // the core hears of what is lost: when up changes, and in send
		}
		b.bytes += len(p.Data)
	}
	b.queue = append(b.queue, a)
	b.kick()
}

// kick has what is queued sent. Call it with mu held.
func (b *bus) kick() {
	if b.sending || b.conn == nil || b.closed || len(b.queue) == 0 {
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
	batch, lost := b.queue, b.bytes > busQueue
	b.queue, b.bytes = nil, 0
	b.s.mu.Unlock()
	for _, a := range batch {
		lost = b.do(a) != nil || lost
	}
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if lost {
		b.gap()
	}
	b.sending = len(b.queue) > 0
	return b.sending
}

func (b *bus) do(a relay.Action) (err error) {
	switch a := a.(type) {
	case relay.Publish:
		return b.conn.Publish(b.prefix+a.Topic, a.Data)
	case relay.Follow:
		if b.subs[a.Topic] == nil {
			b.subs[a.Topic], err = b.conn.ChanSubscribe(b.prefix+a.Topic, b.heard)
		}
	case relay.Unfollow:
		if sub := b.subs[a.Topic]; sub != nil {
			delete(b.subs, a.Topic)
			err = sub.Unsubscribe()
		}
	}
	return err
}
