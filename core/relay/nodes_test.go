package relay

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// cluster is several nodes and what carries their messages.
type cluster struct {
	t     *testing.T
	nodes []*harness
	topic []map[string]bool // what each follows
	inbox [][]*Heard
	lost  func(from, to int) bool // says of a message whether it gets lost; nil: none does
	// dropped says the same of what is in it.
	dropped func(data []byte) bool
}

func newCluster(t *testing.T, n int) *cluster {
	m := &cluster{t: t, topic: make([]map[string]bool, n), inbox: make([][]*Heard, n)}
	for i := range n {
		r := newHarness(t, Config{Node: uint64(i + 1), Rand: &counter{n: byte(7 * i)}})
		m.topic[i] = map[string]bool{}
		r.bus = func(a Action) { m.take(i, a) }
		m.nodes = append(m.nodes, r)
	}
	for _, r := range m.nodes {
		r.step(Linked{Up: true})
	}
	m.run()
	return m
}

func (m *cluster) take(from int, a Action) {
	switch a := a.(type) {
	case Follow:
		m.topic[from][a.Topic] = true
	case Unfollow:
		delete(m.topic[from], a.Topic)
	case *Publish:
		for to := range m.nodes {
			if to != from && m.topic[to][a.Topic] && !m.loses(from, to, a.Data) {
				m.inbox[to] = append(m.inbox[to], &Heard{a.Topic, slices.Clone(a.Data)})
			}
		}
	}
}

func (m *cluster) loses(from, to int, data []byte) bool {
	return m.lost != nil && m.lost(from, to) || m.dropped != nil && m.dropped(data)
}

// run delivers until all is quiet.
func (m *cluster) run() {
	for range 1000 {
		quiet := true
		for i, r := range m.nodes {
			batch := m.inbox[i]
			m.inbox[i] = nil
			for _, h := range batch {
				quiet = false
				r.step(h)
			}
		}
		if quiet {
			return
		}
	}
	m.t.Fatal("the nodes talk without end")
}

func (m *cluster) pass(ms Millis) {
	for ; ms > 0; ms -= min(ms, 500) {
		for _, r := range m.nodes {
			r.now += min(ms, 500)
			r.step(Tick{})
		}
		m.run()
	}
}

func (m *cluster) empty() {
	m.t.Helper()
	for i, r := range m.nodes {
		r.empty2()
		if len(m.topic[i]) != 2 {
			m.t.Errorf("node %d still follows %v", i, m.topic[i])
		}
	}
}

// empty2 is empty for a node, which has its heart to beat.
func (r *harness) empty2() {
	s := r.s
	if n := len(s.conns) + len(s.rooms) + s.waiting.Len() + s.joined.Len() + s.mailboxes.Len() + s.nodes.far; n != 0 {
		r.t.Errorf("%d things are left: %+v", n, s.Stats())
	}
}

