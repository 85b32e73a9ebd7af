package relay

import (
	"container/list"
	"crypto/rand"
	"encoding/binary"
	"io"
	"strings"

	"github.com/masqdev/masq/core/internal/clock"
	"github.com/masqdev/masq/core/wire"
)

// Server is the Sync Server's state. Use New.
type Server struct {
	cfg   Config
	hello []wire.RelayLimit
	clock clock.Clock
	// The newest wall time so far, which says of connections on several nodes which is the newer one: wall time is what nodes share.
	newest Millis
	conns  map[uint64]*conn
	rooms  map[string]*room // by kind and raw name; a string, because a map clears the pointer of a deleted key but not plain bytes
	// Each list is in the order of its deadlines, because all in it have the same span; so nothing depends on a map's order.
	waiting   list.List // *conn before JOIN or PAIR, oldest first
	joined    list.List // *conn, the one longest silent first
	mailboxes list.List // *room of kind PairKind, oldest first
	plates    plates
	nodes     nodes
	drain     *Drain
	stats     Stats
}

// conn is one connection.
type conn struct {
	id    uint64
	since Millis        // when it was opened; once joined, when it was last heard; all such times are engine time (see package clock)
	at    *list.Element // in waiting or joined
	greet *greeting     // until JOIN or PAIR
	room  *room         // from then on
	side  uint8

	reminded bool   // a reminder of it is due
	sent     uint32 // DATA frames sent to other nodes
	joined   Millis // when it joined, by Server.newest
}

// greeting is what a connection has to be known by until it has joined.
type greeting struct {
	kind  wire.RelayKind
	name  []byte
	host  string
	nonce [32]byte
}

// room is a channel or a mailbox with at least one side present here.
type room struct {
	key   string
	topic string // where nodes speak about it
	sides [2]*conn
	far   [2]*far // sides that are present on other nodes; never one that is also in sides
	born  Millis
	at    *list.Element // in mailboxes; nil for a channel
}

// present reports whether a side is there, here or on another node.
func (r *room) present(side uint8) bool { return r.sides[side] != nil || r.far[side] != nil }

// closeRestart is WebSocket's registered close code for a server that restarts, closeNormal the one for a normal end.
const (
	closeNormal  = 1000
	closeRestart = 1012
)

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	l := &cfg.Limits
	l.setDefaults()
	return &Server{
		cfg: cfg, conns: map[uint64]*conn{}, rooms: map[string]*room{},
		plates: plates{reserved: map[string]*list.Element{}}, nodes: nodes{rooms: map[string]*room{}, all: map[uint64]*node{}},
		hello: []wire.RelayLimit{
			{ID: wire.LimitFrameBytes, Value: l.FrameBytes}, {ID: wire.LimitJoin, Value: l.Join},
			{ID: wire.LimitPing, Value: l.Ping}, {ID: wire.LimitDead, Value: l.Dead},
			{ID: wire.LimitQueueBytes, Value: l.QueueBytes}, {ID: wire.LimitSlow, Value: l.Slow},
			{ID: wire.LimitBytesPerSec, Value: l.BytesPerSecond}, {ID: wire.LimitMailbox, Value: l.Mailbox},
			{ID: wire.LimitSlowBytes, Value: l.SlowBytes}, {ID: wire.LimitTotalBytes, Value: l.TotalBytes},
			{ID: wire.LimitAddressBytes, Value: l.AddressBytes},
		},
	}
}

func (l *Limits) setDefaults() {
	for _, f := range []struct {
		value    *uint32
		standard uint32
	}{
		{&l.FrameBytes, wire.MaxFrame}, {&l.Join, 5_000}, {&l.Ping, 30_000}, {&l.Dead, 90_000},
		{&l.QueueBytes, 1 << 20}, {&l.Slow, 10_000}, {&l.BytesPerSecond, 8 << 20}, {&l.Mailbox, 600_000},
		{&l.SlowBytes, 16 << 10}, {&l.TotalBytes, 256 << 20}, {&l.AddressBytes, 16 << 20},
	} {
		if *f.value == 0 {
			*f.value = f.standard
		}
	}
	l.FrameBytes = min(l.FrameBytes, wire.MaxFrame)
}

// Limits returns the limits in force.
func (s *Server) Limits() Limits { return s.cfg.Limits }

// Step tells the Server what happened, and at which time, and adds to out what is to be done.
func (s *Server) Step(now Millis, ev Event, out *Actions) {
	s.clock.Step(now)
	s.newest = max(s.newest, now)
	switch ev := ev.(type) {
	case Open:
		s.open(ev, out)
	case *Frame:
		if c := s.conns[ev.Conn]; c != nil {
			s.frame(c, ev, out)
		}
	case Closed:
		if c := s.conns[ev.Conn]; c != nil {
			s.end(c, Left, out)
		}
	case Fail:
		if c := s.conns[ev.Conn]; c != nil {
			s.fail(c, ev.Reason, out)
		}
	case Tick:
		s.tick(out)
	case Reserve:
		s.reserve(ev, out)
	case *Heard:
		s.heard(ev, out)
	case Linked:
		s.linked(ev.Up, out)
	case Drain:
		s.drainSome(ev, out)
	}
}

