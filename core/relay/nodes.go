package relay

import (
	"container/list"
	"encoding/base64"

	"github.com/masqdev/masq/core/wire"
)

// Several nodes share channels by telling each other, on a topic for each channel, who is there and what was said. Each node looks
// after its own connections alone. What another node says is believed, but nothing rests on its arriving: DATA is numbered, and
// whatever may have been lost makes a gap, PEER{0} and then PEER{1}, behind which the two devices hand-shake anew. How far the numbers
// are is said again soon after DATA and at each ping, so that the loss of a last message is noticed, too.
//
//	message = kind u8 ‖ node u64 ‖ what the kind has
const (
	msgHere   = 1 // conn u64 ‖ side u8 ‖ joined u64 ‖ next u32 ‖ ask u8: a side is on that node; ask: say who is on yours, a session begins anew
	msgGone   = 2 // conn u64 ‖ side u8: it has left
	msgData   = 3 // conn u64 ‖ side u8 ‖ number u32 ‖ the DATA frame
	msgTaken  = 4 // node u64 ‖ conn u64: that node's connection asked for a side of a mailbox that is taken here
	msgAlive  = 5 // for ms u64: a node is there, and since when
	msgClaim  = 6 // nameplate: it wants to reserve one
	msgObject = 7 // nameplate: that is taken
	msgSaid   = 8 // conn u64 ‖ side u8 ‖ next u32: how far the numbers of its DATA are
)

// Topics that all nodes follow.
const (
	nodesTopic = "all.nodes"
	plateTopic = "all.nameplates"
)

const (
	aliveEvery = 1_000 // ms
	nodeDead   = 5_000 // ms of silence after which a node's connections count as gone
	newNode    = 3_000 // ms for which a node is new: nobody can have missed what it said before
	remindIn   = 1_000 // ms from a JOIN, or from DATA to another node, to its reminder; others come with the device's pings
)

// nodes are the other nodes, as far as heard of.
type nodes struct {
	rooms  map[string]*room // those here, by topic
	all    map[uint64]*node
	list   list.List // *node, the one longest silent first
	far    int       // all their sides
	began  Millis    // when this node first let time pass
	spoken Millis    // when it last said that it is there; 0: it does not
	due    list.List // reminder, oldest first
	down   bool      // it cannot be heard
}

// reminder says when remind is due for a connection: two that join at the same time can miss each other, and DATA can get lost.
type reminder struct {
	conn uint64
	at   Millis
}

type node struct {
	id    uint64
	alive bool // it has said so itself
	says  bool // it sends msgSaid at each ping: of a side that is there something is heard
	heard Millis
	at    *list.Element
	sides list.List // *far, the one longest silent first
}

// far is a side that is present on another node.
type far struct {
	node   *node
	conn   uint64
	joined Millis
	heard  Millis // when its node last spoke of it
	next   uint32 // the number of its next DATA
	side   uint8
	room   *room
	at     *list.Element // in node.sides
}

// next tells earliest when something is due. A side of which nothing is heard for silence ms has left.
func (n *nodes) next(silence Millis, earliest func(Millis)) {
	if n.spoken != 0 && !n.down {
		earliest(n.spoken + aliveEvery)
	}
	if e := n.list.Front(); e != nil {
		earliest(e.Value.(*node).heard + nodeDead)
	}
	if e := n.due.Front(); e != nil {
		earliest(e.Value.(reminder).at)
	}
	for e := n.list.Front(); e != nil; e = e.Next() {
		if f := e.Value.(*node).longestSilent(); f != nil {
			earliest(f.heard + silence)
		}
	}
}

// longestSilent is the side of which nothing was heard the longest; nil: there is none, or the node does not say.
func (n *node) longestSilent() *far {
	if e := n.sides.Front(); e != nil && n.says {
		return e.Value.(*far)
	}
	return nil
}

// sideSilence is how many ms a side on another node may be silent: its node drops it for its own silence before.
func (s *Server) sideSilence() Millis { return Millis(s.cfg.Limits.Dead) + nodeDead }

// roomKey is a room's place in Server.rooms.
func roomKey(kind wire.RelayKind, name string) string { return string(rune(kind)) + name }

