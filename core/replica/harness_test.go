package replica

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

// harness is a replica on a store in memory.
type harness struct {
	*Replica
	t          testing.TB
	seed       byte // and its device's nk
	store      *mem.Store
	rand       *rand.ChaCha8
	cache      int                // the ledger's bound
	strict     bool               // check that ErrWait changes nothing
	guest      bool               // an application peer, for whom it gives to
	flight     *storage.Commit    // being written
	durability storage.Durability // of what is written next
	loads      int                // bytes that were loaded
	fetched    int                // blocks that were
	was        []*Replica         // see Config
}

// newHarness makes an empty replica. cold keeps nothing opened that need not be, and checks that ErrWait changes nothing.
func newHarness(t testing.TB, seed byte, cold bool) *harness {
	g := &harness{t: t, seed: seed, store: mem.New(), rand: rand.NewChaCha8([32]byte{seed}), strict: cold}
	if cold {
		g.cache = 1
	}
	g.reopen()
	return g
}

// small makes segments and pages of about n bytes, so that little data has many of them.
func small(t testing.TB, n int) {
	s, p := segmentBytes, pageBytes
	segmentBytes, pageBytes = n, n
	t.Cleanup(func() { segmentBytes, pageBytes = s, p })
}

// reopen is a crash: what is not in the store is gone.
func (g *harness) reopen() {
	g.t.Helper()
	if err := g.tryReopen(); err != nil {
		g.t.Fatalf("open: %v", err)
	}
}

// again opens it in the same run, as after a commit that failed.
func (g *harness) again() {
	g.t.Helper()
	g.was = []*Replica{g.Replica}
	if err := g.tryReopen(); err != nil {
		g.t.Fatalf("open again: %v", err)
	}
	g.was = nil
}

func (g *harness) tryReopen() (err error) {
	g.flight = nil
	ids, err := g.store.List()
	if err != nil {
		g.t.Fatal(err)
	}
	led := ledger.New(vault.New([32]byte{1}, zeros{}), ids, ledger.Options{CacheBytes: g.cache})
	g.Replica = &Replica{led: led}
	if err := g.wait(led.Open); err != nil {
		return err
	}
	r, err := Open(led, 1, Config{Owner: [32]byte{g.seed}, Rand: g.rand, Was: g.was, Watched: func(string) bool { return true }})
	if err != nil {
		return err
	}
	g.Replica = r
	return nil
}

// zeros are nonces that may repeat: nothing here is secret.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// do does f until it waits for nothing.
func (g *harness) do(f func() error) {
	g.t.Helper()
	if g.strict {
		g.led.Trim()
	}
	if err := g.wait(f); err != nil {
		g.t.Fatal(err)
	}
}

func (g *harness) wait(f func() error) error {
	g.t.Helper()
	for range 1000 {
		var before string
		if g.strict && g.vector != nil {
			before = g.dump()
		}
		err := f()
		if !errors.Is(err, ledger.ErrWait) {
			return err
		}
		if before != "" && g.dump() != before {
			g.t.Fatal("ErrWait, and something has changed")
		}
		wanted := g.led.Wanted()
		if len(wanted) == 0 {
			g.t.Fatal("ErrWait, and nothing is wanted")
		}
		blocks, err := g.store.Load(wanted)
		if err != nil {
			g.t.Fatal(err)
		}
		for _, b := range blocks {
			g.loads += len(b.Data)
			g.fetched++
		}
		if err := g.led.Loaded(blocks); err != nil {
			return err
		}
	}
	return errors.New("waits for ever")
}

// dump is everything that the replica has in memory, and what it would write.
func (g *harness) dump() string {
	r := g.Replica
	b := r.appendPart(nil)
	num := func(ns ...uint64) {
		for _, n := range ns {
			b = wire.AppendU64(b, n)
		}
	}
	ver := func(v *version) {
		rec := v.record(v.value)
		b = wire.AppendRecord(b, &rec)
		num(v.pos, uint64(v.loc.seg), uint64(v.from), v.dead)
	}
	w := r.writer
	num(w.id, w.reserved, w.block, w.next, uint64(len(w.history)), r.nextPos, uint64(r.memBytes))
	b = fmt.Append(b, w.ahead, r.must, r.led.Pending())
	for _, v := range r.arrivals {
		ver(v)
	}
	for _, k := range r.memKeys() {
		for _, v := range r.mem[k] {
			ver(v)
		}
	}
	for _, n := range []saved{r.seen.now, r.seen.next} {
		num(n.pos, n.reservedPos, n.writer, n.reservedSeq, n.checkpoints)
		b = wire.AppendVector(b, n.vector)
	}
	return string(b)
}

