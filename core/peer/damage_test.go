package peer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

// harm damages a value segment and starts the device anew. It returns the keys that are lost by that.
func (n *node) harm(gone bool) (lost []string) {
	n.m.t.Helper()
	n.damage(gone)
	n.crash()
	lost = n.listed(List{}).Damaged
	if len(lost) == 0 {
		n.m.t.Fatal("nothing is lost")
	}
	return lost
}

// damage flips a bit in the value segment in the middle, or has it gone.
func (n *node) damage(gone bool) {
	n.m.t.Helper()
	var segs []storage.ID
	ids, _ := n.store.List()
	for _, id := range ids {
		if id.Class() == storage.Segment {
			segs = append(segs, id)
		}
	}
	id := segs[len(segs)/2]
	c := storage.Commit{Dels: []storage.ID{id}}
	if !gone {
		blocks, _ := n.store.Load([]storage.ID{id})
		data := slices.Clone(blocks[0].Data)
		data[len(data)/2] ^= 1
		c = storage.Commit{Puts: []storage.Block{{ID: id, Data: data}}}
	}
	store := n.store
	if f, ok := store.(*failing); ok {
		store = f.Store
	}
	if err := store.Commit(c, storage.Strict); err != nil {
		n.m.t.Fatal(err)
	}
}

// listed is all that a List finds, over all its pages.
func (n *node) listed(q List) (all Reply) {
	n.m.t.Helper()
	for {
		r := n.must(Op{Do: q})
		all.Entries, all.Damaged = append(all.Entries, r.Entries...), append(all.Damaged, r.Damaged...)
		if !r.More || len(r.Entries) == 0 {
			return all
		}
		q.After = r.Entries[len(r.Entries)-1].Key
	}
}

const manyKeys = 2000

func many(i int) string { return fmt.Sprintf("k/%04d", i) }

// fillMany writes that many keys, of 100 bytes each.
func (n *node) fillMany() {
	value := fmt.Sprintf("%q", strings.Repeat("v", 100))
	for i := 0; i < manyKeys; i += 500 {
		n.must(Op{Do: writes(500, func(j int) string { return many(i + j) }, value)})
	}
	for i := range 6 { // which makes a checkpoint due
		n.put(fmt.Sprint("large", i), kib(300))
	}
	n.m.wait(1000)
}

// An engine that another one has taken the place of misses blocks which that one has deleted. It takes none for damaged.
func TestOlderEngineFindsNoDamage(t *testing.T) {
	for _, do := range []Verb{Get{Key: many(0)}, List{}} {
		h := newHarness(t, "Frozen")
		frozen := h.nodes[0]
		frozen.fillMany()
		frozen.crash()
		newer := &node{m: h, name: "Newer", app: testApp, store: frozen.store}
		h.nodes = append(h.nodes, newer)
		newer.open()
		h.run()
		newer.put("k", "1")
		ids, _ := newer.store.List()
		gone := slices.DeleteFunc(ids, func(id storage.ID) bool { return id.Class() != storage.Segment })
		if err := newer.store.Commit(storage.Commit{Dels: gone}, storage.Strict); err != nil {
			t.Fatal(err)
		}
		id := frozen.do(Op{Do: do})
		if r := frozen.replies[id]; r.Err != EFenced || frozen.failed != EFenced {
			t.Errorf("%T: %+v, and it failed with %q", do, r, frozen.failed)
		}
	}
}

// A disk that takes no note of the damage keeps nobody from what can be read.
func TestDamageIsServedWhileTheDiskFails(t *testing.T) {
	for _, err := range []error{storage.ErrQuota, errTorn} {
		n := newHarness(t, "Laptop").nodes[0]
		n.fillMany()
		n.store = &failing{Store: n.store, err: err}
		n.damage(false)
		n.crash()
		for range 3 {
			r := n.listed(List{})
			if len(r.Damaged) == 0 || len(r.Entries)+len(r.Damaged) != manyKeys+6 {
				t.Errorf("%v: a list has %d entries, and lacks %d", err, len(r.Entries), len(r.Damaged))
			} else if got := n.tryIn("", Get{Key: r.Damaged[0]}); got != EDamaged {
				t.Errorf("%v: get of what is damaged: %q", err, got)
			}
			n.m.wait(10_000)
		}
	}
}

