package peer

// trouble is what follows from a commit that storage did not take. All that came since the last one is taken back: the engine opens again on
// what storage has, and watches are told what get returns now. Reads go on. Writes are refused and nobody is met until storage takes a commit
// of almost nothing, which is tried now and then, and whenever somebody wants to write.
type trouble struct {
	code     Code         // what the last commit failed with; OK: storage takes what it is given
	at       Millis       // when it did
	tries    int          // how many failed, without a long time between them
	next     Millis       // when storage is tried though nobody wants to write
	trying   bool         // it is being tried
	held     []*Op        // a write that waits for the outcome, and what came behind it
	denied   []func(Code) // to be told the code once it is known what is stored
	spared   spared       // what is not refused though the commit failed
	parked   []*namespace // the namespaces as they were, while the engine opens again
	rest     Millis       // until when no checkpoint is taken that can wait, because one failed
	failures int          // how many checkpoints failed
}

// Times of trouble, in ms.
const (
	troubleFirst = 1_000  // from a failure until storage is tried again; each time twice as long
	troubleMost  = 30_000 // at most
	troubleTries = 10     // so many are made at once when somebody wants to write
	troubleShort = 100    // and then so long after a failure
	troubleLong  = 60_000 // a failure so long after the last one is a new one
)

// patience is how many checkpoints fail before an operation is refused that waits for the room that one makes. The first may have failed for another
// reason than want of room.
const patience = 2

// takeBack has the engine open again on what storage has, because that did not take a commit.
func (e *Engine) takeBack(code Code) {
	t := &e.trouble
	t.failed(code, e)
	t.spared.begin(code)
	for _, op := range append(e.commits.flight.ops, e.commits.next.ops...) {
		if t.spared.takes(op) {
			t.spared.again = append(t.spared.again, op)
		} else {
			t.deny(e, op.ID)
		}
	}
	t.spared.sort()
	e.commits = commits{}
	for _, n := range e.namespaces {
		n.takeBack()
	}
	e.part(code)
	t.parked = append(t.parked, e.namespaces...)
	e.namespaces, e.apps, e.awake, e.circle = nil, nil, nil, nil
	e.syncErr, e.late, e.tendAt, e.places.given, e.fullness.owed, e.fullness.due = OK, false, 0, false, 0, false
	e.idle.takeBack(e)
	e.led.Recover()
	e.state = opening
}

// failed notes a failure.
func (t *trouble) failed(code Code, e *Engine) {
	now := e.clock.Now()
	if now > t.at+troubleLong {
		t.tries = 0
	}
	t.next = now + min(Millis(troubleFirst)<<min(t.tries, 10), troubleMost)
	t.code, t.at, t.trying = code, now, false
	t.tries++
	if e.led.Checkpointing() {
		t.rest = now + troubleLong
		t.failures++
	}
	for _, op := range t.held {
		if op.Do.ID().reads() {
			e.early = append(e.early, op) // it reads what there is when that is known
		} else {
			t.deny(e, op.ID)
		}
	}
	t.held = nil
}

// deny has an operation refused once it is known what is stored.
func (t *trouble) deny(e *Engine, id uint64) {
	t.denied = append(t.denied, func(code Code) { e.reply(Reply{Op: id, Err: code}) })
}

// part ends everything between this device and others.
func (e *Engine) part(code Code) {
	if p := e.pairing; p != nil {
		p.end(code)
	}
	for _, d := range e.devices {
		d.drop()
	}
	e.devices = nil
	for conn := uint32(1); len(e.conns) > 0 && conn <= e.lastConn; conn++ {
		e.hangup(conn)
	}
}

// takeBack leaves of what waits the reads, and what is spared. What was shown and is not stored is set right when the namespace is open again.
func (n *namespace) takeBack() {
	t := &n.e.trouble
	var kept []task
	for _, x := range n.queue {
		switch {
		case x.reads:
			kept = append(kept, x)
		case x.op != nil && t.spared.takes(x.op):
			kept = append(kept, n.spare(x))
		default:
			t.denied = append(t.denied, x.fail)
		}
	}
	n.queue = kept
	n.wrong = append(n.wrong, n.shown...)
	n.shown, n.flying = nil, 0
}

