package native

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/masqdev/masq/core/relay"
)

// message is a frame to write; when it is a close frame, code goes with it.
type message struct {
	op   opcode
	code uint16
	data []byte
	lent *body // what data is in; nil: in memory of its own
}

// size is the memory that a message takes in the queue, the queue's own included.
func (m message) size() int {
	if m.lent != nil {
		return len(m.lent) + 64
	}
	return len(m.data) + 64
}

// queues are empty queues with room, for sockets that have none: an idle one needs none.
type queues [][]message

const (
	queuesKept = 64
	queueRoom  = 128 // messages
)

func (q *queues) take() []message {
	last := len(*q) - 1
	if last < 0 {
		return nil
	}
	empty := (*q)[last]
	*q = (*q)[:last]
	return empty
}

func (q *queues) put(empty []message) {
	if n := cap(empty); n > 0 && n <= queueRoom && len(*q) < queuesKept {
		*q = append(*q, empty[:0])
	}
}

// batch is what the kernel gets in one write.
type batch struct {
	messages []message
	size     int // as counted in the queue
	frames   []byte
	last     bool  // the last frame is a close frame
	alone    *body // the only message is in it, and is written from there
}

// batchSize is the size of a batch at most, unless one message alone is larger.
const batchSize = 64 << 10

var batches = sync.Pool{New: func() any { return new(batch) }}

// push queues a message. Call it with mu held.
func (s *Server) push(k *socket, m message) {
	if k == nil || k.closing {
		return
	}
	if m.op == opClose {
		k.closing = true
		close(k.stream.done)
	}
	if !k.writing && s.turn != nil && k.stream.raw != nil {
		k.turn = s.turn
		s.turn.receivers = append(s.turn.receivers, k)
	}
	if s.borrowed && (k.turn == nil || k.turn != s.turn) {
		m.data = bytes.Clone(m.data) // who writes it may do so after the turn
	}
	if k.queue == nil {
		k.queue = s.queues.take()
	}
	k.queue = append(k.queue, m)
	k.bytes += m.size()
	s.hold(k, m.size())
	if s.blocks(k) {
		s.full = k
	}
	if k.writing {
		return
	}
	k.writing = true
	s.wg.Add(1)
	if k.turn == nil {
		go s.write(k, new(batch), nil)
	}
}

// write writes what is left of b's frames, then what is queued, and ends. As it may wait for long, it keeps little more memory than
// counts for k.
func (s *Server) write(k *socket, b *batch, left []byte) {
	defer s.wg.Done()
	for len(left) > 0 || s.next(k, b) {
		if len(left) == 0 {
			if cap(b.frames) > 2*b.size {
				b.frames = nil
			}
			left = b.encode()
		}
		err := k.stream.write(left)
		left = nil
		switch {
		case err != nil:
			s.writeFailed(k, err)
		case b.last:
			k.stream.saidLast()
		}
	}
}

// next takes a batch from the queue, false if there is none. What b had before is written.
func (s *Server) next(k *socket, b *batch) bool {
	b.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !k.dead {
		k.bytes -= b.size
		k.took += b.size
		s.hold(k, -b.size)
	}
	if b.size = 0; !s.blocks(k) {
		k.wake()
	}
	if len(k.queue) == 0 {
		s.queues.put(k.queue)
		k.queue, k.writing, k.turn = nil, false, nil
		return false
	}
	n := 0
	for ; n < len(k.queue) && (n == 0 || b.size+k.queue[n].size() <= batchSize); n++ {
		b.size += k.queue[n].size()
	}
	if n == len(k.queue) {
		b.messages, k.queue = k.queue, b.messages // which is empty, and has room for what comes while this is written
	} else {
		b.messages = append(b.messages, k.queue[:n]...)
		k.queue = slices.Delete(k.queue, 0, n)
	}
	return true
}

// encode makes frames of the messages, which it lets go. They are to be written before release.
func (b *batch) encode() []byte {
	defer func() { clear(b.messages); b.messages = b.messages[:0] }()
	if b.last = false; cap(b.frames) < b.size {
		b.frames = make([]byte, 0, b.size)
	}
	b.frames = b.frames[:0]
	if m := b.messages[0]; len(b.messages) == 1 && m.lent != nil {
		b.alone = m.lent
		return m.lent.frame(len(m.data))
	}
	for _, m := range b.messages {
		if b.last = m.op == opClose; b.last {
			b.frames = appendClose(b.frames, m.code)
		} else {
			b.frames = appendFrame(b.frames, m.op, m.data)
			m.lent.giveBack()
		}
	}
	return b.frames
}

// remainder takes what is left of b's frames out of b, with all that is known of them, into as much memory as they need.
func (b *batch) remainder(left []byte) (*batch, []byte) {
	rest := &batch{size: b.size, last: b.last, alone: b.alone}
	if b.size, b.alone = 0, nil; rest.alone == nil {
		left = bytes.Clone(left)
	}
	return rest, left
}

// release gives back what encode's frames are in. Once more does no harm.
func (b *batch) release() {
	b.alone.giveBack()
	b.alone = nil
}

// writeFailed drops a socket.
func (s *Server) writeFailed(k *socket, err error) {
	s.mu.Lock()
	if errors.Is(err, os.ErrDeadlineExceeded) { // and it cannot be told, as it takes nothing
		s.stepLocked(relay.Fail{Conn: k.id, Reason: relay.Slow})
	}
	s.kill(k)
	s.mu.Unlock()
	k.stream.abort() // the reader ends
}

// kill ends all writing to a socket. Call it with mu held.
func (s *Server) kill(k *socket) {
	if !k.closing {
		k.closing = true
		close(k.stream.done)
	}
	s.hold(k, -k.held)
	k.dead, k.queue, k.bytes = true, nil, 0
	k.wake()
}

// waitFor waits until full has room or either of the two ends. Call it from k's reader.
func (s *Server) waitFor(full, k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.blocks(full) {
		return
	}
	read := len(k.stream.in.buf)
	s.hold(full, read)
	s.relieve()
	for ended := false; !ended && s.blocks(full); {
		ended = s.waitOnce(full, k)
	}
	s.hold(full, -read)
}

// blocks reports whether more is queued for k than may be. Call it with mu held.
func (s *Server) blocks(k *socket) bool { return !k.dead && k.bytes > s.allowance(k) }

// waitOnce waits until it is worth to look again, without mu, which it finds and leaves held. It reports whether k has ended.
func (s *Server) waitOnce(full, k *socket) (ended bool) {
	if full.drained == nil {
		full.drained = make(chan struct{})
	}
	drained := full.drained
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-drained:
		return false
	case <-k.stream.done:
		return true
	}
}

// wake lets go of who waits for room. Call it with mu held.
func (k *socket) wake() {
	if k.drained != nil {
		close(k.drained)
		k.drained = nil
	}
}
