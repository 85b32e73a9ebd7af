package replica

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// harms are what happens to a segment at rest.
var harms = []struct {
	name string
	do   func(data []byte) []byte // nil: it is gone
}{
	{"a bit flipped", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }},
	{"a bit of its format flipped", func(b []byte) []byte { b[0] ^= 0x80; return b }},
	{"cut short", func(b []byte) []byte { return b[:len(b)/3] }},
	{"empty", func(b []byte) []byte { return b[:0] }},
	{"gone", nil},
}

// harm changes a block in storage.
func (g *harness) harm(id storage.ID, do func([]byte) []byte) {
	g.t.Helper()
	var c storage.Commit
	if do == nil {
		c.Dels = []storage.ID{id}
	} else {
		blocks, err := g.store.Load([]storage.ID{id})
		if err != nil {
			g.t.Fatal(err)
		}
		c.Puts = []storage.Block{{ID: id, Data: do(slices.Clone(blocks[0].Data))}}
	}
	if err := g.store.Commit(c, storage.Strict); err != nil {
		g.t.Fatal(err)
	}
}

// survey finds out what is damaged.
func (g *harness) survey() Damage {
	g.t.Helper()
	g.do(g.Survey)
	return g.Damaged()
}

// shown is what can be read, and what cannot: k3=v3 … -k7.
func (g *harness) shown() string {
	g.t.Helper()
	var out []string
	g.do(func() error {
		s, err := g.Scan(Query{})
		out = nil
		for _, rec := range s.Records {
			out = append(out, rec.Key+"="+string(rec.Value))
		}
		for _, key := range s.Lost {
			out = append(out, "-"+key)
		}
		return err
	})
	for _, x := range out {
		key, value, ok := strings.Cut(x, "=")
		key = strings.TrimPrefix(key, "-")
		err := g.wait(func() error {
			rec, found, err := g.Get(key)
			if err == nil && (!found || string(rec.Value) != value) {
				g.t.Errorf("get of %s: %q, %v", key, rec.Value, found)
			}
			return err
		})
		if ok != (err == nil) || !ok && !errors.Is(err, ErrLost) {
			g.t.Errorf("get of %s: %v", key, err)
		}
	}
	return strings.Join(out, " ")
}

// wounded is a replica of which one of three segments is damaged, in which k4 to k7 lie, and that d2 was deleted. It is opened anew.
func wounded(t *testing.T, do func([]byte) []byte) (g *harness, bad *segment) {
	g = newHarness(t, 1, true)
	for i := range 3 {
		g.put(1, fmt.Sprint("d", i), "x")
	}
	id := wound(g)
	g.harm(id, do)
	g.reopen()
	return g, g.segmentOf(id)
}

