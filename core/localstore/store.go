package localstore

import (
	"crypto/rand"
	"io"
	"maps"
	"slices"

	"github.com/masqdev/masq/core/internal/clock"
	"github.com/masqdev/masq/core/peer"
)

// Store is the local store. New makes one; peer.Start opens it.
type Store struct {
	cfg    Config
	rand   io.Reader
	engine *peer.Engine
	clock  clock.Clock
	out    *Actions // of the Step that runs

	engineAt uint64 // when the engine wants to be woken, in wall time; 0: never

	acts   peer.Actions
	todo   peer.Events // for the engine, in this Step
	then   []func()    // to be done at the end of this Step
	lastOp uint64
	ops    map[uint64]func(peer.Reply) // operations that are not answered

	dialled map[uint32]struct{} // connections of the engine's

	opened  bool      // what is kept has been read
	broken  peer.Code // why it cannot be, or why the engine has stopped since
	reopen  uint64    // when another engine is tried, 0: there is no need
	wait    uint64    // and in how long the next one after that
	panics  int       // of engines
	stopped bool
	early   []ClientMessage // said before that
	waits   int             // its bytes
	clients map[uint32]*client
	watches map[uint64]*watch
	bytes   map[Who]int // of calls that are not answered, by who asks

	apps     map[string]*app
	tokens   map[string]*token   // by id
	refused  map[string]int      // refusals in a row, by owner
	attempts map[string]attempts // to be let in, by owner
	pending  []*request          // for access, the oldest first; those that are not revealed among them
	links    []openLink          // of masq open
	code     *openCode           // in the place of one of them; nil: there is none
	session  map[string]session  // of the manager, by id
	lastNum  uint32              // of requests and pairings

	status  peer.Status
	pairing *pairing
	disk    uint64
	dirty   bool   // something that the manager sees has changed
	toldAt  uint64 // when it was told last
}

