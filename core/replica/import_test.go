package replica

import (
	"fmt"
	"slices"
	"testing"
)

// TestImportTellsWhoWins: an import changes what Get returns exactly as it says, though it comes in the millisecond of what is there.
func TestImportTellsWhoWins(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(g *harness)
		at     uint64
	}{
		{"beside a put", func(g *harness) { g.put(5, "k", "put") }, 5},
		{"beside a later put", func(g *harness) { g.put(9, "k", "put") }, 5},
		{"beside one in a page", func(g *harness) { g.put(5, "k", "put"); g.save() }, 5},
		{"after a restart", func(g *harness) { g.put(5, "k", "put"); g.commit(); g.reopen() }, 5},
		{"beside another device's", func(g *harness) { g.apply(1, foreign(9, 0, "k", "theirs")) }, foreign(9, 0, "k", "theirs").Time},
		{"beside a deletion", func(g *harness) { g.put(5, "k", "put"); g.del(5, "k") }, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newHarness(t, 1, false)
			c.before(g)
			for i := range 2 * maxSiblings { // some of them as a writer of their own
				before, _, err := g.Get("k")
				if err != nil {
					t.Fatal(err)
				}
				value := fmt.Sprint("import ", i)
				var changes []Change
				g.do(func() (err error) {
					changes, err = g.Import(c.at, []Write{set("k", value), set(fmt.Sprint("other ", i), value)})
					return err
				})
				after, _, err := g.Get("k")
				if err != nil {
					t.Fatal(err)
				}
				told := before.Value
				if n := slices.IndexFunc(changes, func(x Change) bool { return x.Key == "k" }); n >= 0 {
					told = changes[n].Value
				}
				if string(told) != string(after.Value) {
					t.Fatalf("import %d at %d: told that Get returns %q, it returns %q", i, c.at, told, after.Value)
				}
			}
		})
	}
}
