package ledger

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/vault"
)

func TestReplay(t *testing.T) {
	g := newRig(t, Options{})
	if g.Pending() {
		t.Error("a new ledger has something to write")
	}
	g.SetMeta("name", []byte("one"))
	g.SetMeta("gone", []byte("x"))
	g.Append(1, []byte("a"))
	g.commit()
	g.SetMeta("name", []byte("two"))
	g.SetMeta("gone", nil)
	g.Append(2, []byte("other"))
	g.Append(1, []byte("b"))
	g.commit()
	g.SetMeta("name", []byte("lost"))
	g.Append(1, []byte("lost"))

	g.reopen()
	g.wantMeta(map[string]string{"name": "two"})
	g.wantPart(1, "", "a", "b")
	g.wantPart(2, "", "other")
	g.wantPart(3, "")
	if g.Tail() != 2 {
		t.Errorf("tail of %d records, want 2", g.Tail())
	}
}

func TestSettingsAreCopied(t *testing.T) {
	g := newRig(t, Options{})
	v := []byte("value")
	g.SetMeta("k", v)
	v[0] = 'X'
	g.wantMeta(map[string]string{"k": "value"})
}

func TestCheckpoint(t *testing.T) {
	g := newRig(t, Options{})
	g.SetMeta("name", []byte("one"))
	g.Append(1, []byte("a"))
	g.commit()
	seg := g.AddBlock(storage.Segment, []byte("values"))
	page := g.AddBlock(storage.Page, []byte("keys"))
	g.SetPart(1, []byte("part"))
	g.Checkpoint()
	g.SetMeta("late", []byte("also there"))
	g.Append(1, []byte("after"))
	g.commit()
	g.Append(1, []byte("later"))
	g.commit()
	if got := g.blocks(storage.Log); !slices.Equal(got, []uint64{2, 3}) {
		t.Errorf("log records %d, want 2 and 3", got)
	}

	g.reopen()
	g.Refer(seg)
	g.Refer(page)
	g.wantMeta(map[string]string{"name": "one", "late": "also there"})
	g.wantPart(1, "part", "after", "later")
	if got := string(g.block(seg)) + " " + string(g.block(page)); got != "values keys" {
		t.Errorf("blocks: %s", got)
	}

	g.DelBlock(seg)
	g.SetPart(1, []byte("second"))
	if !slices.Equal(g.blocks(storage.Segment), []uint64{1}) {
		t.Error("a block is gone before the manifest that does without it is there")
	}
	again := g.AddBlock(storage.Segment, []byte("more"))
	g.Checkpoint()
	g.commit()
	if got := g.blocks(storage.Segment); again == seg || !slices.Equal(got, []uint64{again.N()}) {
		t.Errorf("segments %d, want %d alone", got, again.N())
	}
}

// TestCheckpointInFlight: a checkpoint that is taken while a commit is being written counts that commit as written.
func TestCheckpointInFlight(t *testing.T) {
	for _, crash := range []string{"before the commit", "after the commit", "after the checkpoint"} {
		t.Run(crash, func(t *testing.T) {
			g := newRig(t, Options{})
			g.SetMeta("n", []byte("0"))
			g.commit()
			g.SetMeta("n", []byte("1"))
			commit := g.Begin()
			g.SetMeta("n", []byte("2"))
			g.SetPart(1, []byte("part"))
			g.Checkpoint()
			g.Checkpoint() // twice before it is written changes nothing
			want, part := "0", ""
			if crash != "before the commit" {
				if err := g.store.Commit(commit, storage.Strict); err != nil {
					t.Fatal(err)
				}
				g.Committed()
				want = "1"
			}
			if crash == "after the checkpoint" {
				g.commit()
				want, part = "2", "part"
			}
			g.reopen()
			g.wantMeta(map[string]string{"n": want})
			g.wantPart(1, part)
			g.SetMeta("n", []byte("3"))
			g.commit()
			g.reopen()
			g.wantMeta(map[string]string{"n": "3"})
		})
	}
}

// TestUnopenedNamespace: a checkpoint leaves alone what belongs to a namespace that was not opened this time.
func TestUnopenedNamespace(t *testing.T) {
	g := newRig(t, Options{})
	mine := g.AddBlock(storage.Segment, []byte("of namespace 2"))
	g.SetPart(2, []byte("part"))
	g.Checkpoint()
	g.commit()
	g.Append(2, []byte("item"))
	g.commit()
	for range 2 {
		g.reopen()
		g.wantPart(1, "")
		g.Checkpoint()
		g.commit()
	}
	g.Checkpoint()
	g.commit()
	g.reopen()
	g.wantPart(2, "part", "item")
	if got := string(g.block(mine)); got != "of namespace 2" {
		t.Errorf("block %q", got)
	}
}