func TestChannelAcrossNodes(t *testing.T) {
	m := newCluster(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	a.join(1, key(1), 0)
	m.run()
	a.want(1, "ok", "JOINED false")
	b.join(1, key(1), 1)
	m.run()
	b.want(1, "ok", "JOINED false", "PEER true")
	a.want(1, "PEER true")
	a.data(1, "to b")
	b.data(1, "to a")
	m.run()
	b.want(1, "DATA to b")
	a.want(1, "DATA to a")

	b.now += 10
	b.join(2, key(1), 0) // side 0 moves to the other node
	m.run()
	b.want(2, "ok", "JOINED true")
	a.want(1, "E_REPLACED", "close 4008")
	b.want(1, "PEER true")
	published := b.s.Stats().Published
	b.data(2, "local")
	b.want(1, "DATA local")
	if b.s.Stats().Published != published {
		t.Error("what stays on a node was published")
	}
	m.run()
	a.now = b.now + 10
	a.join(3, key(1), 1)
	m.run()
	b.want(1, "E_REPLACED", "close 4008")
	b.want(2, "PEER true")
	a.want(3, "ok", "JOINED false", "PEER true")
	a.step(Closed{3})
	m.run()
	b.want(2, "PEER false")
	b.step(Closed{2})
	m.run()
	m.empty()
}

func TestMailboxAcrossNodes(t *testing.T) {
	m := newCluster(t, 3)
	a, b, c := m.nodes[0], m.nodes[1], m.nodes[2]
	a.pair(1, 9, 0)
	m.run()
	b.pair(1, 9, 1)
	m.run()
	a.want(1, "ok", "JOINED false", "PEER true")
	b.want(1, "ok", "JOINED false", "PEER true")
	for side := range uint8(2) {
		c.pair(uint64(side), 9, side)
		m.run()
		c.want(uint64(side), "ok", "JOINED false", "E_CROWDED", "close 4004")
	}
	a.want(1)
	b.want(1)
	a.data(1, "H0")
	m.run()
	b.want(1, "DATA H0")
	b.step(Closed{1})
	m.run()
	a.want(1, "PEER false", "close 1000")
	m.empty()
}

// TestLossIsAGap: whatever of DATA is lost, the two sides begin anew before they get anything further.
func TestLossIsAGap(t *testing.T) {
	m := newCluster(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	a.join(1, key(1), 0)
	b.join(1, key(1), 1)
	m.run()
	a.got, b.got = map[uint64][]string{}, map[uint64][]string{}
	a.data(1, "one")
	m.run()
	m.lost = func(int, int) bool { return true }
	a.data(1, "lost")
	m.lost = nil
	a.data(1, "three")
	m.run()
	b.want(1, "DATA one", "PEER false", "PEER true")
	a.want(1, "PEER true")
	a.data(1, "four")
	m.run()
	b.want(1, "DATA four")
	if n := b.s.Stats().Gaps; n != 1 {
		t.Errorf("counted %d gaps", n)
	}

	b.step(Linked{Up: false})
	b.want(1, "PEER false")
	b.data(1, "to nobody")
	b.step(Linked{Up: true})
	m.run()
	b.want(1, "PEER true")
	a.want(1, "PEER true")
	a.data(1, "five")
	m.run()
	b.want(1, "DATA five")
}

// lose has each message between nodes that is of one of these kinds get lost.
func (m *cluster) lose(kinds ...byte) {
	m.dropped = func(data []byte) bool { return slices.Contains(kinds, data[0]) }
}

// TestLossIsNoticed: whatever gets lost behind which nothing more is said, each side hears of it in bounded time.
func TestLossIsNoticed(t *testing.T) {
	pings := func(m *cluster, n int, nodes ...int) {
		for range n {
			for _, i := range nodes {
				m.nodes[i].text(1, "ping")
			}
			m.run()
			m.pass(30_000)
		}
	}
	for _, c := range []struct {
		name   string
		lost   func(m *cluster)
		within func(m *cluster)
		a, b   []string
	}{
		{
			"nothing",
			func(m *cluster) { m.nodes[0].data(1, "two") },
			func(m *cluster) { m.pass(remindIn); pings(m, 10, 0, 1) },
			nil, []string{"DATA two"},
		},
		{
			"the last DATA",
			func(m *cluster) { m.lose(msgData); m.nodes[0].data(1, "two") },
			func(m *cluster) { m.pass(remindIn) },
			[]string{"PEER true"}, []string{"PEER false", "PEER true"},
		},
		{
			"the last DATA and the reminder of it",
			func(m *cluster) { m.lose(msgData, msgSaid); m.nodes[0].data(1, "two"); m.pass(remindIn) },
			func(m *cluster) { m.nodes[0].text(1, "ping"); m.run() },
			[]string{"PEER true"}, []string{"PEER false", "PEER true"},
		},
		{
			"the end",
			func(m *cluster) { m.lose(msgGone); pings(m, 1, 0, 1); m.nodes[0].step(Closed{1}) },
			func(m *cluster) { pings(m, 4, 1) },
			nil, []string{"PEER false"},
		},
		{
			"a newer connection of a side",
			func(m *cluster) {
				m.lose(msgHere)
				m.nodes[0].now++
				m.nodes[0].join(2, key(1), 0)
				m.nodes[0].got[2] = nil
			},
			func(m *cluster) { m.nodes[0].text(2, "ping"); m.run(); m.nodes[0].want(2, "pong", "PEER true") },
			[]string{"E_REPLACED", "close 4008"}, []string{"PEER true"},
		},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			m := newCluster(t, 2)
			a, b := m.nodes[0], m.nodes[1]
			a.join(1, key(1), 0)
			b.join(1, key(1), 1)
			m.run()
			a.got, b.got = map[uint64][]string{}, map[uint64][]string{}
			c.lost(m)
			m.run()
			m.dropped = nil
			c.within(m)
			for i, want := range [][]string{c.a, c.b} {
				got := slices.DeleteFunc(m.nodes[i].got[1], func(s string) bool { return s == "pong" })
				if !slices.Equal(got, want) {
					t.Errorf("node %d: got %q, want %q", i, got, want)
				}
			}
		})
	}
}

