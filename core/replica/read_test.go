package replica

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestRange holds Range against a sorted slice, in every combination of bounds.
func TestRange(t *testing.T) {
	small(t, 400)
	g := newHarness(t, 1, true)
	rng := rand.New(rand.NewPCG(1, 2))
	have := map[string]string{}
	parts := []string{"", "a", "a/", "a/1", "b/é", "b\U0010ffff", "c"}
	key := func() string { return parts[1+rng.IntN(6)] + fmt.Sprint(rng.IntN(40)) }
	for i := range 300 {
		k := key()
		if i%4 == 3 {
			g.del(1, k)
			delete(have, k)
		} else {
			have[k] = fmt.Sprint(i, strings.Repeat("v", rng.IntN(30)))
			g.put(1, k, have[k])
		}
		if i == 200 {
			g.save()
		}
	}
	if len(g.pages) < 5 || len(g.keys) < 20 {
		t.Fatalf("%d pages and %d keys in memory are too few for this test", len(g.pages), len(g.keys))
	}
	n := 0
	for _, prefix := range append(parts, "b/\xff", "\xff\xff") {
		for _, gte := range []string{"", "a/2", "b/", "zz"} {
			for _, lt := range []string{"", "a/3", "b\U0010ffff3", "a"} {
				for _, after := range []string{"", key(), key(), "a/2"} {
					for _, reverse := range []bool{false, true} {
						q := Query{Prefix: prefix, Gte: gte, Lt: lt, After: after, Reverse: reverse}
						q.Limit, q.KeysOnly = []int{0, 1, 7}[n%3], n%2 == 0
						if n%5 == 0 {
							q.MaxBytes = 100
						}
						n++
						checkRange(t, g, q, have)
					}
				}
			}
		}
	}
}

func checkRange(t *testing.T, g *harness, q Query, have map[string]string) {
	t.Helper()
	var want []string
	for k := range have {
		in := strings.HasPrefix(k, q.Prefix) && k >= q.Gte && (q.Lt == "" || k < q.Lt)
		if q.After != "" && (!q.Reverse && k <= q.After || q.Reverse && k >= q.After) {
			in = false
		}
		if in {
			want = append(want, k)
		}
	}
	slices.SortFunc(want, func(a, b string) int {
		if q.Reverse {
			return cmp.Compare(b, a)
		}
		return cmp.Compare(a, b)
	})
	g.led.Trim()
	recs, more := g.find(q)
	if len(recs) > len(want) || more != (len(recs) < len(want)) {
		t.Fatalf("%+v: %d records, more %v; %d are in range", q, len(recs), more, len(want))
	}
	size := 0
	for i, r := range recs {
		value := have[want[i]]
		if size += len(want[i]); !q.KeysOnly {
			size += len(value)
		} else {
			value = ""
		}
		if r.Key != want[i] || string(r.Value) != value {
			t.Fatalf("%+v: the %d. is %s=%s, want %s=%s", q, i, r.Key, r.Value, want[i], value)
		}
	}
	switch {
	case q.Limit != 0 && len(recs) > q.Limit, q.MaxBytes != 0 && len(recs) > 1 && size > q.MaxBytes:
		t.Fatalf("%+v: %d records of %d bytes", q, len(recs), size)
	case more && len(recs) == 0, more && q.MaxBytes == 0 && len(recs) != q.Limit:
		t.Fatalf("%+v: %d records, and there are more", q, len(recs))
	}
}

func TestChangesSince(t *testing.T) {
	small(t, 300)
	g := newHarness(t, 1, true)
	changed := func(pos uint64) string {
		t.Helper()
		var b strings.Builder
		g.do(func() error {
			b.Reset()
			changes, err := g.ChangesSince(pos)
			for _, c := range changes {
				fmt.Fprintf(&b, "%s=%s ", c.Key, c.Value)
			}
			return err
		})
		return strings.TrimSpace(b.String())
	}
	for i := range 20 {
		g.put(1, fmt.Sprintf("k%02d", i), fmt.Sprint(i))
	}
	g.save()
	here := g.Position()
	if got := changed(here); got != "" {
		t.Errorf("nothing has happened, and %q", got)
	}
	g.put(2, "k03", "new")
	g.del(2, "k05")
	for i, again := range []func(){func() {}, g.save, g.reopen, func() { g.put(3, "k09", "9.1"); g.save() }} {
		want := "k03=new k05="
		if again(); i == 3 {
			want += " k09=9.1"
		}
		if got := changed(here); got != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
}

func TestCountAfter(t *testing.T) {
	small(t, 300)
	g := newHarness(t, 1, false)
	for i := range 30 {
		g.put(1, fmt.Sprintf("k%02d", i), "1")
	}
	check := func(when string, pos, want uint64) {
		t.Helper()
		if got := g.CountAfter(pos); got != want {
			t.Errorf("%s: %d, want %d", when, got, want)
		}
	}
	check("all, in memory", 0, 30)
	check("some, in memory", g.arrivals[10].pos, 20)
	check("none, in memory", g.Position(), 0)
	g.put(2, "k29", "2")
	check("one replaced", g.arrivals[10].pos, 20)
	g.save()
	here := g.Position()
	check("all, in segments", 0, 30)
	check("none, in segments", here, 0)
	g.put(3, "k00", "3")
	g.del(3, "k01")
	check("new ones", here, 2)
	g.save()
	check("new ones, in segments", here, 2)
	check("all", 0, 30)
}
