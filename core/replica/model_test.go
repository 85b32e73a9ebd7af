package replica

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/wire"
)

// The model: devices that write, sync, commit, take checkpoints, collect tombstones and crash, in a random order and cut anywhere. The
// oracle is what is easiest to believe: for each device a map from key to the writes that it has and that no other it has had seen.

// fact is one write to one key, as the oracle knows it.
type fact struct {
	dot   wire.Dot
	key   string
	time  uint64
	kind  wire.Kind
	value string
	seen  map[uint64]uint64 // by writer
}

func (f *fact) sees(o *fact) bool { return f.seen[o.dot.Writer] >= o.dot.Seq }

// facts is a map from key to the set of versions.
type facts map[string][]*fact

func (m facts) clone() facts {
	out := facts{}
	for k, v := range m {
		out[k] = slices.Clone(v)
	}
	return out
}

func (m facts) add(f *fact) {
	var kept []*fact
	for _, o := range m[f.key] {
		if o == f || o.sees(f) {
			return
		}
		if !f.sees(o) {
			kept = append(kept, o)
		}
	}
	m[f.key] = append(kept, f)
}

// has reports whether f is there, or something that had seen it.
func (m facts) has(f *fact) bool {
	return slices.ContainsFunc(m[f.key], func(o *fact) bool { return o == f || o.sees(f) })
}

// values are what Get returns, and then Conflicts.
func (m facts) values(key string) []string {
	live := slices.DeleteFunc(slices.Clone(m[key]), func(f *fact) bool { return f.kind == wire.Deleted })
	slices.SortFunc(live, func(a, b *fact) int {
		for _, d := range [][2]uint64{{a.time, b.time}, {a.dot.Writer, b.dot.Writer}, {a.dot.Seq, b.dot.Seq}} {
			if d[0] != d[1] {
				return map[bool]int{true: -1, false: 1}[d[0] > d[1]]
			}
		}
		return 0
	})
	var out []string
	for _, f := range live {
		out = append(out, f.value)
	}
	return out
}

func (m facts) String() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if vs := m.values(k); len(vs) > 0 {
			b.WriteString(k + "=" + strings.Join(vs, "/") + " ")
		}
	}
	return strings.TrimSpace(b.String())
}

type place struct {
	dot wire.Dot
	key string
}

// machine is one device of the model.
type machine struct {
	*harness
	id       int
	now      facts // what it has
	flying   facts // with the commit in flight
	stored   facts // in storage for good
	loose    []loose
	stable   *mem.Store // what a power cut leaves
	cursors  map[int]wire.Cursor
	have     map[int]wire.Vector // what the others are known to have durably
	given    map[uint64]wire.Dot // by position
	sessions map[int]*flow       // towards each other device
}

// loose is a relaxed commit, which a power cut may take.
type loose struct {
	commit storage.Commit
	has    facts
}

// flow is one direction of a session.
type flow struct {
	id   uint32
	peer wire.Vector
	pos  uint64
	wire []message // on its way
}

type message struct {
	recs  []wire.Record
	pos   uint64
	end   bool
	have  bool
	about int
	vec   wire.Vector
}

type model struct {
	t     *testing.T
	rng   *rand.Rand
	all   []*machine
	clock uint64
	facts map[place]*fact
	dots  map[wire.Dot]bool // that were given out
	sess  uint32
	n     int
}

func newModel(t *testing.T, seed uint64, devices int) *model {
	w := &model{t: t, rng: rand.New(rand.NewPCG(seed, 1)), facts: map[place]*fact{}, dots: map[wire.Dot]bool{}, clock: 1 << 40}
	for i := range devices {
		w.all = append(w.all, &machine{
			harness: newHarness(t, byte(100+i)+byte(seed)*3, true), id: i, now: facts{}, stored: facts{}, cursors: map[int]wire.Cursor{},
			have: map[int]wire.Vector{}, stable: mem.New(), given: map[uint64]wire.Dot{}, sessions: map[int]*flow{},
		})
	}
	return w
}

func (w *model) key() string { return fmt.Sprintf("k%02d", w.rng.IntN(25)) }