// TestServedBesideDamage: whatever is wrong with a segment, what lies in it is named, and all else goes on.
func TestServedBesideDamage(t *testing.T) {
	const before = "d0=x k0=v0 k1=v1 k10=v10 k11=v11 k2=v2 k3=v3 k8=v8 k9=v9 -k4 -k5 -k6 -k7"
	for _, x := range harms {
		for _, c := range []struct {
			name  string
			do    func(g *harness)
			names string
			shown string
		}{
			{"nothing", func(*harness) {}, "[k4 k5 k6 k7]", before},
			{"another key written", func(g *harness) { g.put(3, "k0", "n") }, "[k4 k5 k6 k7]", strings.Replace(before, "k0=v0", "k0=n", 1)},
			{"a lost key written", func(g *harness) { g.put(3, "k5", "n") }, "[k4 k6 k7]", strings.Replace(strings.Replace(before, " -k5", "", 1), "k8", "k5=n k8", 1)},
			{"a lost key deleted", func(g *harness) { g.del(3, "k5") }, "[k4 k6 k7]", strings.Replace(before, " -k5", "", 1)},
			{"a lost key imported", func(g *harness) {
				g.do(func() error { _, err := g.Import(3, []Write{set("k5", "n")}); return err })
			}, "[k4 k5 k6 k7]", strings.Replace(strings.Replace(before, " -k5", "", 1), "k8", "k5=n k8", 1)},
			{"a lost key imported as it was", func(g *harness) {
				g.do(func() error {
					_, err := g.Import(3, []Write{set("k5", "v5"), set("k1", "v1"), set("k6", "v6")})
					return err
				})
			}, "[k4 k7]", strings.Replace(strings.Replace(before, " -k5 -k6", "", 1), "k8", "k5=v5 k6=v6 k8", 1)},
			{"a lost key imported as it was, with others", func(g *harness) {
				g.do(func() error { _, err := g.Import(3, []Write{set("k5", "v5"), set("n", "new")}); return err })
			}, "[k4 k6 k7]", strings.Replace(strings.Replace(before, " -k5", "", 1), "k8=v8 k9=v9", "k5=v5 k8=v8 k9=v9 n=new", 1)},
			{"a lost key written by another", func(g *harness) {
				g.apply(2, over5(g.recordOf("k5", "").Dot))
			}, "[k4 k6 k7]", strings.Replace(strings.Replace(before, " -k5", "", 1), "k8", "k5=n k8", 1)},
			{"a lost key written by a liar", func(g *harness) {
				if _, all := g.applyFrom(full(2), over5(wire.Dot{Writer: g.writer.id, Seq: block + 4000})); all {
					g.t.Error("all was taken")
				}
			}, "[k4 k5 k6 k7]", before},
			{"all written", func(g *harness) {
				for i := range 4 {
					g.put(3, fmt.Sprint("k", 4+i), "n")
				}
			}, "[]", "d0=x k0=v0 k1=v1 k10=v10 k11=v11 k2=v2 k3=v3 k4=n k5=n k6=n k7=n k8=v8 k9=v9"},
		} {
			t.Run(x.name+"/"+c.name, func(t *testing.T) {
				small(t, 1)
				g, _ := wounded(t, x.do)
				if got := g.shown(); got != before {
					t.Fatalf("at first: %s", got)
				}
				if d := g.survey(); !d.Any || d.Keys != 4 || fmt.Sprint(d.Names) != "[k4 k5 k6 k7]" {
					t.Errorf("it says %+v", d)
				}
				if g.Summed() != nil || g.DurableSum() != nil {
					t.Error("it has a sum")
				}
				c.do(g)
				for _, when := range []string{"at once", "stored", "opened again", "in blocks", "and opened again"} {
					switch when {
					case "stored":
						g.commit()
					case "opened again", "and opened again":
						g.reopen()
					case "in blocks":
						g.save()
					}
					if got := g.shown(); got != c.shown {
						t.Errorf("%s: %s, want %s", when, got, c.shown)
					}
					if d := g.survey(); fmt.Sprint(d.Names) != c.names || d.Keys != len(d.Names) {
						t.Errorf("%s it says %+v, want %s", when, d, c.names)
					}
					if when == "in blocks" && !g.survey().Any && g.Summed() == nil {
						t.Errorf("%s: there is no sum", when)
					}
					if n := uint64(strings.Count(g.shown(), " ") + 1); g.Count() != n {
						t.Errorf("%s: counted %d of %d", when, g.Count(), n)
					}
				}
			})
		}
	}
}

// over5 is another device's record that has seen what is named of k5.
func over5(d wire.Dot) wire.Record {
	return wire.Record{Dot: wire.Dot{Writer: 9, Seq: block}, Context: []wire.Dot{d}, Time: 9, Key: "k5", Kind: wire.JSON, Value: []byte("n")}
}