// A device with a damaged value segment names what it has lost, and serves the rest, at each start.
func TestDamageIsServed(t *testing.T) {
	for _, gone := range []bool{false, true} {
		n := newHarness(t, "Laptop").nodes[0]
		n.fillMany()
		lost := n.harm(gone)
		for _, when := range []string{"at first", "at the next start", "and the one behind it"} {
			if when != "at first" {
				n.crash()
			}
			n.m.wait(1000)
			if d := n.status.Damaged; d.Keys != len(lost) || !slices.Equal(d.Names, lost[:len(d.Names)]) || len(d.Names) == 0 {
				t.Errorf("%s: the status names %+v of %d", when, d, len(lost))
			}
			for i, key := range []string{lost[0], lost[len(lost)-1], many(0), "large5"} {
				want := EDamaged
				if i > 1 {
					want = OK
				}
				if got := n.tryIn("", Get{Key: key}); got != want {
					t.Errorf("%s: get of %s: %q", when, key, got)
				}
			}
			r := n.listed(List{})
			if len(r.Entries)+len(r.Damaged) != manyKeys+6 || !slices.Equal(r.Damaged, lost) {
				t.Errorf("%s: a list has %d entries, and lacks %d", when, len(r.Entries), len(r.Damaged))
			}
			if r := n.must(Op{Do: List{Prefix: lost[0], Limit: 1}}); len(r.Entries) != 0 || r.More || !slices.Equal(r.Damaged, lost[:1]) {
				t.Errorf("%s: the list of one that is lost: %+v", when, r)
			}
			if r := n.listed(List{KeysOnly: true}); len(r.Entries) != manyKeys+6 || r.Damaged != nil {
				t.Errorf("%s: a list of keys has %d, and lacks %d", when, len(r.Entries), len(r.Damaged))
			}
			if r := n.must(Op{Do: Count{Prefix: "k/"}}); r.Number != manyKeys {
				t.Errorf("%s: counted %d", when, r.Number)
			}
			if n.failed != OK || n.status.Err != OK {
				t.Errorf("%s: it has stopped with %q, and says %q", when, n.failed, n.status.Err)
			}
		}
		w := n.watch("k/", 0)
		for i, key := range lost {
			if i%2 == 0 {
				n.put(key, `"again"`)
			} else {
				n.del(key)
			}
		}
		w.check("written and deleted")
		for i := range 6 { // two checkpoints later
			n.put(fmt.Sprint("large", i%2), kib(400))
		}
		n.m.wait(1000)
		if d := n.status.Damaged; d.Keys != 0 || len(d.Names) != 0 {
			t.Errorf("when all was written the status names %+v", d)
		}
		if r := n.listed(List{}); len(r.Damaged) != 0 || len(r.Entries) != manyKeys+6-len(lost)/2 {
			t.Errorf("then a list has %d entries, and lacks %d", len(r.Entries), len(r.Damaged))
		}
	}
}

// A third device that met only the damaged one gets what that can read, does not take itself to have the rest, and gets it from another. The damaged one
// takes no new writer, and is mended by who has what it lost.
func TestDamageSpreadsNowhere(t *testing.T) {
	for _, gone := range []bool{false, true} {
		h := newHarness(t, "Laptop", "Phone", "Tablet")
		a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
		h.pair(a, b)
		a.fillMany()
		h.until("the other has all", func() bool { return a.all() == b.all() })
		h.offline(b, true)
		writer := a.e.namespaces[0].rep.Own().ID
		lost := a.harm(gone)
		h.pair(a, c)
		for _, when := range []string{"at first", "later", "after a restart", "after a restart there"} {
			switch when {
			case "after a restart":
				a.crash()
			case "after a restart there":
				c.crash()
			}
			h.wait(60_000)
			if n := c.must(Op{Do: Count{}}).Number; n != uint64(manyKeys+6-len(lost)) {
				t.Errorf("%s: it has %d keys", when, n)
			}
			if c.e.namespaces[0].rep.Vector().Has(writer) {
				t.Errorf("%s: it believes to have all", when)
			}
			if d := a.status.Devices; d[0].ToSend+d[1].ToSend < uint64(len(lost)) {
				t.Errorf("%s: the status says %+v", when, d)
			}
		}
		a.put("new", `1`)
		a.del(many(0))
		h.until("what is new comes", func() bool { return c.get("new") == `1` && c.get(many(0)) == "" })
		if d := a.status.Damaged; d.Keys != len(lost) {
			t.Errorf("the status says %+v", d)
		}
		if got := a.e.namespaces[0].rep.Own().ID; got != writer {
			t.Error("it has taken a new writer")
		}
		h.offline(b, false)
		h.until("all is there", func() bool { return b.all() == c.all() && len(c.listed(List{}).Entries) == manyKeys+6 })
		h.until("and is believed to be", func() bool { return c.e.namespaces[0].rep.Vector().Has(writer) })
		h.until("the damaged one has mended itself", func() bool { return a.status.Damaged.Keys == 0 && a.all() == b.all() })
	}
}
