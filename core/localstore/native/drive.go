package native

import (
	"crypto/tls"
	"sync"
	"time"

	"github.com/masqdev/masq/core/localstore"
	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
)

// driveOptions say what is driven, and with what.
type driveOptions struct {
	// Step lets the machine take in events that happened at once, in their order, and returns what is to be done by calls of
	// act. An event is one of package peer's, or one that was handed to put. One goroutine calls it.
	Step func(now peer.Millis, events []any, act func(action any))
	// Other carries out the actions that are not the drive's, peer.Failed among them, in order. It is called inside of Step
	// and must not block, nor call put or close.
	Other func(action any)
	Store storage.Store          // the drive closes it
	Disk  func(bytes uint64) any // the event that says how large Store is now; nil: none
	TLS   *tls.Config            // for Sync Servers; nil: whom the system trusts
}

// What waits to be taken in is bounded: whoever has more waits.
const (
	maxEvents     = 4096
	maxEventBytes = 16 << 20
)

// maxWait is how long a timer runs at most. It goes by a clock that stands still while the computer sleeps; a Tick too
// many does no harm.
const maxWait = time.Minute

// drive carries out what a state machine over package peer asks for: connections to Sync Servers, storage and time, and
// hands back what comes of it. The machine runs on one goroutine, storage on another, and each connection on its own.
//
//	d, err := startDrive(driveOptions{...})
//	d.put(event, size) // from any goroutine
//	d.close()
type drive struct {
	opt   driveOptions
	jobs  jobs
	conns map[uint32]*conn // the loop's alone
	timer *time.Timer      // the loop's alone

	running sync.WaitGroup // the loop
	storing sync.WaitGroup // the goroutine of storage
	talking sync.WaitGroup // those of connections

	mu     sync.Mutex // guards all below
	room   *sync.Cond // there is room again, or events wait, or closed was set
	events []any
	bytes  int                // of events
	turns  turns              // of clients
	links  map[*link]struct{} // of connections that stand
	closed bool
}

// startDrive starts the machine on what storage lists.
func startDrive(opt driveOptions) (*drive, error) {
	ids, err := opt.Store.List()
	if err != nil {
		opt.Store.Close()
		return nil, err
	}
	d := &drive{opt: opt, conns: map[uint32]*conn{}, links: map[*link]struct{}{}}
	d.room = sync.NewCond(&d.mu)
	d.jobs.more = sync.NewCond(&d.jobs.mu)
	d.timer = time.AfterFunc(time.Hour, func() { d.tell(peer.Tick{}) })
	d.timer.Stop()
	d.tell(peer.Start{Blocks: ids})
	d.tellRoom(false)
	d.jobs.add(d.size())
	d.storing.Go(d.jobs.run)
	d.running.Go(d.run)
	return d, nil
}

// put hands an event of about size bytes to the machine, and waits while too much waits before it. It reports whether the
// drive still runs.
func (d *drive) put(event any, size int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for !d.closed && len(d.events) > 0 && (len(d.events) >= maxEvents || d.bytes+size > maxEventBytes) {
		d.room.Wait()
	}
	return d.add(event, size)
}

// putFor is put for an event of a client, which waits for its party's turn.
func (d *drive) putFor(party string, client uint32, event any, size int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for !d.closed && !d.turns.fits(party, client, size) {
		d.room.Wait()
	}
	if !d.closed {
		d.turns.add(party, client, event, size)
		d.room.Broadcast()
	}
	return !d.closed
}

// tell hands over an event that cannot wait, because what it follows from was asked for by the machine.
func (d *drive) tell(event any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(event, 0)
}

// add is called with mu held.
func (d *drive) add(event any, size int) bool {
	if !d.closed {
		d.events = append(d.events, event)
		d.bytes += size
		d.room.Broadcast()
	}
	return !d.closed
}

// take waits for events and takes all of the machine's own, and of clients one turn each; none when the drive closes.
func (d *drive) take(reuse []any) []any {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.events) == 0 && len(d.turns.parties) == 0 && !d.closed {
		d.room.Wait()
	}
	if d.closed {
		return nil
	}
	events := d.turns.take(d.events)
	d.events, d.bytes = reuse[:0], 0
	d.room.Broadcast()
	return events
}

// run is the loop: everything that has happened meanwhile makes one step.
func (d *drive) run() {
	var spare []any
	for {
		events := d.take(spare)
		if events == nil {
			return
		}
		for _, ev := range events {
			if ev, ok := ev.(peer.Closed); ok {
				delete(d.conns, ev.Conn)
			}
		}
		d.opt.Step(now(), events, d.act)
		clear(events)
		if spare = events; cap(spare) > maxEvents {
			spare = nil
		}
	}
}