func (w *model) write(m *machine) {
	var writes []Write
	used := map[string]bool{}
	for range 1 + w.rng.IntN(3) {
		k := w.key()
		if used[k] {
			continue
		}
		used[k] = true
		w.n++
		x := set(k, fmt.Sprintf("%d-%s", w.n, strings.Repeat("x", w.rng.IntN(40))))
		if w.rng.IntN(3) == 0 {
			x = Write{Key: k}
		}
		writes = append(writes, x)
	}
	w.clock += uint64(w.rng.IntN(3))
	m.write(w.clock, writes...)
	w.checkSum(m, "written")
	dot := m.arrivals[len(m.arrivals)-1].dot
	if w.dots[dot] {
		w.t.Fatalf("%v is used twice", dot)
	}
	maps.DeleteFunc(w.facts, func(p place, _ *fact) bool { return p.dot == dot }) // lost, and nobody had heard of it
	for i, x := range writes {
		v := m.arrivals[len(m.arrivals)-len(writes)+i]
		f := &fact{dot: dot, key: x.Key, time: v.time, kind: x.Kind, value: string(x.Value), seen: map[uint64]uint64{}}
		for _, o := range m.now[x.Key] {
			for _, d := range append(slices.Clone(dots(o.seen)), o.dot) {
				f.seen[d.Writer] = max(f.seen[d.Writer], d.Seq)
			}
		}
		w.facts[place{dot, x.Key}] = f
		m.now.add(f)
	}
}

func dots(m map[uint64]uint64) (out []wire.Dot) {
	for w, s := range m {
		out = append(out, wire.Dot{Writer: w, Seq: s})
	}
	return out
}

func (w *model) begin(m *machine) {
	w.beginAs(m, storage.Durability(w.rng.IntN(2)))
}

func (w *model) beginAs(m *machine, d storage.Durability) {
	if m.flight != nil || m.MustCheckpoint() {
		return
	}
	m.durability = d
	m.begin()
	m.flying = m.now.clone()
}

func (w *model) end(m *machine) {
	if m.flight == nil {
		return
	}
	m.loose = append(m.loose, loose{*m.flight, m.flying})
	m.end()
	if m.durability == storage.Strict {
		m.flush(len(m.loose))
	}
}

// flush makes the first n loose commits durable for good.
func (m *machine) flush(n int) {
	for _, l := range m.loose[:n] {
		if err := m.stable.Commit(l.commit, storage.Strict); err != nil {
			m.t.Fatal(err)
		}
		m.stored = l.has
	}
	m.loose = m.loose[n:]
}

func (w *model) crash(m *machine) {
	if m.flight != nil { // it may have been written, and nobody was told
		m.loose = append(m.loose, loose{*m.flight, m.flying})
	}
	m.flush(w.rng.IntN(len(m.loose) + 1))
	m.loose, m.store = nil, copyOf(w.t, m.stable)
	for _, o := range w.all {
		w.cut(m, o)
	}
	m.now = m.stored.clone()
	m.reopen()
	m.checkSum("opened again")
	clear(m.have) // it may forget
	m.cursors = map[int]wire.Cursor{}
	for _, o := range w.all {
		if b := m.led.Meta(fmt.Sprint(o.id)); b != nil {
			r := wire.NewReader(b)
			m.cursors[o.id] = wire.Cursor{Incarnation: wire.Incarnation(r.Bytes(8)), Position: r.U64()}
		}
	}
}

func copyOf(t testing.TB, s *mem.Store) *mem.Store {
	ids, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := s.Load(ids)
	if err != nil {
		t.Fatal(err)
	}
	out := mem.New()
	if err := out.Commit(storage.Commit{Puts: blocks}, storage.Strict); err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *model) cut(a, b *machine) { delete(a.sessions, b.id); delete(b.sessions, a.id) }

func (w *model) connect(a, b *machine) {
	if a == b || a.sessions[b.id] != nil {
		return
	}
	for _, x := range [][2]*machine{{a, b}, {b, a}} {
		from, to := x[0], x[1]
		w.sess++
		f := &flow{id: w.sess, peer: to.Told()}
		if c := to.cursors[from.id]; c.Incarnation == from.Incarnation() {
			f.pos = c.Position
		}
		w.hear(from, to.Told())
		from.sessions[to.id] = f
		for id, v := range from.have { // what it knows of others
			if id != to.id {
				f.wire = append(f.wire, message{have: true, about: id, vec: v})
			}
		}
	}
}

func (w *model) hear(m *machine, v wire.Vector) {
	if m.Heard(v) {
		w.t.Fatal("takes itself for a copy")
	}
}

func (w *model) pump(a, b *machine) {
	f := a.sessions[b.id]
	if f == nil || len(f.wire) > 8 {
		return
	}
	recs, next, end := a.next(f.peer, f.id, f.pos, 1+w.rng.IntN(400))
	for _, v := range a.arrivals {
		if v.pos >= f.pos && v.pos < next {
			if d, ok := a.given[v.pos]; ok && d != v.dot {
				w.t.Fatalf("position %d is used twice", v.pos)
			}
			a.given[v.pos] = v.dot
		}
	}
	f.pos = next
	for _, rec := range recs {
		w.dots[rec.Dot] = true
	}
	if len(recs) > 0 {
		f.wire = append(f.wire, message{recs: recs, pos: next})
	}
	if v := a.Told(); end && !f.peer.CoversAll(v) {
		f.wire = append(f.wire, message{end: true, vec: v})
		f.peer = f.peer.Join(v)
	}
	if w.rng.IntN(3) == 0 {
		f.wire = append(f.wire, message{have: true, about: a.id, vec: a.DurableVector()})
	}
}