// Next returns the time, as Step is told it, when the next Tick is due, false if none is.
func (s *Server) Next() (at Millis, ok bool) {
	earliest := func(t Millis) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	l := s.cfg.Limits
	if e := s.waiting.Front(); e != nil {
		earliest(e.Value.(*conn).since + Millis(l.Join))
	}
	if e := s.joined.Front(); e != nil {
		earliest(e.Value.(*conn).since + Millis(l.Dead))
	}
	if e := s.mailboxes.Front(); e != nil {
		earliest(e.Value.(*room).born + Millis(l.Mailbox))
	}
	s.plates.next(earliest)
	s.nodes.next(s.sideSilence(), earliest)
	return s.clock.ToWall(at), ok
}

func (s *Server) open(ev Open, out *Actions) {
	if s.conns[ev.Conn] != nil {
		return // the driver's mistake: a number is used once
	}
	s.stats.Opened++
	c := &conn{id: ev.Conn, since: s.clock.Now(), greet: &greeting{host: ev.Host}}
	c.at = s.waiting.PushBack(c)
	s.conns[c.id] = c
	if s.drain != nil {
		s.restart(c, out)
		return
	}
	if _, err := io.ReadFull(s.cfg.Rand, c.greet.nonce[:]); err != nil {
		s.end(c, Restart, out)
		out.add(Close{c.id, closeRestart, Restart})
		return
	}
	s.send(c, out, &wire.RelayFrame{
		Type: wire.RelayHello, Version: wire.RelayVersion, Nonce: c.greet.nonce, Time: s.clock.Wall(), Limits: s.hello,
	})
	c.greet.kind, c.greet.name = wire.ParseRelayPath(ev.Path)
	switch {
	case c.greet.kind == 0:
		s.fail(c, BadPath, out)
	case !s.allowed(ev.Host):
		s.fail(c, BadHost, out)
	}
}

// allowed reports whether host may be dialled.
func (s *Server) allowed(host string) bool {
	if len(host) > maxHost {
		return false
	}
	if len(s.cfg.Hosts) == 0 {
		return wire.IsLoopbackHost(host)
	}
	for _, h := range s.cfg.Hosts {
		if strings.EqualFold(h, host) || strings.EqualFold(h, wire.HostName(host)) {
			return true
		}
	}
	return false
}

func (s *Server) frame(c *conn, ev *Frame, out *Actions) {
	if c.room != nil {
		c.since = s.clock.Now()
		s.joined.MoveToBack(c.at)
	}
	switch {
	case ev.Text && string(ev.Data) == wire.PingText:
		out.add(SendText{c.id, wire.PongText})
		s.remind(c, out)
		return
	case ev.Text:
		s.fail(c, BadText, out)
		return
	case len(ev.Data) > int(s.cfg.Limits.FrameBytes):
		s.fail(c, TooBig, out)
		return
	case len(ev.Data) > 0 && wire.RelayType(ev.Data[0]) == wire.RelayData && c.room != nil:
		s.pass(c, ev.Data, out)
		return
	}
	f, err := wire.ParseRelay(ev.Data)
	switch {
	case err != nil:
		s.fail(c, BadFrame, out)
	case c.room != nil:
		s.fail(c, OutOfPlace, out)
	case f.Type == wire.RelayJoin && c.greet.kind == wire.ChannelKind:
		if g := c.greet; !wire.VerifyJoin([32]byte(g.name), g.host, g.nonce, f.Side, f.Sig[:]) {
			s.fail(c, BadSignature, out)
			return
		}
		s.join(c, f.Side, out)
	case f.Type == wire.RelayPair && c.greet.kind != wire.ChannelKind:
		s.join(c, f.Side, out)
	default:
		s.fail(c, OutOfPlace, out)
	}
}

// pass hands a DATA frame on as it is.
func (s *Server) pass(c *conn, data []byte, out *Actions) {
	other := c.room.sides[1-c.side]
	switch {
	case other != nil:
		out.send(other.id, data)
	case c.room.far[1-c.side] != nil:
		s.publishData(c, data, out)
	default:
		s.stats.Dropped++
		return
	}
	s.stats.Frames++
	s.stats.Bytes += uint64(len(data) - 1)
}

// join puts c, which has shown that it may, on its side. A channel's newer connection replaces the older; a mailbox never does.
func (s *Server) join(c *conn, side uint8, out *Actions) {
	key := roomKey(c.greet.kind, string(c.greet.name))
	r := s.rooms[key]
	if r == nil {
		r = &room{key: key, born: s.clock.Now()}
		s.rooms[key] = r
		if c.greet.kind != wire.ChannelKind {
			r.at = s.mailboxes.PushBack(r)
		}
		s.follow(r, out)
	}
	if r.at != nil && r.present(side) {
		s.fail(c, Taken, out)
		return
	}
	s.replace(r, side, out)
	s.waiting.Remove(c.at)
	c.at, c.since, c.joined = s.joined.PushBack(c), s.clock.Now(), s.newest
	c.greet, c.room, c.side = nil, r, side
	r.sides[side] = c
	s.lose(r.far[side]) // it hears of this one and goes
	s.stats.Joins++
	out.add(Joined{c.id})
	s.send(c, out, &wire.RelayFrame{Type: wire.RelayJoined, Present: r.present(1 - side)})
	if other := r.sides[1-side]; other != nil {
		s.send(other, out, &wire.RelayFrame{Type: wire.RelayPeer, Present: true})
	}
	s.announceJoin(c, out)
}