// TestNodesThatSayNoNumbers: a node that sends no msgSaid is served as it can be: its sides do not time out.
func TestNodesThatSayNoNumbers(t *testing.T) {
	m := newCluster(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	a.join(1, key(1), 0)
	b.join(1, key(1), 1)
	m.run()
	a.got, b.got = map[uint64][]string{}, map[uint64][]string{}
	m.lose(msgSaid)
	for range 20 {
		a.text(1, "ping")
		b.text(1, "ping")
		m.pass(30_000)
	}
	a.data(1, "still here")
	m.run()
	if got := b.got[1]; got[len(got)-1] != "DATA still here" || slices.Contains(got, "PEER false") {
		t.Errorf("got %q", got)
	}
}

// TestPublishingLeavesNothing: the core makes no garbage of what it passes on to another node.
func TestPublishingLeavesNothing(t *testing.T) {
	m := newCluster(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	a.join(1, key(1), 0)
	b.join(1, key(1), 1)
	m.run()
	var out Actions
	frame := &Frame{Conn: 1, Data: append([]byte{byte(wire.RelayData)}, "to b"...)}
	published := 0
	if n := testing.AllocsPerRun(100, func() {
		a.s.Step(a.now, frame, &out)
		published += len(out.List)
		out.Reset()
	}); n != 0 || published != 101 {
		t.Errorf("%v allocations for each, %d published", n, published)
	}
}

func TestNodeDiesAndReturns(t *testing.T) {
	m := newCluster(t, 2)
	a, b := m.nodes[0], m.nodes[1]
	a.join(1, key(1), 0)
	b.join(1, key(1), 1)
	m.pass(4_000)
	a.got, b.got = map[uint64][]string{}, map[uint64][]string{}
	m.lost = func(int, int) bool { return true }
	m.pass(6_000)
	a.want(1, "PEER false")
	b.want(1, "PEER false")
	if a.s.Stats().Nodes != 0 {
		t.Error("a node that is silent still counts")
	}
	m.lost = nil
	m.pass(1_000)
	for _, r := range m.nodes {
		if got := r.got[1]; len(got) == 0 || got[len(got)-1] != "PEER true" {
			t.Errorf("got %q", got)
		}
	}
}

// TestMissedEachOther: two that join at the same time, while neither node knows yet that the other follows the topic, meet.
func TestMissedEachOther(t *testing.T) {
	for _, wait := range []Millis{remindIn, 0} { // by itself, or at a ping
		m := newCluster(t, 2)
		m.lost = func(int, int) bool { return true }
		m.nodes[0].join(1, key(1), 0)
		m.nodes[1].join(1, key(1), 1)
		m.lost = nil
		m.pass(wait)
		m.nodes[0].text(1, "ping")
		m.run()
		for _, r := range m.nodes {
			if !slices.Contains(r.got[1], "PEER true") {
				t.Errorf("after %d ms: %q", wait, r.got[1])
			}
		}
	}
}

func TestNameplates(t *testing.T) {
	r := newHarness(t, Config{Rand: rand.NewChaCha8([32]byte{})})
	seen := map[string]bool{}
	lengths := map[int]int{}
	for i := range uint64(1100) {
		r.step(Reserve{i})
		name := strings.TrimPrefix(r.got[i][0], "nameplate ")
		if seen[name] || name == "" {
			t.Fatalf("%q was given twice", name)
		}
		seen[name] = true
		lengths[len(name)]++
	}
	// A thousandth of 32³, of 32⁴, and so on.
	if want := map[int]int{3: 33, 4: 992, 5: 75}; !reflect.DeepEqual(lengths, want) {
		t.Errorf("lengths %v", lengths)
	}
	r.now += plateLife
	r.step(Tick{})
	r.empty()
}

func TestNameplatesAreUniqueAcrossNodes(t *testing.T) {
	same := func() *counter { return &counter{} }
	m := newCluster(t, 2)
	for _, r := range m.nodes {
		r.s.cfg.Rand = same() // both draw the same
	}
	given := func(i int, id uint64) string { return strings.Join(m.nodes[i].got[id], " ") }
	m.nodes[0].step(Reserve{1})
	m.nodes[1].step(Reserve{1}) // at the same time
	m.run()
	m.pass(1_000)
	if x, y := given(0, 1), given(1, 1); x == "" || y == "" || x == y {
		t.Fatalf("two at the same time: %q, %q", x, y)
	}
	m.nodes[0].s.cfg.Rand = same()
	m.nodes[0].step(Reserve{2}) // what the other has
	m.run()
	m.pass(1_000)
	if x := given(0, 2); x == "" || x == given(1, 1) || x == given(0, 1) {
		t.Fatalf("later: %q", x)
	}
}

// TestNodesConverge lets devices come, move and go while messages are lost and nodes cannot hear each other. When that is over, the
// newest connection of each side gets what the other sends, and nobody ever gets what is not for them. Where only messages were
// lost, of which no node is told, pings alone bring that about.
func TestNodesConverge(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { converge(t, seed, true) })
		t.Run(fmt.Sprint(seed, "-by-pings"), func(t *testing.T) { converge(t, seed, false) })
	}
}