// topicOf is where nodes speak about a room.
func (s *Server) topicOf(key string) string {
	kind, name := wire.RelayKind(key[0]), key[1:]
	switch kind {
	case wire.ChannelKind:
		return s.cfg.Topics + "channel." + base64.RawURLEncoding.EncodeToString([]byte(name))
	case wire.PairKind:
		return s.cfg.Topics + "pair." + base64.RawURLEncoding.EncodeToString([]byte(name))
	}
	return s.cfg.Topics + "plate." + name
}

func (s *Server) publish(topic string, kind byte, out *Actions, parts ...[]byte) {
	s.stats.Published++
	out.publish(topic, kind, s.cfg.Node, parts...)
}

func (s *Server) follow(r *room, out *Actions) {
	if s.cfg.Node == 0 {
		return
	}
	r.topic = s.topicOf(r.key)
	s.nodes.rooms[r.topic] = r
	out.add(Follow{r.topic})
}

func (s *Server) unfollow(r *room, out *Actions) {
	if s.cfg.Node == 0 {
		return
	}
	for _, f := range r.far {
		s.lose(f)
	}
	delete(s.nodes.rooms, r.topic)
	out.add(Unfollow{r.topic})
}

// announce says that c is here.
func (s *Server) announce(c *conn, ask bool, out *Actions) {
	if s.cfg.Node == 0 {
		return
	}
	b := append(wire.AppendU64(make([]byte, 0, 22), c.id), c.side)
	b = wire.AppendU32(wire.AppendU64(b, c.joined), c.sent)
	s.publish(c.room.topic, msgHere, out, append(b, flag(ask)))
}

// announceJoin says that c has joined, and again a little later if nobody answers.
func (s *Server) announceJoin(c *conn, out *Actions) {
	s.announce(c, true, out)
	if s.cfg.Node != 0 && !c.room.present(1-c.side) {
		s.remindSoon(c)
	}
}

// remindSoon has remind come in remindIn, once however often it is asked for until then.
func (s *Server) remindSoon(c *conn) {
	if !c.reminded {
		c.reminded = true
		s.nodes.due.PushBack(reminder{c.id, s.clock.Now() + remindIn})
	}
}

// remind says again what may have got lost: with nobody on the other side that c is here, with somebody on another node how far the
// numbers of c's DATA are.
func (s *Server) remind(c *conn, out *Actions) {
	switch {
	case c == nil || c.room == nil:
	case !c.room.present(1 - c.side):
		s.announce(c, true, out)
	case c.room.far[1-c.side] != nil:
		b := append(wire.AppendU64(make([]byte, 0, 13), c.id), c.side)
		s.publish(c.room.topic, msgSaid, out, wire.AppendU32(b, c.sent))
	}
}

// announceEnd says that c has left r.
func (s *Server) announceEnd(r *room, c *conn, out *Actions) {
	if s.cfg.Node != 0 {
		s.publish(r.topic, msgGone, out, append(wire.AppendU64(nil, c.id), c.side))
	}
}

func (s *Server) publishData(c *conn, data []byte, out *Actions) {
	head := append(wire.AppendU64(make([]byte, 0, 13), c.id), c.side)
	head = wire.AppendU32(head, c.sent)
	c.sent++
	s.publish(c.room.topic, msgData, out, head, data)
	s.remindSoon(c)
}

// heard takes what another node said. It says nothing that is malformed, unless it is of another version.
func (s *Server) heard(ev *Heard, out *Actions) {
	if s.cfg.Node == 0 || s.nodes.down {
		return
	}
	s.stats.Heard++
	r := wire.NewReader(ev.Data)
	kind, from := r.U8(), r.U64()
	if r.Err() != nil || from == s.cfg.Node {
		return
	}
	switch room := s.nodes.rooms[ev.Topic]; {
	case kind == msgAlive && ev.Topic == s.cfg.Topics+nodesTopic:
		if since := r.U64(); r.Done() == nil {
			s.alive(from, since, out)
		}
	case kind == msgClaim && ev.Topic == s.cfg.Topics+plateTopic:
		if name := string(r.Bytes(r.Len())); wire.IsNameplate(name) {
			s.plateClaimed(from, name, out)
		}
	case kind == msgObject && ev.Topic == s.cfg.Topics+plateTopic:
		if e := s.claimOf(string(r.Bytes(r.Len()))); e != nil {
			s.redraw(e, out)
		}
	case room == nil:
	case kind == msgTaken:
		to, id := r.U64(), r.U64()
		if c := s.conns[id]; r.Done() == nil && to == s.cfg.Node && c != nil && c.room == room && room.at != nil {
			s.fail(c, Taken, out)
		}
	default:
		s.heardOf(room, kind, from, &r, out)
	}
}