// replace ends a channel's connection that a newer one takes the place of. The other side hears nothing of its end.
func (s *Server) replace(r *room, side uint8, out *Actions) {
	if old := r.sides[side]; old != nil {
		old.room, r.sides[side] = nil, nil
		s.fail(old, Replaced, out)
	}
}

// fail ends a connection with an ERR.
func (s *Server) fail(c *conn, why Reason, out *Actions) {
	code := reasons[why].code
	s.send(c, out, &wire.RelayFrame{Type: wire.RelayErr, Code: code})
	out.add(Close{c.id, code.CloseCode(), why})
	s.end(c, why, out)
}

// end forgets a connection and tells the other side. A mailbox ends with it, and a room that is empty is forgotten.
func (s *Server) end(c *conn, why Reason, out *Actions) {
	s.stats.Ended[why]++
	delete(s.conns, c.id)
	if c.greet != nil {
		s.waiting.Remove(c.at)
	} else {
		s.joined.Remove(c.at)
	}
	r := c.room
	if r == nil {
		return
	}
	c.room, r.sides[c.side] = nil, nil
	s.announceEnd(r, c, out)
	other := r.sides[1-c.side]
	if other == nil || r.at != nil {
		s.forget(r, out)
	}
	if other == nil {
		return
	}
	s.send(other, out, &wire.RelayFrame{Type: wire.RelayPeer})
	if r.at != nil {
		out.add(Close{other.id, closeNormal, OtherLeft})
		s.end(other, OtherLeft, out)
	}
}

// forget takes a room from the tables and its sides from it.
func (s *Server) forget(r *room, out *Actions) {
	delete(s.rooms, r.key)
	s.unfollow(r, out)
	if r.at != nil {
		s.mailboxes.Remove(r.at)
	}
	for _, c := range r.sides {
		if c != nil {
			c.room = nil
		}
	}
}

// tick ends what is overdue.
func (s *Server) tick(out *Actions) {
	l := s.cfg.Limits
	for e := s.waiting.Front(); e != nil && e.Value.(*conn).since+Millis(l.Join) <= s.clock.Now(); e = s.waiting.Front() {
		s.fail(e.Value.(*conn), LateJoin, out)
	}
	for e := s.joined.Front(); e != nil && e.Value.(*conn).since+Millis(l.Dead) <= s.clock.Now(); e = s.joined.Front() {
		s.fail(e.Value.(*conn), Silent, out)
	}
	for e := s.mailboxes.Front(); e != nil && e.Value.(*room).born+Millis(l.Mailbox) <= s.clock.Now(); e = s.mailboxes.Front() {
		r := e.Value.(*room)
		s.forget(r, out)
		for _, c := range r.sides {
			if c != nil {
				s.fail(c, MailboxOver, out)
			}
		}
	}
	s.tickPlates(out)
	s.tickNodes(out)
}

// drainSome sends connections away, the sides of a channel together.
func (s *Server) drainSome(ev Drain, out *Actions) {
	s.drain = &ev
	left := ev.Most
	if left <= 0 {
		left = len(s.conns)
	}
	for _, l := range []*list.List{&s.waiting, &s.joined} {
		for e := l.Front(); e != nil && left > 0; e = l.Front() {
			left -= s.restart(e.Value.(*conn), out)
		}
	}
}

// restart sends c away for the time of a restart, and the other side of its channel with it: neither hears of a PEER that left. It
// returns how many went.
func (s *Server) restart(c *conn, out *Actions) int {
	both := []*conn{c}
	if r := c.room; r != nil {
		both = r.sides[:]
		for _, c := range both {
			if c != nil {
				s.announceEnd(r, c, out)
			}
		}
		s.forget(r, out)
	}
	n := 0
	for _, c := range both {
		if c == nil {
			continue
		}
		wait := s.drain.ReconnectIn
		var r [4]byte
		if _, err := io.ReadFull(s.cfg.Rand, r[:]); err == nil {
			wait += uint32(uint64(wait) * uint64(binary.BigEndian.Uint32(r[:])) >> 32)
		}
		s.send(c, out, &wire.RelayFrame{Type: wire.RelayRestarting, ReconnectIn: wait, TryFor: s.drain.TryFor})
		out.add(Close{c.id, closeRestart, Restart})
		s.end(c, Restart, out)
		n++
	}
	return n
}

func (s *Server) send(c *conn, out *Actions, f *wire.RelayFrame) {
	out.send(c.id, wire.AppendRelay(nil, f))
}
