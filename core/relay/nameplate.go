package relay

import (
	"container/list"
	"io"

	"github.com/masqdev/masq/core/wire"
)

// A nameplate is a mailbox's short name, for codes that people type. To reserve one is only to see to it that nobody else is
// given the same for a minute; whoever opens it has it for as long as any mailbox lives.
const (
	plateLife = 60_000  // ms that a nameplate is reserved
	plateWait = 200     // ms in which another node can object
	plateMost = 100_000 // reserved at once
	plateRoom = 1024    // so many times as many nameplates there are as are in use, so that a guess rarely meets one
)

// plates are the nameplates that are reserved, and those that are asked of the other nodes.
type plates struct {
	reserved map[string]*list.Element
	list     list.List // plate, oldest first
	claims   list.List // *claim, oldest first
}

type plate struct {
	name string
	born Millis
}

// claim is a nameplate that another node may still object to.
type claim struct {
	id    uint64
	name  string
	since Millis
}

func (p *plates) next(earliest func(Millis)) {
	if e := p.list.Front(); e != nil {
		earliest(e.Value.(plate).born + plateLife)
	}
	if e := p.claims.Front(); e != nil {
		earliest(e.Value.(*claim).since + plateWait)
	}
}

func (s *Server) reserve(ev Reserve, out *Actions) {
	if s.drain != nil || s.plates.list.Len()+s.plates.claims.Len() >= plateMost {
		out.add(Reserved{ID: ev.ID})
		return
	}
	name, ok := s.drawPlate()
	switch {
	case !ok:
		out.add(Reserved{ID: ev.ID})
	case s.cfg.Node == 0:
		s.givePlate(ev.ID, name, out)
	default:
		s.plates.claims.PushBack(&claim{ev.ID, name, s.clock.Now()})
		s.publish(s.cfg.Topics+plateTopic, msgClaim, out, []byte(name))
	}
}

// drawPlate draws a nameplate that is free here.
func (s *Server) drawPlate() (string, bool) {
	length, all := wire.NameplateMin, 1<<(5*wire.NameplateMin)
	inUse := s.plates.list.Len() + s.plates.claims.Len() + s.mailboxes.Len()
	for all < inUse*plateRoom && length < wire.NameplateMax {
		length, all = length+1, all<<5
	}
	for range 32 {
		b := make([]byte, length)
		if _, err := io.ReadFull(s.cfg.Rand, b); err != nil {
			return "", false
		}
		for i := range b {
			b[i] = wire.NameplateSymbols[b[i]&31]
		}
		if name := string(b); !s.plateTaken(name) && s.claimOf(name) == nil {
			return name, true
		}
	}
	return "", false
}

func (s *Server) plateTaken(name string) bool {
	return s.plates.reserved[name] != nil || s.rooms[roomKey(wire.NameplateKind, name)] != nil
}

func (s *Server) claimOf(name string) *list.Element {
	for e := s.plates.claims.Front(); e != nil; e = e.Next() {
		if e.Value.(*claim).name == name {
			return e
		}
	}
	return nil
}

func (s *Server) givePlate(id uint64, name string, out *Actions) {
	s.plates.reserved[name] = s.plates.list.PushBack(plate{name, s.clock.Now()})
	out.add(Reserved{id, name})
}

// plateClaimed returns another node that wants a nameplate. Of two that want the same at once the higher number has it.
func (s *Server) plateClaimed(by uint64, name string, out *Actions) {
	mine := s.claimOf(name)
	switch {
	case s.plateTaken(name), mine != nil && s.cfg.Node > by:
		s.publish(s.cfg.Topics+plateTopic, msgObject, out, []byte(name))
	case mine != nil:
		s.redraw(mine, out)
	}
}

// redraw asks for another nameplate in the place of one that is taken elsewhere.
func (s *Server) redraw(e *list.Element, out *Actions) {
	c := s.plates.claims.Remove(e).(*claim)
	s.reserve(Reserve{c.id}, out)
}

func (s *Server) tickPlates(out *Actions) {
	for e := s.plates.claims.Front(); e != nil && e.Value.(*claim).since+plateWait <= s.clock.Now(); e = s.plates.claims.Front() {
		c := s.plates.claims.Remove(e).(*claim)
		s.givePlate(c.id, c.name, out)
	}
	for e := s.plates.list.Front(); e != nil && e.Value.(plate).born+plateLife <= s.clock.Now(); e = s.plates.list.Front() {
		delete(s.plates.reserved, s.plates.list.Remove(e).(plate).name)
	}
}
