package native

// turns is what clients have said and the machine has not taken in yet. Whoever says much waits behind itself: in each step every
// party (the clients of one registrable domain, or all programs) has one turn, and within a party its clients take turns.
type turns struct {
	parties []*party // those of which something waits, in the order of their turns
	bytes   int      // that wait in all
}

// A turn is so much at most, or one event.
const (
	turnEvents = 256
	turnBytes  = 256 << 10
)

// So much of one client waits at most, and of all together, or one event.
const (
	maxQueueEvents = 256
	maxQueueBytes  = 1 << 20
	maxTurnsWaited = 64 << 20
)

type party struct {
	name   string
	queues []*queue // in the order of their turns
}

// queue is what one client has said, in order.
type queue struct {
	client uint32
	bytes  int
	events []waiting
}

type waiting struct {
	event any
	size  int
}

// fits reports whether an event of a client may wait now.
func (t *turns) fits(name string, client uint32, size int) bool {
	if t.bytes > 0 && t.bytes+size > maxTurnsWaited {
		return false
	}
	g := t.party(name)
	if g == nil {
		return true
	}
	l := g.queue(client)
	return l == nil || len(l.events) < maxQueueEvents && l.bytes+size <= maxQueueBytes
}

// add has an event wait.
func (t *turns) add(name string, client uint32, event any, size int) {
	g := t.party(name)
	if g == nil {
		g = &party{name: name}
		t.parties = append(t.parties, g)
	}
	l := g.queue(client)
	if l == nil {
		l = &queue{client: client}
		g.queues = append(g.queues, l)
	}
	l.events = append(l.events, waiting{event, size})
	l.bytes += size
	t.bytes += size
}

// take appends one turn of each party to events.
func (t *turns) take(events []any) []any {
	left := t.parties[:0]
	for _, g := range t.parties {
		before := g.bytes()
		events = g.take(events)
		t.bytes -= before - g.bytes()
		if len(g.queues) > 0 {
			left = append(left, g)
		}
	}
	clear(t.parties[len(left):])
	t.parties = left
	return events
}

func (t *turns) party(name string) *party {
	for _, g := range t.parties {
		if g.name == name {
			return g
		}
	}
	return nil
}

func (g *party) queue(client uint32) *queue {
	for _, l := range g.queues {
		if l.client == client {
			return l
		}
	}
	return nil
}

func (g *party) bytes() (n int) {
	for _, l := range g.queues {
		n += l.bytes
	}
	return n
}

// take appends the party's turn to events: one event of each client after the other.
func (g *party) take(events []any) []any {
	for taken, size := 0, 0; len(g.queues) > 0 && taken < turnEvents; taken++ {
		l := g.queues[0]
		w := l.events[0]
		if taken > 0 && size+w.size > turnBytes {
			break
		}
		size += w.size
		events = append(events, w.event)
		l.events[0] = waiting{}
		l.events, l.bytes = l.events[1:], l.bytes-w.size
		g.queues = g.queues[1:]
		if len(l.events) > 0 {
			g.queues = append(g.queues, l)
		}
	}
	return events
}