func converge(t *testing.T, seed uint64, told bool) {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := newCluster(t, 3)
	type party struct {
		node int
		id   uint64
	}
	const channels = 3
	var now [channels][2]*party
	id, said := uint64(0), 0
	check := func() {
		for _, r := range m.nodes {
			for id, got := range r.got {
				for _, g := range got {
					// A body says the channel and the side it is for, and so does a connection's number.
					if f := strings.Fields(g); f[0] == "DATA" && f[1] != fmt.Sprint(id%10) {
						t.Fatalf("connection %d got %q", id, g)
					}
				}
			}
		}
	}
	talk := func(c, side int) {
		if p := now[c][side]; p != nil {
			said++
			m.nodes[p.node].data(p.id, fmt.Sprint(c*2+1-side, " ", said))
		}
	}
	for range 120 {
		c, side := rng.IntN(channels), rng.IntN(2)
		switch rng.IntN(8) {
		case 0, 1:
			id += 10
			p := &party{rng.IntN(3), id + uint64(c*2+side)}
			for _, r := range m.nodes {
				r.now++ // nobody dials twice within a millisecond
			}
			r := m.nodes[p.node]
			r.join(p.id, key(byte(c)), uint8(side))
			now[c][side] = p
		case 2:
			if p := now[c][side]; p != nil && rng.IntN(3) == 0 {
				m.nodes[p.node].step(Closed{p.id})
				now[c][side] = nil
			}
		case 3:
			x := rng.IntN(9)
			m.lost = []func(int, int) bool{
				nil, nil, nil,
				func(int, int) bool { return rng.IntN(3) == 0 },
				func(a, b int) bool { return a == x%3 || b == x%3 },
				func(a, _ int) bool { return a == x%3 },
			}[x%6]
		case 4:
			if i, up := rng.IntN(3), rng.IntN(2) == 0; told {
				m.nodes[i].step(Linked{Up: up})
			}
		case 5:
			m.pass(Millis(rng.IntN(4_000)))
		default:
			talk(c, side)
			if rng.IntN(2) == 0 {
				m.run()
			}
		}
		check()
	}
	m.lost = nil
	for _, r := range m.nodes {
		if told {
			r.step(Linked{Up: true})
		}
	}
	m.run()
	for range 4 { // devices ping every 30 s
		for _, r := range m.nodes {
			for id := range r.s.conns {
				r.text(id, "ping")
			}
		}
		m.pass(15_000)
	}
	for _, r := range m.nodes {
		r.got = map[uint64][]string{}
	}
	for c := range channels {
		for side := range 2 {
			from, to := now[c][side], now[c][1-side]
			if from == nil || to == nil {
				continue
			}
			talk(c, side)
			m.run()
			if want, got := fmt.Sprint("DATA ", c*2+1-side, " ", said), m.nodes[to.node].got[to.id]; !slices.Contains(got, want) {
				t.Errorf("channel %d side %d (node %d to %d): got %q, want %q", c, side, from.node, to.node, got, want)
			}
		}
	}
	check()
	for _, r := range m.nodes {
		for id := range r.s.conns {
			r.step(Closed{id})
		}
	}
	m.run()
	m.empty()
}
