package native

import (
	"errors"
	"io"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// await waits until something has come for a socket and ends. While a socket is idle its memory is for the most part this goroutine's
// stack, which has to stay at its smallest: whatever goes deep happens in read.
func (s *Server) await(k *socket) {
	if k.stream.await() != nil {
		s.finish(k)
		return
	}
	select {
	case s.come <- k:
	default:
		go s.read(k)
	}
}

// reader reads sockets that something has come for, one after the other. Its stack has grown to what that takes; a new goroutine's
// has to each time. There are some for each core, as reading seldom waits.
func (s *Server) reader(stop <-chan struct{}) {
	for {
		select {
		case k := <-s.come:
			s.read(k)
		case <-stop:
			return
		}
	}
}

// read takes what has come, up to the end of a frame, and leaves the socket to await again.
func (s *Server) read(k *socket) {
	t := s.beginTurn()
	k.stream.turn = t
	k.stream.pace(k.stream.buffered())
	var err error
	for err == nil && k.stream.buffered() > 0 {
		err = s.readFrame(k)
	}
	if err != nil {
		s.broken(k, err)
	}
	k.stream.turn = nil
	t.end()
	if err == errTooBig || err == errEarly {
		k.stream.linger(k.rest)
	}
	if err != nil {
		s.finish(k)
		return
	}
	k.stream.rest()
	go s.await(k)
}

var (
	errTooBig = errors.New("a message over the limit")
	errEarly  = errors.New("a message, before JOIN, that is longer than one")
	errClosed = errors.New("a close frame")
)

// readFrame reads one frame and handles the message that it ends.
func (s *Server) readFrame(k *socket) error {
	s.begun(k, 2, 0)
	b, err := k.stream.peek(2)
	if err != nil {
		return err
	}
	s.begun(k, headSize(b), 0)
	if b, err = k.stream.peek(headSize(b)); err != nil {
		return err
	}
	h, err := parseHead(b)
	k.stream.skip(len(b))
	switch {
	case err != nil:
		return err
	case h.op.isControl():
	case h.size > uint64(s.limits.FrameBytes)-uint64(len(k.part)):
		k.rest = h.size
		return errTooBig
	case !k.joined && h.size+uint64(len(k.part)) > wire.MaxJoin:
		k.rest = h.size
		return errEarly // by its head: nothing is kept or unmasked for a stranger
	}
	var lent *body
	var data []byte
	k.borrowed = h.fin && h.op != opContinuation && h.size <= uint64(k.stream.buffered())
	switch {
	case k.borrowed:
		data = k.stream.take(int(h.size))
	case h.fin && h.op == opBinary && h.size > lendOver:
		s.begun(k, int(h.size), len(body{}))
		lent = bodies.Get().(*body)
		data = lent.data(int(h.size))
	default:
		s.begun(k, int(h.size), int(h.size))
		data = make([]byte, h.size)
	}
	if !k.borrowed {
		if err := k.stream.readFull(data); err != nil {
			return err
		}
	}
	unmask(data, h.mask)
	if h.op.isControl() {
		return s.control(k, h.op, data)
	}
	return s.piece(k, h, data, lent)
}

// begun counts what k's frame is read into, that much and the buffer, if not all of its next n bytes have come: it may be long before
// they do.
func (s *Server) begun(k *socket, n, into int) {
	if n <= k.stream.buffered() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holdRead(k, len(k.stream.in.buf)+len(k.part)+into)
	s.relieve()
}

// piece handles a frame that is a message or a piece of one.
func (s *Server) piece(k *socket, h head, data []byte, lent *body) error {
	if first := h.op != opContinuation; first == k.parted {
		return errProtocol
	} else if first {
		k.partOf = h.op
	} else {
		data = append(k.part, data...)
	}
	if k.parted = !h.fin; k.parted {
		k.part = data
		return nil
	}
	k.part = nil
	s.message(k, data, k.partOf == opText, lent)
	return nil
}

func (s *Server) message(k *socket, data []byte, text bool, lent *body) {
	if s.opt.Tap != nil && !text && len(data) > 1 {
		data = s.tap(k, data)
	}
	s.step(k, relay.Frame{Conn: k.id, Data: data, Text: text}, lent)
}

func (s *Server) control(k *socket, op opcode, data []byte) error {
	answer := message{op: opPong, data: data}
	switch op {
	case opPong:
		return nil
	case opClose:
		answer = message{op: opClose, code: closeAnswer(data)}
	}
	s.mu.Lock()
	s.holdRead(k, len(k.part))
	s.full, s.turn, s.borrowed = nil, k.stream.turn, k.borrowed
	s.push(k, answer)
	s.turn, s.borrowed = nil, false
	full := s.full
	s.relieve()
	s.mu.Unlock()
	switch {
	case op == opClose:
		return errClosed
	case full != nil:
		k.stream.turn.flush()
		s.waitFor(full, k)
	}
	return nil
}

// broken says why a socket is not read any more, unless it ended by itself.
func (s *Server) broken(k *socket, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch err {
	case errTooBig:
		s.stepLocked(relay.Fail{Conn: k.id, Reason: relay.TooBig})
	case errEarly:
		s.stepLocked(relay.Fail{Conn: k.id, Reason: relay.BadFrame})
	case errProtocol:
		s.push(k, message{op: opClose, code: closeProtocol})
	}
}

// finish ends a socket.
func (s *Server) finish(k *socket) {
	k.stream.heardLast()
	io.Copy(io.Discard, k.stream.Conn) // until the other end closes too, or lingerTimeout
	s.gone(k)
	k.stream.Conn.Close()
	s.wg.Done()
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