func now() peer.Millis { return peer.Millis(time.Now().UnixMilli()) }

func (d *drive) act(action any) {
	switch a := action.(type) {
	case peer.Dial:
		d.conns[a.Conn] = d.dial(a)
	case peer.Send:
		d.conns[a.Conn].send(outgoing{data: a.Data})
	case peer.Ping:
		d.conns[a.Conn].send(outgoing{ping: true})
	case peer.Hangup:
		d.conns[a.Conn].hangup()
		delete(d.conns, a.Conn)
	case peer.Commit:
		d.jobs.add(func() {
			err := d.opt.Store.Commit(a.Changes, a.Durability)
			d.tellRoom(false)
			d.tell(peer.Committed{Err: err})
		})
		d.jobs.add(d.size())
	case peer.Room:
		d.jobs.add(func() { d.tellRoom(true) })
	case peer.Load:
		d.jobs.add(func() {
			blocks, err := d.opt.Store.Load(a.IDs)
			d.tell(peer.Loaded{Blocks: blocks, Err: err})
		})
	case peer.WakeAt:
		d.wakeAt(a.At)
	case localstore.Reopen:
		d.jobs.add(d.reopen)
	default:
		d.opt.Other(action)
	}
}

// reopen hands in what storage lists, behind the answers to all that it was asked before.
func (d *drive) reopen() {
	ids, err := d.opt.Store.List()
	if err != nil {
		d.opt.Other(peer.Failed{Err: peer.EStorage})
		return
	}
	d.tell(peer.Start{Blocks: ids})
	d.jobs.full = false // as the engine believes that begins now
	d.tellRoom(false)
}

func (d *drive) wakeAt(at peer.Millis) {
	d.timer.Stop()
	if at == 0 {
		return
	}
	wait := time.Duration(0)
	if now := now(); at > now {
		wait = time.Duration(min(at-now, uint64(maxWait/time.Millisecond))) * time.Millisecond
	}
	d.timer.Reset(wait)
}

// tellRoom tells whether storage has no room but its reserve, where that has changed or was asked.
func (d *drive) tellRoom(asked bool) {
	s, ok := d.opt.Store.(interface{ Full() bool })
	if !ok {
		return
	}
	if full := s.Full(); asked || full != d.jobs.full {
		d.jobs.full = full
		d.tell(peer.Disk{Full: full})
	}
}

// size is a job that says how large storage is, where that has changed.
func (d *drive) size() func() {
	sized, ok := d.opt.Store.(interface{ Bytes() uint64 })
	if !ok || d.opt.Disk == nil {
		return nil
	}
	return func() {
		if n := sized.Bytes(); n != d.jobs.size {
			d.jobs.size = n
			d.tell(d.opt.Disk(n))
		}
	}
}

// close ends everything: no step and no dialling any more; it waits for the commits that were asked for, lets each connection
// take what was sent on it, for a while, and closes storage, whose error it returns. It is called once.
func (d *drive) close() error {
	d.mu.Lock()
	d.closed = true
	d.room.Broadcast()
	d.mu.Unlock()
	d.running.Wait()
	d.timer.Stop()
	for _, c := range d.conns {
		c.hangup()
	}
	d.jobs.end()
	d.storing.Wait()
	err := d.opt.Store.Close()
	late := time.AfterFunc(lingerTimeout, d.drop)
	defer late.Stop()
	d.talking.Wait()
	return err
}

// drop closes every connection at once.
func (d *drive) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for l := range d.links {
		l.Conn.Close()
	}
}

// jobs are what storage has to do, one after the other. The machine bounds them: it has one commit in flight, and loads each
// block once.
type jobs struct {
	mu   sync.Mutex
	more *sync.Cond
	list []func()
	done bool

	size uint64 // of storage, when it was last told; the jobs' own
	full bool   // the same of whether it has no room but its reserve
}

func (j *jobs) add(f func()) {
	if f == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, f)
	j.more.Signal()
}

// run does jobs until end was called and none is left.
func (j *jobs) run() {
	for {
		j.mu.Lock()
		for len(j.list) == 0 && !j.done {
			j.more.Wait()
		}
		list := j.list
		j.list = nil
		j.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for _, f := range list {
			f()
		}
	}
}

func (j *jobs) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done = true
	j.more.Signal()
}