// begin takes a commit, end has it written.
func (g *harness) begin() {
	g.durability = g.Begin(g.durability)
	commit := g.led.Begin()
	g.flight = &commit
}

func (g *harness) end() {
	g.t.Helper()
	if err := g.store.Commit(*g.flight, storage.Strict); err != nil {
		g.t.Fatal(err)
	}
	g.flight = nil
	g.led.Committed()
	g.Committed()
}

func (g *harness) commit() {
	g.t.Helper()
	if g.MustCheckpoint() {
		g.checkpoint()
	}
	g.begin()
	g.end()
}

func (g *harness) checkpoint() {
	g.t.Helper()
	g.do(g.Checkpoint)
	g.led.Checkpoint()
	g.checkSegments()
}

// save makes everything durable, and lie in pages and segments.
func (g *harness) save() {
	g.t.Helper()
	g.checkpoint()
	g.commit()
}

func (g *harness) write(now uint64, writes ...Write) []Change {
	g.t.Helper()
	var out []Change
	g.do(func() (err error) { out, err = g.Write(now, writes); return err })
	return out
}

func (g *harness) put(now uint64, key, value string) []Change { return g.write(now, set(key, value)) }

func (g *harness) del(now uint64, key string) []Change { return g.write(now, Write{Key: key}) }

func set(key, value string) Write { return Write{Key: key, Kind: wire.JSON, Value: []byte(value)} }

func (g *harness) apply(from uint32, recs ...wire.Record) []Change {
	g.t.Helper()
	out, _ := g.applyFrom(full(from), recs...)
	return out
}

func (g *harness) applyFrom(src Source, recs ...wire.Record) (out []Change, all bool) {
	g.t.Helper()
	g.do(func() (err error) { out, all, err = g.Apply(recs, src); return err })
	return out, all
}

// full is a full device that nobody knows otherwise.
func full(session uint32) Source { return Source{Session: session, Full: true} }

func (g *harness) join(v wire.Vector) {
	g.t.Helper()
	g.do(func() error { _, _, err := g.Join(v, full(1)); return err })
}

// source is what another replica's device is to this one.
func (g *harness) source(session uint32, isFull bool) Source {
	return Source{Session: session, NK: g.cfg.Owner, Full: isFull, Met: 1 << 62}
}

// announceTo has another replica know of the writers that this one knows of.
func (g *harness) announceTo(to *harness) {
	if w := g.Own(); w != nil {
		g.Announce(w)
	}
	g.EachWriter(func(w *wire.Writer) { to.Announce(w) })
}

func (g *harness) get(key string) string {
	g.t.Helper()
	var out string
	g.do(func() error {
		rec, ok, err := g.Get(key)
		out = "-"
		if ok {
			out = string(rec.Value)
		}
		return err
	})
	return out
}

// versions are the values of a key, that which counts first.
func (g *harness) versions(key string) []string {
	g.t.Helper()
	var out []string
	if v := g.get(key); v != "-" {
		out = append(out, v)
	}
	g.do(func() error {
		recs, err := g.Conflicts(key)
		if err != nil {
			return err
		}
		for _, r := range recs {
			out = append(out, string(r.Value))
		}
		return nil
	})
	return out
}

func (g *harness) find(q Query) (recs []wire.Record, more bool) {
	g.t.Helper()
	g.do(func() (err error) { recs, more, err = g.Range(q); return err })
	return recs, more
}

// all is everything that can be read: key=value, and the conflicts behind it.
func (g *harness) all() string {
	g.t.Helper()
	recs, _ := g.find(Query{})
	if uint64(len(recs)) != g.Count() {
		g.t.Fatalf("%d keys, counted %d", len(recs), g.Count())
	}
	var b strings.Builder
	for _, r := range recs {
		b.WriteString(r.Key + "=" + strings.Join(g.versions(r.Key), "/") + " ")
	}
	return strings.TrimSpace(b.String())
}

