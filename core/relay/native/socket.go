package native

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// socket is one WebSocket. One goroutine reads it, and another writes while its queue holds something.
type socket struct {
	id     uint64
	ws     *gws.Conn
	stream *stream

	// The reader's alone.
	side     byte // as its JOIN or PAIR says, for Tap
	handling bool // what was read is being handled

	addr netip.Addr // only with LogAddresses

	// Guarded by Server.mu.
	from    *address
	joined  bool
	queue   []message
	bytes   int           // in the queue and being written
	writing bool          // a goroutine writes
	closing bool          // its end is in the queue: nothing more goes in
	dead    bool          // nothing more can be written
	drained chan struct{} // closed when the queue has room again or the socket is dead; nil: nobody waits
}

// message is a frame to write; when it is a close frame, code goes with it.
type message struct {
	op   gws.Opcode
	data []byte
	code uint16
}

// size is what a message counts for in the queue, the queue's own memory included.
func (m message) size() int { return len(m.data) + 64 }

// session leads from a gws.Conn to its socket.
type session struct {
	gws.SessionStorage // none: only the field is used
	socket             *socket
}

type quiet struct{}

func (quiet) Error(...any) {}

// readBuffer is small because there is one for each idle connection; a large frame is read past it.
const readBuffer = 2 << 10

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
		// A goroutine of its own lets go of all that net/http keeps for a request.
		go s.run(k, relay.Open{Path: r.URL.Path, Host: r.Host}, refuse)
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
	k.stream = &stream{Conn: conn, limits: s.limits, done: make(chan struct{}), fault: func(why relay.Reason) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stepLocked(relay.Fail{Conn: k.id, Reason: why})
	}}
	if buffered.Reader.Buffered() == 0 { // else it spoke before the handshake was answered
		k.ws, err = s.upgrader.UpgradeFromConn(k.stream, bufio.NewReaderSize(k.stream, readBuffer), r)
		if err == nil {
			k.ws.Session().(*session).socket = k
			return true
		}
	}
	s.refused[notHijackable].Add(1)
	conn.Close()
	return false
}

