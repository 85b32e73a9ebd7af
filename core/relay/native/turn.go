package native

import "sync"

// turn is what one reader does between two times that it may have to wait: it takes what has come, and then writes to those that
// it had something for, to each in one write. Whoever can be written to at once costs no goroutine so; for the others one goes on.
type turn struct {
	s         *Server
	receivers []*socket // who had nothing queued before; their writing is true and this turn's to end
	batch     *batch
}

var turns = sync.Pool{New: func() any { return new(turn) }}

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
}

// write writes what is queued for k, and leaves to a goroutine what is not taken at once. An error too: it will meet it again.
func (t *turn) write(k *socket) {
	if t.batch == nil {
		t.batch = batches.Get().(*batch)
	}
	for t.s.next(k, t.batch) {
		frames := t.batch.encode()
		if n := k.stream.writeNow(frames); n < len(frames) {
			go t.s.write(k, t.batch, frames[n:])
			t.batch = nil
			return
		}
		if t.batch.last {
			k.stream.finish()
		}
	}
	t.s.wg.Done()
}