func TestOrphansAreDeleted(t *testing.T) {
	g := newRig(t, Options{})
	kept := g.AddBlock(storage.Page, []byte("kept"))
	g.SetPart(1, []byte("part"))
	g.Checkpoint()
	g.commit()
	orphan := storage.Segment | 77
	g.overwrite(orphan, []byte("nobody names it"))
	g.reopen()
	g.Part(1)
	g.Refer(kept)
	if id := g.AddBlock(storage.Segment, []byte("new")); id.N() != 78 {
		t.Errorf("new segment %d, want one that nothing had before", id.N())
	}
	g.Checkpoint()
	g.commit()
	if got := g.raw(); len(got[orphan]) != 0 || len(got[kept]) == 0 || len(g.blocks(storage.Segment)) != 1 {
		t.Errorf("left: %d", slices.Sorted(maps.Keys(got)))
	}
}

// TestFence: of two ledgers on the same storage the one that writes later fails, and nothing has changed.
func TestFence(t *testing.T) {
	g := newRig(t, Options{})
	g.SetMeta("k", []byte("v"))
	g.commit()
	old := &rig{t: t, store: g.store.Reopen()}
	old.reopen()

	g.reopen()
	g.Fence()
	if !g.Pending() {
		t.Fatal("a fence is nothing to write")
	}
	g.commit()
	before := g.raw()
	for _, what := range []func(){
		func() { old.SetMeta("k", []byte("stale")) },
		func() { old.AddBlock(storage.Segment, []byte("stale")); old.Checkpoint() },
	} {
		what()
		old.next = 2 // as it was: each attempt is its first
		if err := old.store.Commit(old.Begin(), storage.Strict); !errors.Is(err, storage.ErrExists) {
			t.Errorf("the old ledger: %v, want ErrExists", err)
		}
	}
	if !maps.Equal(before, g.raw()) {
		t.Error("the old ledger has changed something")
	}
}

// TestFenceOutlastsCheckpoints: checkpoints delete the log, and yet a ledger from before them cannot write: not after many runs,
// each of which wrote, took checkpoints and ended at another place in its log.
func TestFenceOutlastsCheckpoints(t *testing.T) {
	g := newRig(t, Options{})
	var old []*rig
	for run := range 8 {
		g.Fence()
		g.SetMeta("secret", []byte("of the first record"))
		for n := range run%4 + 1 {
			g.SetMeta("secret", nil)
			if n%2 == run%2 {
				g.Checkpoint()
			}
			g.commit()
		}
		frozen := &rig{t: t, store: g.store.Reopen()}
		frozen.reopen()
		old = append(old, frozen)
		g.reopen()
	}
	g.Fence()
	g.commit()
	g.Checkpoint()
	g.commit()
	before := g.raw()
	for run, frozen := range old {
		frozen.SetMeta("k", []byte("stale"))
		if err := frozen.store.Commit(frozen.Begin(), storage.Strict); !errors.Is(err, storage.ErrExists) {
			t.Errorf("the ledger of run %d: %v, want ErrExists", run, err)
		}
	}
	if !maps.Equal(before, g.raw()) {
		t.Error("an old ledger has changed something")
	}
	for _, n := range g.blocks(storage.Log) {
		if n < g.first && len(before[storage.Log|storage.ID(n)]) > len(testVault().Seal(0, []byte{recordFormat})) {
			t.Errorf("record %d is kept with what was in it", n)
		}
	}
	g.reopen()
	g.wantMeta(map[string]string{})
}

// TestFencesAreBounded: the oldest go when there are too many.
func TestFencesAreBounded(t *testing.T) {
	g := newRig(t, Options{})
	for range maxFences + 20 {
		g.Fence()
		g.commit()
		g.Checkpoint()
		g.commit()
	}
	g.reopen()
	if n := len(g.blocks(storage.Log)); n < maxFences || n > maxFences+2 {
		t.Errorf("%d log records are kept", n)
	}
}

