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
	h := newHarness(t, Options{})
	if h.Pending() {
		t.Error("a new ledger has something to write")
	}
	h.SetMeta("name", []byte("one"))
	h.SetMeta("gone", []byte("x"))
	h.Append(1, []byte("a"))
	h.commit()
	h.SetMeta("name", []byte("two"))
	h.SetMeta("gone", nil)
	h.Append(2, []byte("other"))
	h.Append(1, []byte("b"))
	h.commit()
	h.SetMeta("name", []byte("lost"))
	h.Append(1, []byte("lost"))

	h.reopen()
	h.wantMeta(map[string]string{"name": "two"})
	h.wantPart(1, "", "a", "b")
	h.wantPart(2, "", "other")
	h.wantPart(3, "")
	if h.Tail() != 2 {
		t.Errorf("tail of %d records, want 2", h.Tail())
	}
}

// TestBytes: the ledger knows how long its log and its manifest are in storage, before and after a start.
func TestBytes(t *testing.T) {
	h := newHarness(t, Options{})
	check := func(when string, manifest bool) {
		t.Helper()
		log, whole := 0, 0
		for id, data := range h.raw() {
			switch {
			case id == storage.Manifest:
				whole = len(data)
			case id.Class() == storage.Log && id.N() >= h.first:
				log += len(data)
			}
		}
		if h.LogBytes() != log || h.ManifestBytes() != whole || manifest != (whole > 0) {
			t.Errorf("%s: a log of %d bytes, a manifest of %d; want %d and %d", when, h.LogBytes(), h.ManifestBytes(), log, whole)
		}
	}
	check("empty", false)
	h.Fence()
	h.Append(1, []byte("a"))
	h.commit()
	h.Append(1, []byte("longer"))
	h.commit()
	check("two records", false)
	h.reopen()
	check("opened again", false)
	h.Part(1)
	h.SetPart(1, []byte("part"))
	h.Checkpoint()
	h.SetMeta("late", []byte("beside it"))
	h.commit()
	check("a checkpoint", true)
	h.Append(1, []byte("behind it"))
	h.commit()
	h.reopen()
	check("opened again behind it", true)
	h.Append(1, []byte("lost"))
	h.Begin()
	h.Recover()
	if err := h.wait(h.Open); err != nil {
		t.Fatal(err)
	}
	check("a commit failed", true)
}

func TestSettingsAreCopied(t *testing.T) {
	h := newHarness(t, Options{})
	v := []byte("value")
	h.SetMeta("k", v)
	v[0] = 'X'
	h.wantMeta(map[string]string{"k": "value"})
}

func TestCheckpoint(t *testing.T) {
	h := newHarness(t, Options{})
	h.SetMeta("name", []byte("one"))
	h.Append(1, []byte("a"))
	h.commit()
	seg := h.AddBlock(storage.Segment, []byte("values"))
	page := h.AddBlock(storage.Page, []byte("keys"))
	h.SetPart(1, []byte("part"))
	h.Checkpoint()
	h.SetMeta("late", []byte("also there"))
	h.Append(1, []byte("after"))
	h.commit()
	h.Append(1, []byte("later"))
	h.commit()
	if got := h.blocks(storage.Log); !slices.Equal(got, []uint64{2, 3}) {
		t.Errorf("log records %d, want 2 and 3", got)
	}

	h.reopen()
	h.Refer(seg)
	h.Refer(page)
	h.wantMeta(map[string]string{"name": "one", "late": "also there"})
	h.wantPart(1, "part", "after", "later")
	if got := string(h.block(seg)) + " " + string(h.block(page)); got != "values keys" {
		t.Errorf("blocks: %s", got)
	}

	h.DelBlock(seg)
	h.SetPart(1, []byte("second"))
	if !slices.Equal(h.blocks(storage.Segment), []uint64{1}) {
		t.Error("a block is gone before the manifest that does without it is there")
	}
	again := h.AddBlock(storage.Segment, []byte("more"))
	h.Checkpoint()
	h.commit()
	if got := h.blocks(storage.Segment); again == seg || !slices.Equal(got, []uint64{again.N()}) {
		t.Errorf("segments %d, want %d alone", got, again.N())
	}
}

