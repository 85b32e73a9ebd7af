package native

import (
	"bytes"
	"sync"
)

// turn is what one reader does between two times that it may have to wait: it takes what has come, and then writes to those that
// it had something for, to each in one write. Whoever can be written to at once costs no goroutine so; for the others one goes on.
type turn struct {
	s         *Server
	receivers []*socket // who had nothing queued before; their writing is true and this turn's to end
	batch     *batch    // nil: it writes nothing just now
	bus       *bus      // what is queued for other nodes is this turn's to send; nil: it is not

	// What control does: it writes what is taken of frames at once.
	frames  []byte
	written int
	control func(fd uintptr)
}

var turns = sync.Pool{New: func() any {
	t := new(turn)
	t.control = func(fd uintptr) { t.written = writeNow(fd, t.frames) }
	return t
}}

func (s *Server) beginTurn() *turn {
	t := turns.Get().(*turn)
	t.s = s
	return t
}

// end writes what there is and gives t back.
func (t *turn) end() {
	t.flush()
	t.s = nil
	turns.Put(t)
}

// flush writes what there is. Call it before anything that may wait, and not with mu held.
func (t *turn) flush() {
	if t == nil {
		return
	}
	for i, k := range t.receivers {
		t.receivers[i] = nil
		t.write(k)
	}
	t.receivers = t.receivers[:0]
	if t.batch != nil { // which is large, and what follows may take long
		batches.Put(t.batch)
		t.batch = nil
	}
	if b := t.bus; b != nil {
		t.bus = nil
		b.sendOnce()
	}
}

// write writes what is queued for k, and leaves to a goroutine what is not taken at once. An error too: it will meet it again.
func (t *turn) write(k *socket) {
	if t.batch == nil {
		t.batch = batches.Get().(*batch)
	}
	for t.s.next(k, t.batch) {
		t.frames, t.written = t.batch.encode(), 0
		k.stream.raw.Control(t.control) // of errors it says nothing
		if left := t.frames[t.written:]; len(left) > 0 {
			t.leave(k)
			b, left := t.batch.remainder(left)
			go t.s.write(k, b, left)
			return
		}
		if t.batch.last {
			k.stream.saidLast()
		}
	}
	t.s.wg.Done()
}

// leave has another write what is queued for k: of what is borrowed it gets copies.
func (t *turn) leave(k *socket) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	k.turn = nil
	for i, m := range k.queue {
		if m.lent == nil {
			k.queue[i].data = bytes.Clone(m.data)
		}
	}
}
