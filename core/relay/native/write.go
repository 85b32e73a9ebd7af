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

// size is what a message counts for in the queue, the queue's own memory included.
func (m message) size() int { return len(m.data) + 64 }

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
	if k.bytes > int(s.limits.QueueBytes) {
		s.full = k
	}
	if k.writing {
		return
	}
	k.writing = true
	s.wg.Add(1)
	if k.turn == nil {
		go s.write(k, batches.Get().(*batch), nil)
	}
}

// write writes what is left of b's frames, then what is queued, and ends.
func (s *Server) write(k *socket, b *batch, left []byte) {
	defer s.wg.Done()
	for len(left) > 0 || s.next(k, b) {
		if len(left) == 0 {
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
	batches.Put(b)
}

// next takes a batch from the queue, false if there is none. What b had before is written.
func (s *Server) next(k *socket, b *batch) bool {
	b.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.bytes -= b.size; k.dead {
		k.bytes = 0
	}
	if b.size = 0; k.bytes <= int(s.limits.QueueBytes) {
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
	b.last, b.frames = false, b.frames[:0]
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
	k.stream.Conn.Close() // the reader ends
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