// TestCheckpointInFlight: a checkpoint that is taken while a commit is being written counts that commit as written.
func TestCheckpointInFlight(t *testing.T) {
	for _, crash := range []string{"before the commit", "after the commit", "after the checkpoint"} {
		t.Run(crash, func(t *testing.T) {
			h := newHarness(t, Options{})
			h.SetMeta("n", []byte("0"))
			h.commit()
			h.SetMeta("n", []byte("1"))
			commit := h.Begin()
			h.SetMeta("n", []byte("2"))
			h.SetPart(1, []byte("part"))
			h.Checkpoint()
			h.Checkpoint() // twice before it is written changes nothing
			want, part := "0", ""
			if crash != "before the commit" {
				if err := h.store.Commit(commit, storage.Strict); err != nil {
					t.Fatal(err)
				}
				h.Committed()
				want = "1"
			}
			if crash == "after the checkpoint" {
				h.commit()
				want, part = "2", "part"
			}
			h.reopen()
			h.wantMeta(map[string]string{"n": want})
			h.wantPart(1, part)
			h.SetMeta("n", []byte("3"))
			h.commit()
			h.reopen()
			h.wantMeta(map[string]string{"n": "3"})
		})
	}
}

// TestUnopenedNamespace: a checkpoint leaves alone what belongs to a namespace that was not opened this time.
func TestUnopenedNamespace(t *testing.T) {
	h := newHarness(t, Options{})
	mine := h.AddBlock(storage.Segment, []byte("of namespace 2"))
	h.SetPart(2, []byte("part"))
	h.Checkpoint()
	h.commit()
	h.Append(2, []byte("item"))
	h.commit()
	for range 2 {
		h.reopen()
		h.wantPart(1, "")
		h.Checkpoint()
		h.commit()
	}
	h.Checkpoint()
	h.commit()
	h.reopen()
	h.wantPart(2, "part", "item")
	if got := string(h.block(mine)); got != "of namespace 2" {
		t.Errorf("block %q", got)
	}
}

func TestOrphansAreDeleted(t *testing.T) {
	h := newHarness(t, Options{})
	kept := h.AddBlock(storage.Page, []byte("kept"))
	h.SetPart(1, []byte("part"))
	h.Checkpoint()
	h.commit()
	orphan := storage.Segment | 77
	h.overwrite(orphan, []byte("nobody names it"))
	h.reopen()
	h.Part(1)
	h.Refer(kept)
	if id := h.AddBlock(storage.Segment, []byte("new")); id.N() != 78 {
		t.Errorf("new segment %d, want one that nothing had before", id.N())
	}
	h.Checkpoint()
	h.commit()
	if got := h.raw(); len(got[orphan]) != 0 || len(got[kept]) == 0 || len(h.blocks(storage.Segment)) != 1 {
		t.Errorf("left: %d", slices.Sorted(maps.Keys(got)))
	}
}

// TestFence: of two ledgers on the same storage the one that writes later fails, and nothing has changed.
func TestFence(t *testing.T) {
	h := newHarness(t, Options{})
	h.SetMeta("k", []byte("v"))
	h.commit()
	old := &harness{t: t, store: h.store.Reopen()}
	old.reopen()

	h.reopen()
	h.Fence()
	if !h.Pending() {
		t.Fatal("a fence is nothing to write")
	}
	h.commit()
	before := h.raw()
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
	if !maps.Equal(before, h.raw()) {
		t.Error("the old ledger has changed something")
	}
}

// TestFenceOutlastsCheckpoints: checkpoints delete the log, and yet a ledger from before them cannot write: not after many runs,
// each of which wrote, took checkpoints and ended at another place in its log.
func TestFenceOutlastsCheckpoints(t *testing.T) {
	h := newHarness(t, Options{})
	var old []*harness
	for run := range 8 {
		h.Fence()
		h.SetMeta("secret", []byte("of the first record"))
		for n := range run%4 + 1 {
			h.SetMeta("secret", nil)
			if n%2 == run%2 {
				h.Checkpoint()
			}
			h.commit()
		}
		frozen := &harness{t: t, store: h.store.Reopen()}
		frozen.reopen()
		old = append(old, frozen)
		h.reopen()
	}
	h.Fence()
	h.commit()
	h.Checkpoint()
	h.commit()
	before := h.raw()
	for run, frozen := range old {
		frozen.SetMeta("k", []byte("stale"))
		if err := frozen.store.Commit(frozen.Begin(), storage.Strict); !errors.Is(err, storage.ErrExists) {
			t.Errorf("the ledger of run %d: %v, want ErrExists", run, err)
		}
	}
	if !maps.Equal(before, h.raw()) {
		t.Error("an old ledger has changed something")
	}
	for _, n := range h.blocks(storage.Log) {
		if n < h.first && len(before[storage.Log|storage.ID(n)]) > len(testVault().Seal(0, []byte{recordFormat})) {
			t.Errorf("record %d is kept with what was in it", n)
		}
	}
	h.reopen()
	h.wantMeta(map[string]string{})
}