// next returns the records from pos on, one call of Next.
func (g *harness) next(peer wire.Vector, from uint32, pos uint64, max int) (recs []wire.Record, next uint64, end bool) {
	g.t.Helper()
	g.do(func() error {
		b, n, e, err := g.Next(peer, from, pos, max)
		if err != nil {
			return err
		}
		next, end = n, e
		recs, err = wire.ParseRecords(b)
		return err
	})
	return recs, next, end
}

// give commits, and sends to what it lacks, to the end. It returns how many records that were.
func (g *harness) give(to *harness, from uint32) (n int) {
	g.t.Helper()
	g.commit()
	return g.giveNow(to, from)
}

// giveNow does not commit.
func (g *harness) giveNow(to *harness, from uint32) (n int) {
	g.t.Helper()
	g.announceTo(to)
	peer, pos := to.Vector(), uint64(0)
	for {
		recs, next, end := g.next(peer, 0, pos, 4<<10)
		to.applyFrom(g.source(from, !g.guest), recs...)
		n += len(recs)
		if end {
			v, src := g.ToldTo(to.Vector()), g.source(from, !g.guest)
			src.Lost = g.Lost(v)
			to.do(func() error { _, _, err := to.Join(v, src); return err })
			return n
		}
		if next == pos && g.damage.marks == g.seen.now.marks {
			g.t.Fatal("Next does not go on")
		}
		if next == pos {
			g.commit()
		}
		pos = next
	}
}

// sync brings both to the same.
func sync(a, b *harness) {
	a.t.Helper()
	a.commit()
	b.commit()
	a.give(b, 1)
	b.give(a, 2)
	a.commit()
	b.commit()
}

// checkSegments recounts what the directory says of the segments.
func (g *harness) checkSegments() {
	g.t.Helper()
	type sum struct{ n, bytes uint32 }
	count := map[storage.ID]*sum{}
	for _, s := range g.segs {
		count[s.id] = &sum{}
	}
	for i := range g.pages {
		var p *page
		g.do(func() (err error) { p, err = g.page(i); return err })
		if len(p.keys) != int(g.pages[i].keys) || p.keys[0] < g.pages[i].first || i+1 < len(g.pages) && p.keys[len(p.keys)-1] >= g.pages[i+1].first {
			g.t.Fatalf("page %d: the directory is wrong", i)
		}
		var tombs uint32
		if n := p.values(); n != g.pages[i].values {
			g.t.Fatalf("page %d: %d keys with a value, the directory says %d", i, n, g.pages[i].values)
		}
		for k, vs := range p.versions {
			for _, v := range vs {
				if v.kind == wire.Deleted {
					tombs++
				}
				s := g.segmentOf(v.loc.seg)
				if s == nil || s.isDead(v.loc.ord) {
					g.t.Fatalf("%s lies in a segment that does not have it", p.keys[k])
				}
				count[s.id].n++
				count[s.id].bytes += v.loc.size
				var rec wire.Record
				damaged := false
				g.do(func() error {
					b, err := g.segmentBlock(v.loc.seg)
					if damaged = errors.Is(err, ledger.ErrDamaged); damaged {
						return nil
					}
					if err != nil {
						return err
					}
					in := wire.NewReader(b.Data[v.loc.off : v.loc.off+v.loc.size])
					rec = wire.ReadRecord(&in)
					return in.Done()
				})
				if !damaged && (rec.Key != p.keys[k] || rec.Dot != v.dot || rec.Kind != v.kind || rec.Time != v.time || !slices.Equal(rec.Context, v.ctx)) {
					g.t.Fatalf("%s: another record lies there", p.keys[k])
				}
			}
		}
		if tombs != g.pages[i].tombs {
			g.t.Fatalf("page %d: %d tombstones, the directory says %d", i, tombs, g.pages[i].tombs)
		}
	}
	for _, s := range g.segs {
		if c := count[s.id]; c.n != s.count || c.bytes != s.live {
			g.t.Fatalf("segment %x: %d records of %d bytes count, the directory says %d of %d", s.id, c.n, c.bytes, s.count, s.live)
		}
	}
}

// fork takes a new writer because of marks and an announcement.
func (g *harness) fork(marks wire.Marks, proof *wire.Writer) {
	g.t.Helper()
	g.do(func() error { _, err := g.RecoverFork(marks, proof); return err })
}

// theirs are the marks that g has of a's writer.
func (g *harness) theirs(a *harness) wire.Marks {
	return wire.Marks{Writer: a.writer.id, Tails: g.Marks(a.writer.id)}
}