func TestDamage(t *testing.T) {
	record, manifest := storage.Log|2, storage.Manifest
	for _, c := range []struct {
		name string
		do   func(g *rig)
		want error
	}{
		{"nothing", func(*rig) {}, nil},
		{"a record is missing in the middle", func(g *rig) { g.del(storage.Log | 3) }, ErrDamaged},
		{"the first record is missing", func(g *rig) { g.del(record) }, ErrDamaged},
		{"all records are missing", func(g *rig) { g.del(record); g.del(storage.Log | 3); g.del(storage.Log | 4) }, ErrDamaged},
		{"the manifest is missing", func(g *rig) { g.del(manifest) }, ErrDamaged},
		{"an old record is back", func(g *rig) { g.overwrite(storage.Log|1, []byte{recordFormat}) }, ErrDamaged},
		{"a record is empty", func(g *rig) { g.overwrite(record, nil) }, ErrDamaged},
		{"a record has an unknown item", func(g *rig) { g.overwrite(record, []byte{recordFormat, 9}) }, ErrDamaged},
		{"a record is cut", func(g *rig) { g.overwrite(record, []byte{recordFormat, itemMeta, 0, 4, 'a'}) }, ErrDamaged},
		{"a record is of a newer format", func(g *rig) { g.overwrite(record, []byte{recordFormat + 1}) }, ErrVersion},
		{"a manifest is empty", func(g *rig) { g.overwrite(manifest, nil) }, ErrDamaged},
		{"a manifest is cut", func(g *rig) { g.overwrite(manifest, g.appendManifest(nil)[:30]) }, ErrDamaged},
		{"a manifest has bytes left", func(g *rig) { g.overwrite(manifest, append(g.appendManifest(nil), 0)) }, ErrDamaged},
		{"a manifest is of a newer format", func(g *rig) { g.overwrite(manifest, []byte{manifestFormat + 1}) }, ErrVersion},
		{"another block in a record's place", func(g *rig) { g.put(record, []byte(g.raw()[storage.Log|3])) }, vault.ErrDamaged},
		{"a sealed block is cut", func(g *rig) { b := g.raw()[record]; g.put(record, []byte(b[:len(b)-1])) }, vault.ErrDamaged},
		{"a sealed block is of a newer format", func(g *rig) { b := []byte(g.raw()[record]); b[0]++; g.put(record, b) }, vault.ErrVersion},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, Options{})
			g.SetMeta("k", []byte("v"))
			g.commit()
			g.SetPart(1, []byte("part"))
			g.Checkpoint()
			g.commit()
			g.SetMeta("k", []byte("w"))
			g.commit()
			g.Append(1, []byte("item"))
			g.commit()
			c.do(g)
			if err := g.tryReopen(); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestMissingBlock: a block that storage does not have is damage for whoever needs it, and for nobody else.
func TestMissingBlock(t *testing.T) {
	g := newRig(t, Options{})
	here := g.AddBlock(storage.Segment, []byte("here"))
	g.SetPart(1, []byte("part"))
	g.Checkpoint()
	g.commit()
	g.reopen()
	g.Want(storage.Segment | 9)
	if got := string(g.block(here)); got != "here" {
		t.Errorf("block %q", got)
	}
	if err := g.wait(func() error { _, err := g.Block(storage.Segment | 9); return err }); !errors.Is(err, ErrDamaged) {
		t.Errorf("missing: %v, want ErrDamaged", err)
	}
}

func TestCache(t *testing.T) {
	g := newRig(t, Options{CacheBytes: 1000})
	var ids []storage.ID
	for i := range 5 {
		ids = append(ids, g.AddBlock(storage.Segment, bytes.Repeat([]byte{byte(i)}, 300)))
	}
	cached := func() (out []int) {
		for i, id := range ids {
			if g.cache.blocks[id] != nil {
				out = append(out, i)
			}
		}
		return out
	}
	g.Trim()
	if got := cached(); len(got) != 5 {
		t.Errorf("%d are left: what is not durable must stay", got)
	}
	g.SetPart(1, []byte("part"))
	g.Checkpoint()
	g.commit()
	g.block(ids[0])
	g.Trim()
	if got := cached(); !slices.Equal(got, []int{0, 4}) {
		t.Errorf("%d are left, want those that were used last, 0 and 4", got)
	}
	b, err := g.Block(ids[0])
	if err != nil {
		t.Fatal(err)
	}
	g.Keep(b, "parsed", 900)
	g.Trim()
	if got := cached(); len(got) != 0 {
		t.Errorf("%d are left, which weigh too much", got)
	}
	if got := g.block(ids[3]); !bytes.Equal(got, bytes.Repeat([]byte{3}, 300)) {
		t.Error("another block came back")
	}
	g.Want(ids[3])
	g.Want(ids[2])
	g.Want(ids[2])
	if got := g.Wanted(); !slices.Equal(got, []storage.ID{ids[2]}) {
		t.Errorf("wanted %d, want the missing one once", got)
	}
}
