package relay

import (
	"container/list"
	"encoding/base64"

	"github.com/masqdev/masq/core/wire"
)

// Several nodes share channels by telling each other, on a topic for each channel, who is there and what was said. Each node looks
// after its own connections alone. What another node says is believed, but nothing rests on its arriving: DATA is numbered, and
// whatever may have been lost makes a gap, PEER{0} and then PEER{1}, behind which the two devices hand-shake anew.
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
	announceIn = 1_000 // ms until a connection with nobody on the other side is announced again; after that, at its pings
)

// nodes are the other nodes, as far as heard of.
type nodes struct {
	rooms  map[string]*room // those here, by topic
	all    map[uint64]*node
	list   list.List // *node, the one longest silent first
	far    int       // all their sides
	began  Millis    // when this node first let time pass
	spoken Millis    // when it last said that it is there; 0: it does not
	fresh  list.List // fresh, oldest first
	down   bool      // it cannot be heard
}

// fresh is a connection that has just joined and found nobody: two that join at the same time can miss each other.
type fresh struct {
	conn uint64
	at   Millis
}

type node struct {
	id    uint64
	alive bool // it has said so itself
	heard Millis
	at    *list.Element
	sides list.List // *far
}

// far is a side that is present on another node.
type far struct {
	node   *node
	conn   uint64
	side   uint8
	joined Millis
	next   uint32 // the number of its next DATA
	room   *room
	at     *list.Element // in node.sides
}

func (n *nodes) next(earliest func(Millis)) {
	if n.spoken != 0 && !n.down {
		earliest(n.spoken + aliveEvery)
	}
	if e := n.list.Front(); e != nil {
		earliest(e.Value.(*node).heard + nodeDead)
	}
	if e := n.fresh.Front(); e != nil {
		earliest(e.Value.(fresh).at)
	}
}

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
		s.nodes.fresh.PushBack(fresh{c.id, s.clock.Now() + announceIn})
	}
}

// announceIfAlone says again that c is here.
func (s *Server) announceIfAlone(c *conn, out *Actions) {
	if c != nil && c.room != nil && !c.room.present(1-c.side) {
		s.announce(c, true, out)
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
	switch kind {
	case msgHere:
		joined, next, ask := r.U64(), r.U32(), r.U8()
		if r.Done() == nil {
			s.here(room, &far{node: s.node(from), conn: id, side: side, joined: joined, next: next, room: room}, ask == 1, out)
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

// announceAll announces every connection again, or those alone that have nobody on the other side.
func (s *Server) announceAll(all bool, out *Actions) {
	for e := s.joined.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*conn); all {
			s.announce(c, true, out)
		} else {
			s.announceIfAlone(c, out)
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
	for e := s.nodes.fresh.Front(); e != nil && e.Value.(fresh).at <= s.clock.Now(); e = s.nodes.fresh.Front() {
		s.announceIfAlone(s.conns[s.nodes.fresh.Remove(e).(fresh).conn], out)
	}
	for e := s.nodes.list.Front(); e != nil && e.Value.(*node).heard+nodeDead <= s.clock.Now(); e = s.nodes.list.Front() {
		n := e.Value.(*node)
		s.nodes.list.Remove(e)
		delete(s.nodes.all, n.id)
		for e := n.sides.Front(); e != nil; e = n.sides.Front() {
			s.stats.Gaps++
			s.gone(e.Value.(*far), false, out)
		}
	}
	if s.nodes.spoken != 0 && s.nodes.spoken+aliveEvery <= s.clock.Now() && !s.nodes.down {
		s.sayAlive(out)
	}
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}