// run is a socket's whole life.
func (s *Server) run(k *socket, open relay.Open, refuse relay.Reason) {
	defer s.wg.Done()
	defer k.stream.Conn.Close()
	defer s.gone(k)
	defer func() {
		// The WebSocket package panics at a frame whose length is negative; that must not end the others. A panic of
		// our own, while handling, goes on.
		if !k.handling && recover() != nil {
			s.log.Debug("dropped a connection with a frame of negative length")
		}
	}()
	s.mu.Lock()
	s.last++
	k.id, open.Conn = s.last, s.last
	s.sockets[k.id] = k
	s.stepLocked(open)
	if refuse != relay.Left {
		s.stepLocked(relay.Fail{Conn: k.id, Reason: refuse})
	}
	s.mu.Unlock()

	k.ws.ReadLoop()
	io.Copy(io.Discard, k.stream.Conn) // until the other end closes too, or lingerTimeout
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

// kill ends all writing to a socket. Call it with mu held.
func (s *Server) kill(k *socket) {
	if !k.closing {
		k.closing = true
		close(k.stream.done)
	}
	k.dead, k.queue, k.bytes = true, nil, 0
	k.wake()
}

// step lets the core take an event of k's. When that has filled a queue, it waits: k is not read until there is
// room, which is how a slow receiver slows its sender down.
func (s *Server) step(k *socket, ev relay.Event) {
	s.mu.Lock()
	s.stepLocked(ev)
	full := s.full
	s.mu.Unlock()
	if full != nil {
		s.waitFor(full, k)
	}
}

// stepLocked is step with mu held and without waiting.
func (s *Server) stepLocked(ev relay.Event) {
	s.full = nil
	s.core.Step(nowMillis(), ev, &s.out)
	for _, a := range s.out.List {
		switch a := a.(type) {
		case relay.Send:
			s.push(s.sockets[a.Conn], message{op: gws.OpcodeBinary, data: a.Data})
		case relay.SendText:
			s.push(s.sockets[a.Conn], message{op: gws.OpcodeText, data: []byte(a.Text)})
		case relay.Close:
			k := s.sockets[a.Conn]
			s.push(k, message{op: gws.OpcodeCloseConnection, code: a.Code})
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
		case relay.Follow, relay.Unfollow, relay.Publish:
			s.bus.push(a)
		}
	}
	s.out.Reset()
}

// push queues a message. Call it with mu held.
func (s *Server) push(k *socket, m message) {
	if k == nil || k.closing {
		return
	}
	if m.op == gws.OpcodeCloseConnection {
		k.closing = true
		close(k.stream.done)
	}
	k.queue = append(k.queue, m)
	k.bytes += m.size()
	if k.bytes > int(s.limits.QueueBytes) {
		s.full = k
	}
	if !k.writing {
		k.writing = true
		s.wg.Add(1)
		go s.write(k)
	}
}

// write writes what is queued and ends.
func (s *Server) write(k *socket) {
	defer s.wg.Done()
	for {
		m, ok := s.next(k)
		if !ok {
			return
		}
		var err error
		if m.op == gws.OpcodeCloseConnection {
			err = k.ws.WriteClose(m.code, nil)
		} else {
			err = k.ws.WriteMessage(m.op, m.data)
		}
		s.mu.Lock()
		if k.bytes -= m.size(); k.dead {
			k.bytes = 0
		}
		if k.bytes <= int(s.limits.QueueBytes) {
			k.wake()
		}
		s.mu.Unlock()
		if err != nil {
			s.writeFailed(k, err)
		}
	}
}

// next takes the first message of the queue, false if there is none.
func (s *Server) next(k *socket) (message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(k.queue) == 0 {
		k.queue, k.writing = nil, false
		return message{}, false
	}
	m := k.queue[0]
	k.queue[0] = message{}
	k.queue = k.queue[1:]
	return m, true
}

// writeFailed drops a socket.
func (s *Server) writeFailed(k *socket, err error) {
	s.mu.Lock()
	s.kill(k)
	s.mu.Unlock()
	if !errors.Is(err, gws.ErrConnClosed) { // then it is closing already
		k.stream.Conn.Close() // the reader ends
	}
}

// waitFor waits until full has room or either of the two ends.
func (s *Server) waitFor(full, k *socket) {
	for {
		s.mu.Lock()
		if full.dead || full.bytes <= int(s.limits.QueueBytes) {
			s.mu.Unlock()
			return
		}
		if full.drained == nil {
			full.drained = make(chan struct{})
		}
		drained := full.drained
		s.mu.Unlock()
		select {
		case <-drained:
		case <-k.stream.done:
			return
		}
	}
}

// wake lets go of who waits for room. Call it with mu held.
func (k *socket) wake() {
	if k.drained != nil {
		close(k.drained)
		k.drained = nil
	}
}

// handler takes what the WebSocket package reads.
type handler struct{ s *Server }

func (handler) OnOpen(*gws.Conn)         {}
func (handler) OnClose(*gws.Conn, error) {}
func (handler) OnPong(*gws.Conn, []byte) {}

func (h handler) OnPing(ws *gws.Conn, payload []byte) {
	k := ws.Session().(*session).socket
	k.handling = true
	h.s.mu.Lock()
	h.s.full = nil
	h.s.push(k, message{op: gws.OpcodePong, data: payload})
	full := h.s.full
	h.s.mu.Unlock()
	if full != nil {
		h.s.waitFor(full, k)
	}
	k.handling = false
}

func (h handler) OnMessage(ws *gws.Conn, m *gws.Message) {
	k := ws.Session().(*session).socket
	k.handling = true
	data := bytes.Clone(m.Bytes()) // the package uses its buffer again
	text := m.Opcode == gws.OpcodeText
	m.Close()
	if h.s.opt.Tap != nil && !text && len(data) > 1 {
		data = h.s.tap(k, data)
	}
	h.s.step(k, relay.Frame{Conn: k.id, Data: data, Text: text})
	k.handling = false
}

func (s *Server) tap(k *socket, data []byte) []byte {
	switch wire.RelayType(data[0]) {
	case wire.RelayJoin, wire.RelayPair:
		k.side = data[1]
	case wire.RelayData:
		return append(data[:1:1], s.opt.Tap(k.side, data[1:])...)
	}
	return data
}