// deliver has b take one message of a's.
func (w *model) deliver(a, b *machine) {
	f, back := a.sessions[b.id], b.sessions[a.id]
	if f == nil || len(f.wire) == 0 {
		return
	}
	m := f.wire[0]
	f.wire = f.wire[1:]
	switch {
	case m.have:
		b.have[m.about] = b.have[m.about].Join(m.vec)
		w.hear(b, m.vec)
	case m.end:
		w.hear(b, m.vec)
		b.join(m.vec)
		back.peer = back.peer.Join(m.vec)
		b.led.SetMeta(fmt.Sprint(a.id), nil)
		delete(b.cursors, a.id)
		w.checkVector(b)
	default:
		b.apply(back.id, m.recs...)
		w.checkSum(b, "applied")
		for _, rec := range m.recs {
			b.now.add(w.facts[place{rec.Dot, rec.Key}])
		}
		inc := a.Incarnation()
		b.led.SetMeta(fmt.Sprint(a.id), wire.AppendU64(inc[:], m.pos))
		b.cursors[a.id] = wire.Cursor{Incarnation: inc, Position: m.pos}
	}
}

// checkVector: what a vector covers and anybody has is there, or replaced.
func (w *model) checkVector(m *machine) {
	for p, f := range w.facts {
		if m.Vector().Covers(p.dot) && !m.now.has(f) && slices.ContainsFunc(w.all, func(o *machine) bool { return slices.Contains(o.now[p.key], f) }) {
			w.t.Fatalf("device %d says that it has %v of %s, and does not", m.id, p.dot, p.key)
		}
	}
}

// checkSum checks the sum now and then.
func (w *model) checkSum(m *machine, when string) {
	if w.n++; w.n%8 == 0 {
		m.checkSum(when)
	}
}

func (w *model) check(m *machine) {
	w.t.Helper()
	if got, want := m.all(), m.now.String(); got != want {
		w.t.Fatalf("device %d has\n%s, want\n%s", m.id, got, want)
	}
}

func (w *model) collect(m *machine) {
	var all wire.Vector
	for i, o := range w.all {
		if o == m {
			continue
		}
		if v := m.have[i]; all == nil {
			all = v
		} else {
			all = all.Meet(v)
		}
		if len(all) == 0 {
			return
		}
	}
	m.Collect(all)
}

func (w *model) checkpoint(m *machine) {
	if m.flight != nil && w.rng.IntN(3) > 0 {
		return // in flight it is rare
	}
	m.checkpoint()
	m.checkSum("a checkpoint")
}

func (w *model) step() {
	m, o := w.all[w.rng.IntN(len(w.all))], w.all[w.rng.IntN(len(w.all))]
	switch n := w.rng.IntN(100); {
	case n < 15:
		w.write(m)
	case n < 25:
		w.begin(m)
	case n < 40:
		w.end(m)
	case n < 43:
		w.checkpoint(m)
	case n < 46:
		w.collect(m)
	case n < 47:
		w.crash(m)
	case n < 49:
		w.cut(m, o)
	case n < 53:
		w.connect(m, o)
	case n < 75:
		w.pump(m, o)
	case n < 99:
		w.deliver(m, o)
	default:
		w.check(m)
	}
}

// quiet lets everything go through.
func (w *model) quiet() {
	for range 4 {
		for _, m := range w.all {
			w.end(m)
			w.beginAs(m, storage.Strict) // what is not there for good is told to nobody
			w.end(m)
		}
		for _, a := range w.all {
			for _, b := range w.all {
				w.connect(a, b)
				for f, before := a.sessions[b.id], uint64(1); f != nil && (f.pos != before || len(f.wire) > 0); {
					before = f.pos
					w.pump(a, b)
					w.deliver(a, b)
				}
			}
		}
	}
}

func TestModel(t *testing.T) {
	seeds, steps := uint64(8), 1500
	if testing.Short() {
		seeds = 5
	}
	small(t, 400)
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newModel(t, seed, 3)
			for range steps {
				w.step()
			}
			w.quiet()
			want := facts{}
			for _, m := range w.all {
				for _, fs := range m.now {
					for _, f := range fs {
						want.add(f)
					}
				}
			}
			for _, m := range w.all {
				w.check(m)
				if got := m.all(); got != want.String() {
					t.Fatalf("device %d has in the end\n%s, want\n%s", m.id, got, want)
				}
				m.wantSum("in the end")
				if got := m.all(); got != want.String() {
					t.Fatalf("device %d, opened again, has\n%s, want\n%s", m.id, got, want)
				}
			}
		})
	}
}