// TestCompactionLeavesDamage: a segment that cannot be read outlives every checkpoint while something in it counts, and goes when nothing does.
func TestCompactionLeavesDamage(t *testing.T) {
	for _, known := range []bool{true, false} {
		small(t, 1)
		g, bad := wounded(t, harms[0].do)
		if known {
			g.survey()
			g.shown()
		}
		for i := range 3 { // most of it
			g.put(3, fmt.Sprint("k", 4+i), "n")
		}
		g.del(3, "k0")
		for range 3 {
			g.put(4, "k1", "n")
			g.save()
		}
		g.save()
		if s := g.segmentOf(bad.id); s == nil || s.count != 2 || !s.hurt {
			t.Fatalf("known %v: the segment is %+v", known, s)
		}
		if got, want := g.shown(), "d0=x k1=n k10=v10 k11=v11 k2=v2 k3=v3 k4=n k5=n k6=n k8=v8 k9=v9 -k7"; got != want {
			t.Errorf("known %v: %s, want %s", known, got, want)
		}
		g.CollectAll()
		g.put(5, "k7", "n")
		g.save()
		g.commit()
		if s := g.segmentOf(bad.id); s != nil || g.Damaged().Any || g.led.Meta(g.damageKey()) != nil {
			t.Errorf("known %v: at the end the segment is %+v, and it says %+v", known, s, g.Damaged())
		}
		if g.Summed() == nil {
			t.Error("there is no sum again")
		}
		g.checkSum("in the end")
	}
}

// TestDamageIsNotToldAsSent: who takes all from a damaged replica does not believe to have what that cannot send, and gets it from another. Deletions
// are sent: the index has all of them.
func TestDamageIsNotToldAsSent(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(a, b *harness) // what comes before b has taken all from a
	}{
		{"at once", func(a, b *harness) { a.give(b, 1) }},
		{"twice", func(a, b *harness) { a.give(b, 1); a.give(b, 1) }},
		{"after a restart", func(a, b *harness) { a.give(b, 1); a.reopen(); a.commit(); a.give(b, 1) }},
		{"from where it was", func(a, b *harness) {
			a.give(b, 1)
			a.reopen() // it has not looked at the segment since
			a.commit()
			b.do(func() error { _, _, err := b.Join(a.ToldTo(b.Vector()), a.source(1, true)); return err })
		}},
		{"and from where it was, surveyed", func(a, b *harness) {
			a.give(b, 1)
			a.reopen()
			a.commit()
			a.survey()
			b.do(func() error { _, _, err := b.Join(a.ToldTo(b.Vector()), a.source(1, true)); return err })
		}},
		{"compacted", func(a, b *harness) { a.put(3, "k0", "v0"); a.save(); a.save(); a.give(b, 1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			small(t, 1)
			a, b, good := newHarness(t, 1, true), newHarness(t, 2, true), newHarness(t, 3, true)
			for i := range 3 {
				a.put(1, fmt.Sprint("d", i), "x")
				b.apply(1, wire.Record{Dot: wire.Dot{Writer: 5, Seq: block + uint64(i)}, Time: 1, Key: fmt.Sprint("d", i), Kind: wire.JSON, Value: []byte("x")})
			}
			b.commit()
			b.give(a, 1)
			bad := wound(a)
			for i := range 12 {
				good.apply(1, a.recordOf(fmt.Sprint("k", i), fmt.Sprint("v", i)))
			}
			a.harm(bad, harms[0].do)
			a.reopen()
			a.commit()
			c.do(a, b)
			for i := 4; i < 8; i++ {
				if d := a.recordOf(fmt.Sprint("k", i), "").Dot; b.Vector().Covers(d) {
					t.Errorf("it believes to have k%d", i)
				}
			}
			if got := b.all(); strings.Contains(got, "d1") || strings.Contains(got, "d2") || !strings.Contains(got, "k8=v8") {
				t.Errorf("it has %s", got)
			}
			a.survey()
			if n := a.Unsendable(b.Vector()); n != 4 {
				t.Errorf("%d records cannot be sent to it", n)
			}
			good.give(b, 3)
			b.join(a.Told()) // as another one may say that has it
			want := "d0=x/x k0=v0 k1=v1 k10=v10 k11=v11 k2=v2 k3=v3 k4=v4 k5=v5 k6=v6 k7=v7 k8=v8 k9=v9"
			if got := b.all(); got != want {
				t.Errorf("from another it gets %s", got)
			}
			if n := a.Unsendable(b.Vector()); n != 0 || !a.ToldTo(b.Vector()).Same(a.Told()) {
				t.Errorf("then %d records cannot be sent to it", n)
			}
		})
	}
}