// bare is a namespace of which nothing is read yet. What waits for it and who watches it outlive trouble.
func (e *Engine) bare(num uint16) *namespace {
	n := e.bareWhere(func(n *namespace) bool { return n.num == num })
	n.num = num
	return n
}

func (e *Engine) bareWhere(is func(*namespace) bool) *namespace {
	parked := e.trouble.parked
	for i, n := range parked {
		if is(n) {
			e.trouble.parked = append(parked[:i], parked[i+1:]...)
			*n = namespace{e: e, queue: n.queue, watches: n.watches, wrong: n.wrong, was: n.hadReplicas(), untrue: n.untrue || n.retired != nil}
			return n
		}
	}
	return &namespace{e: e}
}

// reopened goes on, with what storage has.
func (e *Engine) reopened() {
	e.openDevices()
	e.doAgain()
	for _, n := range e.namespaces {
		right := n.setRight
		if n.untrue {
			n.untrue, n.wrong, right = false, nil, n.reset()
		}
		n.queue = append([]task{{run: right, fail: func(Code) {}, reads: true}}, n.queue...)
	}
	e.trouble.refuse(e.trouble.code)
	e.touch()
}

// refuse tells those who wait for the outcome of a commit that it failed.
func (t *trouble) refuse(code Code) {
	for _, n := range t.parked { // which were never stored
		for _, x := range n.queue {
			if x.reads { // there is nothing to read
				x.fail(EApp)
			} else {
				t.denied = append(t.denied, x.fail)
			}
		}
	}
	denied := t.denied
	t.denied, t.parked = nil, nil
	for _, f := range denied {
		f(code)
	}
}

// fail is refuse for good.
func (t *trouble) fail(e *Engine, code Code) {
	for _, op := range t.held {
		e.turnDown(op, code)
	}
	for _, op := range t.spared.again {
		e.turnDown(op, code)
	}
	t.held, t.spared = nil, spared{}
	t.refuse(code)
}

// holds reports whether an operation has to wait, because storage does not take what it is given.
func (t *trouble) holds(e *Engine, op *Op) bool {
	switch {
	case t.code == OK || op.Do.ID() == VerbShutdown:
		return false
	case len(t.held) > 0: // it stays behind what came before it
	case op.Do.ID().reads():
		return false
	}
	t.held = append(t.held, op)
	return true
}

// reads reports whether a verb writes nothing.
func (v VerbID) reads() bool {
	switch v {
	case VerbGet, VerbList, VerbConflicts, VerbCount, VerbWatch, VerbUnwatch, VerbKept, VerbCancel:
		return true
	}
	return false
}

// rests reports whether no checkpoint is taken that can wait.
func (t *trouble) rests(e *Engine) bool { return t.rest != 0 && !e.clock.Due(t.rest) }

// timers tries storage when its time has come, by a commit of what little there is.
func (t *trouble) timers(e *Engine) {
	if t.code == OK || t.trying || t.spared.waits(e) && !e.fullness.due { // a checkpoint comes when storage takes a commit again
		return
	}
	wanted := len(t.held) > 0 || len(t.spared.ops) > 0
	if wanted && t.tries < troubleTries || wanted && e.clock.Due(t.at+troubleShort) || e.clock.Due(t.next) {
		t.trying = true
		e.led.Write()
		e.strictly()
	}
}

// over goes on as ever: storage has taken a commit.
func (t *trouble) over(e *Engine) {
	if t.code == OK {
		return
	}
	held := t.held
	t.code, t.trying, t.held, t.spared = OK, false, nil, spared{}
	e.moveData()
	e.touch()
	for _, op := range held {
		if !e.fullness.holds(op) {
			verbs[op.Do.ID()].do(e, op)
		}
	}
}

// stops reports whether nothing is to be committed now, or nobody met.
func (t *trouble) stops() bool { return t.code != OK && !t.trying }