// TestFenceAtTheHead: a ledger is refused with its first commit when an older one has written since it was opened, wherever the log was then
// and is now. Otherwise the older one is refused. All that was committed stays.
func TestFenceAtTheHead(t *testing.T) {
	record := func(h *harness) { h.record("a") }
	checkpoint := func(h *harness) { h.shorten("part") }
	fence := func(h *harness) { h.Fence(); h.commit() }
	for _, c := range []struct {
		name   string
		before []func(*harness) // the other is opened
		since  []func(*harness) // it is not fenced yet
	}{
		{"nothing in an empty store", nil, nil},
		{"a fence in an empty store", nil, []func(*harness){fence}},
		{"a fence in an empty store, and a checkpoint", nil, []func(*harness){fence, record, checkpoint}},
		{"nothing behind a fence", []func(*harness){fence}, nil},
		{"a record behind a fence", []func(*harness){fence}, []func(*harness){record}},
		{"a checkpoint behind a fence", []func(*harness){fence}, []func(*harness){checkpoint}},
		{"a checkpoint some way behind a fence", []func(*harness){fence}, []func(*harness){record, record, checkpoint}},
		{"nothing behind a record", []func(*harness){fence, record}, nil},
		{"a checkpoint some way behind a record", []func(*harness){fence, record}, []func(*harness){record, record, checkpoint, record}},
		{"nothing behind a checkpoint", []func(*harness){fence, record, checkpoint}, nil},
		{"a checkpoint some way behind a checkpoint", []func(*harness){fence, checkpoint}, []func(*harness){record, record, checkpoint}},
		{"many behind a checkpoint", []func(*harness){fence, checkpoint}, []func(*harness){record, checkpoint, record, checkpoint, record}},
		{"nothing behind a fence with a checkpoint", []func(*harness){func(h *harness) { h.Fence(); h.shorten("part") }}, nil},
		{"a checkpoint behind a fence with one", []func(*harness){func(h *harness) { h.Fence(); h.shorten("part") }}, []func(*harness){record, checkpoint}},
		{"a checkpoint behind the second fence", []func(*harness){fence, checkpoint, fence}, []func(*harness){record, record, checkpoint}},
		{"a checkpoint behind fences alone", []func(*harness){fence, fence, fence}, []func(*harness){record, checkpoint}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newHarness(t, Options{})
			a.all(c.before)
			b := a.rival()
			a.all(c.since)
			before := a.raw()
			part, items := a.stored()
			b.Fence()
			first := b.store.Commit(b.Begin(), storage.Strict)
			if moved := len(c.since) > 0; moved != errors.Is(first, storage.ErrExists) || moved != maps.Equal(before, a.raw()) {
				t.Fatalf("the later one commits: %v", first)
			}
			a.Append(1, []byte("more"))
			then := a.store.Commit(a.Begin(), storage.Strict)
			if (first == nil) != errors.Is(then, storage.ErrExists) {
				t.Errorf("then the earlier one: %v", then)
			}
			if then == nil {
				items = append(items, "more")
			}
			a.reopen()
			a.record("at the end")
			a.reopen()
			a.wantPart(1, part, append(items, "at the end")...)
		})
	}
}

// stored is what a ledger that is opened now has of namespace 1.
func (h *harness) stored() (part string, items []string) {
	r := &harness{t: h.t, store: h.store}
	r.reopen()
	p, list := r.Part(1)
	for _, item := range list {
		items = append(items, string(item))
	}
	return string(p), items
}

func (h *harness) all(steps []func(*harness)) {
	for _, do := range steps {
		do(h)
	}
}

// TestFencesAreBounded: the oldest go when there are too many.
func TestFencesAreBounded(t *testing.T) {
	h := newHarness(t, Options{})
	for range maxFences + 20 {
		h.Fence()
		h.commit()
		h.Checkpoint()
		h.commit()
	}
	h.reopen()
	if n := len(h.blocks(storage.Log)); n < maxFences || n > maxFences+2 {
		t.Errorf("%d log records are kept", n)
	}
}

