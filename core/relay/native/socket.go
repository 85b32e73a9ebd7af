package native

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// socket is one WebSocket. One goroutine waits for what comes, and another takes its place while something comes. What is queued is
// written by whoever queued it, at the end of its turn, or by a goroutine if that would have to wait.
type socket struct {
	id     uint64
	stream *stream

	// The reader's alone.
	side   byte   // as its JOIN or PAIR says, for Tap
	parted bool   // a message has begun whose last piece has not come
	partOf opcode // what it is
	part   []byte // what has come of it
	rest   uint64 // bytes of a refused frame that are still to come
	// borrowed: the message at hand is in the stream's buffer, and from there until the turn is over.
	borrowed bool

	addr netip.Addr // only with LogAddresses

	// Guarded by Server.mu.
	holding
	from    *address
	joined  bool // only steps of its own reader change it, so that one need not lock to look
	queue   []message
	bytes   int           // in the queue and being written
	writing bool          // somebody writes, or will at the end of its turn
	turn    *turn         // who does, or will; nil: a goroutine
	closing bool          // its end is in the queue: nothing more goes in
	dead    bool          // nothing more can be written
	drained chan struct{} // closed when the queue has room again or the socket is dead; nil: nobody waits
}

func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, kind wire.RelayKind) {
	switch {
	case r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		s.refuse(w, notWebSocket)
		return
	case !hasSubprotocol(r):
		s.refuse(w, noSubprotocol)
		return
	}
	client := s.clientOf(r)
	s.mu.Lock()
	from := s.address(client)
	admitted := turnedAway
	full := s.opt.MaxSockets > 0 && len(s.sockets) >= s.opt.MaxSockets
	if !s.stopped && !full {
		admitted = from.admit(time.Now())
	}
	stopped := s.stopped
	guesses := kind == wire.NameplateKind && admitted == welcome && !from.opened.take(time.Now(), from.limits.NameplatesPerMinute)
	if admitted != turnedAway {
		s.wg.Add(1)
	}
	s.mu.Unlock()
	switch {
	case stopped:
		s.refuse(w, stopping)
	case full:
		s.refuse(w, tooManyHere)
	case admitted == turnedAway:
		s.refuse(w, tooManyWaiting)
	default:
		k := &socket{from: from}
		if s.opt.LogAddresses {
			k.addr = client
		}
		if !s.hijack(k, w, r) {
			s.mu.Lock()
			from.leave(false)
			s.mu.Unlock()
			s.wg.Done()
			return
		}
		refuse := relay.Left // nothing against it
		switch {
		case admitted == crowded:
			refuse = relay.Crowd
		case guesses:
			refuse = relay.Guesses
		}
		s.open(k, relay.Open{Path: r.URL.Path, Host: r.Host}, refuse)
		// A goroutine of its own lets go of all that net/http keeps for a request.
		go s.await(k)
	}
}

func hasSubprotocol(r *http.Request) bool {
	for p := range strings.SplitSeq(r.Header.Get("Sec-WebSocket-Protocol"), ",") {
		if strings.TrimSpace(p) == wire.Subprotocol {
			return true
		}
	}
	return false
}

// hijack takes the connection over from net/http and answers the WebSocket handshake.
func (s *Server) hijack(k *socket, w http.ResponseWriter, r *http.Request) bool {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.refuse(w, notHijackable)
		return false
	}
	if buffered.Reader.Buffered() == 0 { // else it spoke before the handshake was answered
		if _, err = s.upgrader.UpgradeFromConn(conn, nil, r); err == nil {
			k.stream = newStream(conn, &s.limits)
			return true
		}
	}
	s.refused[notHijackable].Add(1)
	conn.Close()
	return false
}

// open numbers a socket and tells the core of it.
func (s *Server) open(k *socket, open relay.Open, refuse relay.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	k.id, open.Conn = s.last, s.last
	s.sockets[k.id] = k
	s.stepLocked(open)
	if refuse != relay.Left {
		s.stepLocked(relay.Fail{Conn: k.id, Reason: refuse})
	}
}

// gone forgets a socket.
func (s *Server) gone(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill(k)
	s.stepLocked(relay.Closed{Conn: k.id})
	k.from.leave(k.joined)
	delete(s.sockets, k.id)
}

// step lets the core take a frame of k's, with the body that it is in, if any. When that has filled a queue up to its allowance, it
// waits: k is not read until there is room, which is how a slow receiver slows its sender down.
func (s *Server) step(k *socket, f relay.Frame, lent *body) {
	s.mu.Lock()
	s.holdRead(k, 0)
	s.frame, s.lent, s.turn, s.borrowed = f, lent, k.stream.turn, k.borrowed
	s.stepAt(k.stream.readAt, &s.frame)
	s.frame, s.lent, s.turn, s.borrowed = relay.Frame{}, nil, nil, false
	full := s.full
	s.relieve()
	s.mu.Unlock()
	if full != nil {
		k.stream.turn.flush()
		s.waitFor(full, k)
	}
}

// stepLocked lets the core take an event. Call it with mu held.
func (s *Server) stepLocked(ev relay.Event) { s.stepAt(nowMillis(), ev) }

func (s *Server) stepAt(now uint64, ev relay.Event) {
	s.full = nil
	s.core.Step(now, ev, &s.out)
	for _, a := range s.out.List {
		switch a := a.(type) {
		case *relay.Send:
			m := message{op: opBinary, data: a.Data}
			if s.lent.holds(a.Data) {
				m.lent, s.lent = s.lent, nil
			}
			s.push(s.sockets[a.Conn], m)
		case relay.SendText:
			s.push(s.sockets[a.Conn], message{op: opText, data: []byte(a.Text)})
		case relay.Close:
			k := s.sockets[a.Conn]
			s.push(k, message{op: opClose, code: a.Code})
			if k != nil && k.addr.IsValid() {
				s.log.Info("closed a connection", "address", k.addr, "reason", a.Reason)
			}
		case relay.Joined:
			if k := s.sockets[a.Conn]; k != nil && !k.joined {
				k.joined = true
				k.from.join()
			}
		case relay.Reserved:
			s.reserved(a)
		case relay.Follow, relay.Unfollow, *relay.Publish:
			s.bus.push(a)
		}
	}
	s.out.Reset()
}