// wound writes what wounded has, and returns the segment in which k4 to k7 lie. Each batch gets one.
func wound(g *harness) (seg storage.ID) {
	for part := range 3 {
		batch := []Write{{Key: fmt.Sprint("d", part+1)}}
		for i := range 4 {
			batch = append(batch, set(fmt.Sprint("k", 4*part+i), fmt.Sprint("v", 4*part+i)))
		}
		g.write(2, batch...)
		g.save()
	}
	g.do(func() error {
		vs, err := g.lookup("k5")
		if err == nil {
			seg = vs[0].loc.seg
		}
		return err
	})
	return seg
}

// recordOf is the record of a key, as the index has it, with a value.
func (g *harness) recordOf(key, value string) (rec wire.Record) {
	g.t.Helper()
	g.do(func() error {
		vs, err := g.lookup(key)
		if err == nil {
			rec = vs[0].record([]byte(value))
		}
		return err
	})
	return rec
}

// TestNoDamagedRenewal: a replica that takes a new writer issues anew what it can read, and counts what is left.
func TestNoDamagedRenewal(t *testing.T) {
	small(t, 1)
	g, _ := wounded(t, harms[0].do)
	g.fork(wire.Marks{Writer: g.writer.id}, byAnother(g.Replica))
	g.save()
	if got, want := g.all(), "d0=x k0=v0 k1=v1 k10=v10 k11=v11 k2=v2 k3=v3 k8=v8 k9=v9"; got != want {
		t.Errorf("it has %s, want %s", got, want)
	}
	n := 0
	g.do(func() error {
		n = 0
		for i := range 3 {
			vs, err := g.lookup(fmt.Sprint("d", i+1))
			if err != nil {
				return err
			}
			n += len(vs)
		}
		return nil
	})
	if n != 3 {
		t.Errorf("%d deletions are left", n)
	}
	g.checkSum("issued anew")
	g.reopen()
	if d := g.survey(); d.Any {
		t.Errorf("it says %+v", d)
	}
}

// TestReissueBesideDamage: who enters another circle takes along what can be read.
func TestReissueBesideDamage(t *testing.T) {
	small(t, 1)
	g, _ := wounded(t, harms[0].do)
	g.do(g.Reissue)
	g.save()
	if got, want := g.all(), "d0=x k0=v0 k1=v1 k10=v10 k11=v11 k2=v2 k3=v3 k8=v8 k9=v9"; got != want {
		t.Errorf("it has %s, want %s", got, want)
	}
	if d := g.survey(); d.Any {
		t.Errorf("it says %+v", d)
	}
}

// TestManyNames: of many keys a few are named.
func TestManyNames(t *testing.T) {
	g := newHarness(t, 1, true)
	for i := range 100 {
		g.put(1, fmt.Sprintf("k%02d", i), "v")
	}
	g.save()
	g.harm(g.segs[0].id, harms[0].do)
	g.reopen()
	if err := g.wait(func() error { _, _, err := g.Get("k7"); return err }); err != nil {
		t.Fatal(err)
	}
	if err := g.wait(func() error { _, _, err := g.Get("k07"); return err }); !errors.Is(err, ErrLost) || !errors.Is(err, ledger.ErrDamaged) {
		t.Fatal(err)
	}
	if d := g.survey(); d.Keys != 100 || len(d.Names) != MaxNamed || d.Names[0] != "k00" || d.Names[15] != "k15" {
		t.Errorf("it says %+v", d)
	}
}