// New makes a store. Peer{peer.Start{}} opens it.
func New(cfg Config) *Store {
	if cfg.Peer.Quota == 0 {
		cfg.Peer.Quota = defaultQuota
	}
	s := &Store{
		cfg: cfg, rand: cfg.Peer.Rand, engine: peer.New(cfg.Peer),
		ops: map[uint64]func(peer.Reply){}, dialled: map[uint32]struct{}{}, clients: map[uint32]*client{}, watches: map[uint64]*watch{}, bytes: map[Who]int{},
		apps: map[string]*app{}, tokens: map[string]*token{}, refused: map[string]int{}, attempts: map[string]attempts{},
		session: map[string]session{},
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	return s
}

// Step takes in what happened at now (Unix milliseconds) and appends to out what is to be done. It never blocks.
func (s *Store) Step(now uint64, ev Event, out *Actions) {
	s.clock.Step(now)
	s.out = out
	s.take(ev)
	s.timers()
	s.settle()
	s.wake()
	s.out = nil
}

func (s *Store) take(ev Event) {
	switch ev := ev.(type) {
	case Events:
		for _, e := range ev {
			s.take(e)
		}
	case Peer:
		s.peer(ev.Event)
	case ClientOpened:
		s.meet(ev)
	case ClientMessage:
		s.hear(ev)
	case ClientClosed:
		if c := s.clients[ev.Client]; c != nil {
			c.leave()
		}
	case Disk:
		s.dirty = s.dirty || s.disk != ev.Bytes
		s.disk = ev.Bytes
	case Stop:
		s.stop()
	}
}

func (s *Store) peer(ev peer.Event) {
	if ev == nil {
		return
	}
	if all, ok := ev.(peer.Events); ok {
		for _, e := range all {
			s.peer(e)
		}
		return
	}
	s.todo = append(s.todo, ev)
	switch ev := ev.(type) {
	case peer.Closed:
		delete(s.dialled, ev.Conn)
	case peer.Start:
		s.begin()
	case peer.Tick:
		s.clock.Ticked()
		s.engineAt = 0 // it asks again for what it still waits for
	}
}

// settle has the engine do what is to be done, until nothing more follows from it.
func (s *Store) settle() {
	for len(s.todo) > 0 {
		todo := s.todo
		s.todo = nil
		s.step(todo)
		for _, a := range s.acts.List {
			s.act(a)
		}
		s.acts.Reset()
		then := s.then
		s.then = nil
		for _, f := range then {
			f()
		}
	}
	s.tellManagers()
}

// act passes an action of the engine's on to whom it is for.
func (s *Store) act(a peer.Action) {
	switch a := a.(type) {
	case peer.Reply:
		if then := s.ops[a.Op]; then != nil {
			delete(s.ops, a.Op)
			then(a)
		}
	case peer.Changed:
		if w := s.watches[a.Watch]; w != nil {
			w.changed(a)
		}
	case peer.StatusChanged:
		s.status = a.Status
		s.dirty = true
		s.eachClient((*client).tellStatus)
	case peer.PairingState:
		s.pairingState(a)
	case peer.WakeAt:
		s.engineAt = a.At
	case peer.Dial:
		s.cfg.Peer.Conn = a.Conn
		s.dialled[a.Conn] = struct{}{}
		s.out.add(a)
	case peer.Hangup:
		delete(s.dialled, a.Conn)
		s.out.add(a)
	case peer.Failed:
		s.failed(a)
	default:
		s.out.add(a)
	}
}

// do gives the engine an operation, and has then told what it returns.
func (s *Store) do(op *peer.Op, then func(peer.Reply)) uint64 {
	s.lastOp++
	op.ID = s.lastOp
	s.ops[op.ID] = then
	s.todo = append(s.todo, op)
	return op.ID
}

// doAll gives the engine several, and tells when all are answered. The first error counts.
func (s *Store) doAll(ops []*peer.Op, then func(peer.Code)) {
	left, code := len(ops), peer.OK
	if left == 0 {
		then(code)
	}
	for _, op := range ops {
		s.do(op, func(r peer.Reply) {
			if code == peer.OK {
				code = r.Err
			}
			if left--; left == 0 {
				then(code)
			}
		})
	}
}

// meet takes in a connection.
func (s *Store) meet(ev ClientOpened) {
	if ev.Client == 0 || s.clients[ev.Client] != nil {
		return
	}
	c := &client{s: s, num: ev.Client, who: ev.Who, agent: ev.Agent, until: s.clock.In(comeInTime), watches: map[uint64]*watch{}}
	s.clients[c.num] = c
	switch {
	case s.stopped:
		c.close(CloseStop, peer.EClosed)
	case ev.Who.Kind == Admin:
		c.in = true
	default:
		s.clock.Need(c.until)
	}
}

// hear takes in what a client said; before the store is open, that waits.
func (s *Store) hear(ev ClientMessage) {
	c := s.clients[ev.Client]
	switch {
	case c == nil:
	case c.tooMuch(len(ev.Data)):
		c.close(CloseTooBig, peer.ETooBig)
	case s.opened:
		s.message(c, ev.Data)
	case len(s.early) >= maxEarly || s.waits+len(ev.Data) > maxEarlyBytes:
		c.close(CloseCrowd, peer.EBusy)
	default:
		s.early = append(s.early, ev)
		s.waits += len(ev.Data)
	}
}

// begin has a fresh engine read what is kept.
func (s *Store) begin() {
	if s.opened || s.engine == nil { // the one before has stopped, and answered all that it was asked
		s.engine, s.watches = peer.New(s.cfg.Peer), map[uint64]*watch{}
		s.engineAt = 0
	}
	s.todo = s.todo[len(s.todo)-1:] // what came before Start was meant for the one before
	again := s.opened
	s.do(&peer.Op{Do: peer.Kept{}}, func(r peer.Reply) {
		if !again || r.Err != peer.OK {
			s.load(r)
			return
		}
		s.renew()
		s.load(r)
	})
}

// failed notes that the engine has stopped.
func (s *Store) failed(f peer.Failed) {
	s.broken, s.pairing, s.dirty = f.Err, nil, true
	s.out.add(f)
}

// tryAgain has another engine begin, later each time.
func (s *Store) tryAgain() {
	s.wait = min(max(2*s.wait, reopenFirst), reopenMost)
	s.reopen = s.clock.In(s.wait)
	s.clock.Need(s.reopen)
}

// load reads what is kept, then hears who has waited for it.
func (s *Store) load(r peer.Reply) {
	s.opened, s.broken = true, r.Err
	for _, e := range r.Entries {
		s.loadEntry(e.Key, e.Value)
	}
	s.dirty = true
	s.then = append(s.then, s.hearEarly) // behind the engine's first status
}

func (s *Store) hearEarly() {
	early := s.early
	s.early, s.waits = nil, 0
	for _, ev := range early {
		if c := s.clients[ev.Client]; c != nil {
			s.message(c, ev.Data)
		}
	}
}

// renew forgets what the engine before was asked for. Who was connected comes back, and with it what it watches; the manager's pages and
// masq itself as well.
func (s *Store) renew() {
	s.wait = 0
	s.apps, s.tokens, s.refused = map[string]*app{}, map[string]*token{}, map[string]int{}
	s.eachClient(func(c *client) { c.close(CloseRestart, s.broken) })
}

func (s *Store) stop() {
	if s.stopped {
		return
	}
	s.stopped = true
	s.eachClient(func(c *client) { c.close(CloseStop, peer.EClosed) })
	s.do(&peer.Op{Do: peer.Shutdown{}}, func(peer.Reply) {})
}

// eachClient calls f for every connection that there is, in their order.
func (s *Store) eachClient(f func(*client)) {
	for _, num := range slices.Sorted(maps.Keys(s.clients)) {
		if c := s.clients[num]; c != nil {
			f(c)
		}
	}
}

func (s *Store) random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.rand, b); err != nil {
		panic("store: no randomness") // crypto/rand never fails; without it nobody may come in
	}
	return b
}