func TestDamage(t *testing.T) {
	record, manifest := storage.Log|2, storage.Manifest
	for _, c := range []struct {
		name string
		do   func(h *harness)
		want error
	}{
		{"nothing", func(*harness) {}, nil},
		{"a record is missing in the middle", func(h *harness) { h.del(storage.Log | 3) }, ErrDamaged},
		{"the first record is missing", func(h *harness) { h.del(record) }, ErrDamaged},
		{"all records are missing", func(h *harness) { h.del(record); h.del(storage.Log | 3); h.del(storage.Log | 4) }, ErrDamaged},
		{"the manifest is missing", func(h *harness) { h.del(manifest) }, ErrDamaged},
		{"an old record is back", func(h *harness) { h.overwrite(storage.Log|1, []byte{recordFormat}) }, ErrDamaged},
		{"a record is empty", func(h *harness) { h.overwrite(record, nil) }, ErrDamaged},
		{"a record has an unknown item", func(h *harness) { h.overwrite(record, []byte{recordFormat, 9}) }, ErrDamaged},
		{"a record is cut", func(h *harness) { h.overwrite(record, []byte{recordFormat, itemMeta, 0, 4, 'a'}) }, ErrDamaged},
		{"a record is of format 0", func(h *harness) { h.overwrite(record, []byte{0}) }, ErrDamaged},
		{"a record is of the first format", func(h *harness) { h.overwrite(record, []byte{1, itemFence}) }, nil},
		{"a record is of a newer format", func(h *harness) { h.overwrite(record, []byte{recordFormat + 1}) }, ErrVersion},
		{"a manifest is empty", func(h *harness) { h.overwrite(manifest, nil) }, ErrDamaged},
		{"a manifest is cut", func(h *harness) { h.overwrite(manifest, h.appendManifest(nil)[:30]) }, ErrDamaged},
		{"a manifest has bytes left", func(h *harness) { h.overwrite(manifest, append(h.appendManifest(nil), 0)) }, ErrDamaged},
		{"a manifest is of a newer format", func(h *harness) { h.overwrite(manifest, []byte{manifestFormat + 1}) }, ErrVersion},
		{"another block in a record's place", func(h *harness) { h.put(record, []byte(h.raw()[storage.Log|3])) }, vault.ErrDamaged},
		{"a sealed block is cut", func(h *harness) { b := h.raw()[record]; h.put(record, []byte(b[:len(b)-1])) }, vault.ErrDamaged},
		{"a sealed block is of a newer format", func(h *harness) { b := []byte(h.raw()[record]); b[0]++; h.put(record, b) }, vault.ErrVersion},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, Options{})
			h.SetMeta("k", []byte("v"))
			h.commit()
			h.SetPart(1, []byte("part"))
			h.Checkpoint()
			h.commit()
			h.SetMeta("k", []byte("w"))
			h.commit()
			h.Append(1, []byte("item"))
			h.commit()
			c.do(h)
			if err := h.tryReopen(); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestMissingBlock: a block that storage does not have is damage for whoever needs it, and for nobody else.
func TestMissingBlock(t *testing.T) {
	h := newHarness(t, Options{})
	here := h.AddBlock(storage.Segment, []byte("here"))
	h.SetPart(1, []byte("part"))
	h.Checkpoint()
	h.commit()
	h.reopen()
	h.Want(storage.Segment | 9)
	if got := string(h.block(here)); got != "here" {
		t.Errorf("block %q", got)
	}
	if err := h.wait(func() error { _, err := h.Block(storage.Segment | 9); return err }); !errors.Is(err, ErrDamaged) {
		t.Errorf("missing: %v, want ErrDamaged", err)
	}
}

func TestCache(t *testing.T) {
	h := newHarness(t, Options{CacheBytes: 1000})
	var ids []storage.ID
	for i := range 5 {
		ids = append(ids, h.AddBlock(storage.Segment, bytes.Repeat([]byte{byte(i)}, 300)))
	}
	cached := func() (out []int) {
		for i, id := range ids {
			if h.cache.blocks[id] != nil {
				out = append(out, i)
			}
		}
		return out
	}
	h.Trim()
	if got := cached(); len(got) != 5 {
		t.Errorf("%d are left: what is not durable must stay", got)
	}
	h.SetPart(1, []byte("part"))
	h.Checkpoint()
	h.commit()
	h.block(ids[0])
	h.Trim()
	if got := cached(); !slices.Equal(got, []int{0, 4}) {
		t.Errorf("%d are left, want those that were used last, 0 and 4", got)
	}
	b, err := h.Block(ids[0])
	if err != nil {
		t.Fatal(err)
	}
	h.Keep(b, "parsed", 900)
	h.Trim()
	if got := cached(); len(got) != 0 {
		t.Errorf("%d are left, which weigh too much", got)
	}
	if got := h.block(ids[3]); !bytes.Equal(got, bytes.Repeat([]byte{3}, 300)) {
		t.Error("another block came back")
	}
	h.Want(ids[3])
	h.Want(ids[2])
	h.Want(ids[2])
	if got := h.Wanted(); !slices.Equal(got, []storage.ID{ids[2]}) {
		t.Errorf("wanted %d, want the missing one once", got)
	}
}