// heardOf takes what a node said about one side of a room.
func (s *Server) heardOf(room *room, kind byte, from uint64, r *wire.Reader, out *Actions) {
	id, side := r.U64(), r.U8()
	if r.Err() != nil || side > 1 {
		return
	}
	f := room.far[side]
	known := f != nil && f.node.id == from && f.conn == id
	if known {
		f.heard = s.clock.Now()
		f.node.sides.MoveToBack(f.at)
	}
	switch kind {
	case msgHere:
		joined, next, ask := r.U64(), r.U32(), r.U8()
		if r.Done() == nil {
			s.here(room, &far{node: s.node(from), conn: id, side: side, joined: joined, heard: s.clock.Now(), next: next, room: room}, ask == 1, out)
		}
	case msgGone:
		if known && r.Done() == nil {
			s.gone(f, true, out)
		}
	case msgData:
		number, data := r.U32(), r.Bytes(r.Len())
		other := room.sides[1-side]
		if !known || other == nil || len(data) == 0 || len(data) > wire.MaxFrame || wire.RelayType(data[0]) != wire.RelayData {
			return
		}
		if number != f.next {
			s.gap(f, out)
			return
		}
		f.next++
		out.send(other.id, data)
	case msgSaid:
		next := r.U32()
		switch {
		case r.Done() != nil:
		case !known:
			s.askAgain(room, out)
		default:
			f.node.says = true
			if next != f.next {
				s.gap(f, out)
			}
		}
	}
}

// askAgain announces all who are in a room: what another node said of somebody in it got lost.
func (s *Server) askAgain(r *room, out *Actions) {
	for _, c := range r.sides {
		if c != nil {
			s.announce(c, true, out)
		}
	}
}

// here takes that a side is on another node.
func (s *Server) here(r *room, f *far, ask bool, out *Actions) {
	own, old := r.sides[f.side], r.far[f.side]
	switch {
	case own != nil && r.at != nil:
		s.publish(r.topic, msgTaken, out, wire.AppendU64(wire.AppendU64(nil, f.node.id), f.conn))
		return
	case own != nil && newer(own.joined, s.cfg.Node, f.joined, f.node.id):
		s.announce(own, false, out) // so that the other is replaced
		return
	case old != nil && (old.node != f.node || old.conn != f.conn) && (r.at != nil || newer(old.joined, old.node.id, f.joined, f.node.id)):
		return
	}
	s.replace(r, f.side, out)
	same := old != nil && old.node == f.node && old.conn == f.conn
	s.lose(old)
	other := r.sides[1-f.side]
	if other == nil { // the last one here was replaced
		s.forget(r, out)
		return
	}
	r.far[f.side] = f
	f.at = f.node.sides.PushBack(f)
	s.nodes.far++
	if !same || ask {
		s.send(other, out, &wire.RelayFrame{Type: wire.RelayPeer, Present: true})
	}
	if ask {
		s.announce(other, false, out)
	}
}

// newer reports whether the first of two connections for a side is the newer one. Nodes' clocks need not agree better than a
// device needs to dial again.
func newer(joined Millis, node uint64, thanJoined Millis, thanNode uint64) bool {
	return joined > thanJoined || joined == thanJoined && node > thanNode
}

// lose forgets a side on another node and tells nobody.
func (s *Server) lose(f *far) {
	if f != nil && f.at != nil {
		f.node.sides.Remove(f.at)
		f.at, f.room.far[f.side] = nil, nil
		s.nodes.far--
	}
}

// gone is lose, and tells the other side; over: it left, which ends a mailbox.
func (s *Server) gone(f *far, over bool, out *Actions) {
	r := f.room
	s.lose(f)
	other := r.sides[1-f.side]
	if other == nil {
		return
	}
	s.send(other, out, &wire.RelayFrame{Type: wire.RelayPeer})
	if over && r.at != nil {
		s.forget(r, out)
		out.add(Close{other.id, closeNormal, OtherLeft})
		s.end(other, OtherLeft, out)
	}
}

// gap: something of f's may be lost. Both sides begin anew.
func (s *Server) gap(f *far, out *Actions) {
	s.stats.Gaps++
	r := f.room
	s.gone(f, false, out)
	if other := r.sides[1-f.side]; other != nil {
		s.announce(other, true, out)
	}
}

// linked: the way to the other nodes is interrupted, or whole again.
func (s *Server) linked(up bool, out *Actions) {
	if s.cfg.Node == 0 {
		return
	}
	for e := s.nodes.list.Front(); e != nil; e = e.Next() {
		n := e.Value.(*node)
		for e := n.sides.Front(); e != nil; e = n.sides.Front() {
			s.stats.Gaps++
			s.gone(e.Value.(*far), false, out)
		}
	}
	s.nodes.down = !up
	if !up {
		return
	}
	if s.nodes.spoken == 0 {
		s.nodes.began = s.clock.Now()
		out.add(Follow{s.cfg.Topics + nodesTopic})
		out.add(Follow{s.cfg.Topics + plateTopic})
	}
	s.sayAlive(out)
	s.announceAll(true, out)
}

// announceAll announces every connection again, or reminds of it.
func (s *Server) announceAll(all bool, out *Actions) {
	for e := s.joined.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*conn); all {
			s.announce(c, true, out)
		} else {
			s.remind(c, out)
		}
	}
}

func (s *Server) sayAlive(out *Actions) {
	s.nodes.spoken = s.clock.Now()
	s.publish(s.cfg.Topics+nodesTopic, msgAlive, out, wire.AppendU64(nil, s.clock.Now()-s.nodes.began))
}

// node is another node by its number. It counts as heard.
func (s *Server) node(id uint64) *node {
	n := s.nodes.all[id]
	if n == nil {
		n = &node{id: id, heard: s.clock.Now()}
		n.at = s.nodes.list.PushBack(n)
		s.nodes.all[id] = n
	}
	return n
}

// alive: a node is there. When it was there before and could not be heard, each may have missed what the other said.
func (s *Server) alive(id uint64, since Millis, out *Actions) {
	n := s.node(id)
	missed := !n.alive && since > newNode
	n.alive, n.heard = true, s.clock.Now()
	s.nodes.list.MoveToBack(n.at)
	if missed {
		s.announceAll(false, out)
	}
}

func (s *Server) tickNodes(out *Actions) {
	if s.cfg.Node == 0 {
		return
	}
	s.tickReminders(out)
	for e := s.nodes.list.Front(); e != nil && e.Value.(*node).heard+nodeDead <= s.clock.Now(); e = s.nodes.list.Front() {
		n := e.Value.(*node)
		s.nodes.list.Remove(e)
		delete(s.nodes.all, n.id)
		for e := n.sides.Front(); e != nil; e = n.sides.Front() {
			s.stats.Gaps++
			s.gone(e.Value.(*far), false, out)
		}
	}
	for e := s.nodes.list.Front(); e != nil; e = e.Next() {
		n := e.Value.(*node)
		for f := n.longestSilent(); f != nil && f.heard+s.sideSilence() <= s.clock.Now(); f = n.longestSilent() {
			s.stats.Gaps++
			s.gone(f, true, out)
		}
	}
	if s.nodes.spoken != 0 && s.nodes.spoken+aliveEvery <= s.clock.Now() && !s.nodes.down {
		s.sayAlive(out)
	}
}

func (s *Server) tickReminders(out *Actions) {
	for e := s.nodes.due.Front(); e != nil && e.Value.(reminder).at <= s.clock.Now(); e = s.nodes.due.Front() {
		if c := s.conns[s.nodes.due.Remove(e).(reminder).conn]; c != nil {
			c.reminded = false
			s.remind(c, out)
		}
	}
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}
