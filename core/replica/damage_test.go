package replica

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

// overwrite seals what change makes of a block in its place.
func (g *harness) overwrite(id storage.ID, change func([]byte) []byte) {
	g.t.Helper()
	v := vault.New([32]byte{1}, zeros{})
	blocks, err := g.store.Load([]storage.ID{id})
	if err != nil {
		g.t.Fatal(err)
	}
	plain, err := v.Open(id, blocks[0].Data)
	if err != nil {
		g.t.Fatal(err)
	}
	blocks[0].Data = v.Seal(id, change(plain))
	if err := g.store.Commit(storage.Commit{Puts: blocks}, storage.Strict); err != nil {
		g.t.Fatal(err)
	}
}

// TestDamage: a page that cannot be read, or a block of a newer version, is an error, whatever wants it, and changes nothing. A segment that cannot be read
// is one for who wants its values.
func TestDamage(t *testing.T) {
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	long := func(b []byte) []byte { return append(b, 0) }
	newer := func(b []byte) []byte { b[0] = pageFormat + 1; return b }
	older := func(b []byte) []byte { b[0] = 0; return b }
	empty := func([]byte) []byte { return nil }
	huge := func(b []byte) []byte { copy(b[1:], "\xff\xff\xff\xff"); return b }
	for _, class := range []string{"page", "segment"} {
		for _, c := range []struct {
			name   string
			change func([]byte) []byte
			want   error
		}{
			{"cut", cut, ledger.ErrDamaged}, {"too long", long, ledger.ErrDamaged}, {"newer", newer, ledger.ErrVersion},
			{"older", older, ledger.ErrDamaged}, {"empty", empty, ledger.ErrDamaged}, {"huge count", huge, ledger.ErrDamaged},
		} {
			t.Run(class+" "+c.name, func(t *testing.T) {
				g := newHarness(t, 1, true)
				g.strict = false
				for i := range 4 {
					g.put(1, fmt.Sprint("k", i), "value")
				}
				g.save()
				id := g.pages[0].id
				if class == "segment" {
					id = g.segs[0].id
				}
				g.overwrite(id, c.change)
				g.reopen()
				before := g.dump()
				uses := map[string]func() error{
					"Next":         func() error { _, _, _, err := g.Next(nil, 0, 0, 100); return err },
					"ChangesSince": func() error { _, err := g.ChangesSince(0); return err },
					"Reissue":      g.Reissue,
					"RecoverFork": func() error {
						_, err := g.RecoverFork(wire.Marks{Writer: g.writer.id}, byAnother(g.Replica))
						return err
					},
				}
				if class == "segment" && c.want == ledger.ErrDamaged {
					uses = map[string]func() error{"Get": func() error { _, _, err := g.Get("k1"); return err }}
					if c.name == "too long" || c.name == "huge count" {
						uses = nil // it takes single records
					}
				}
				if class == "page" {
					delete(uses, "Next")
					delete(uses, "RecoverFork")
					uses["Get"] = func() error { _, _, err := g.Get("k1"); return err }
					uses["Range"] = func() error { _, _, err := g.Range(Query{}); return err }
					uses["Write"] = func() error { _, err := g.Write(1, []Write{set("k1", "x")}); return err }
					uses["Apply"] = func() error {
						rec := wire.Record{Dot: wire.Dot{Writer: 7, Seq: block}, Key: "k1", Kind: wire.JSON}
						_, _, err := g.Apply([]wire.Record{rec}, full(1))
						return err
					}
				}
				for name, use := range uses {
					g.led.Trim()
					if err := g.wait(use); !errors.Is(err, c.want) {
						t.Errorf("%s: %v, want %v", name, err, c.want)
					}
					if g.dump() != before {
						t.Errorf("%s has changed something", name)
					}
				}
			})
		}
	}
}

// A part of the manifest, and items of the log, that are not what they should be.
func TestDamagedPart(t *testing.T) {
	g := newHarness(t, 1, false)
	g.put(1, "k", "value")
	g.save()
	good := g.appendPart(nil)
	read := func(part []byte, items ...[]byte) error {
		led := ledger.New(vault.New([32]byte{1}, zeros{}), nil, ledger.Options{})
		if err := led.Open(); err != nil {
			t.Fatal(err)
		}
		r := &Replica{led: led, cfg: Config{Rand: g.rand}, past: map[uint64]bool{}}
		if part != nil {
			if err := r.readPart(part); err != nil {
				return err
			}
		}
		return r.replay(items)
	}
	if err := read(good); err != nil {
		t.Fatal(err)
	}
	stretches, values := wire.AppendLV32([]byte{fieldStretches}, g.appendStretches(nil)), wire.AppendLV32([]byte{fieldValues}, g.appendValues(nil))
	whole := []int{len(good) - len(stretches), len(good) - len(stretches) - len(values)} // of versions that did not know them
	for n := range good {
		if err := read(append([]byte{}, good[:n]...)); !errors.Is(err, ledger.ErrDamaged) && n > 0 && !slices.Contains(whole, n) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for _, c := range []struct {
		name string
		part []byte
		item []byte
		want error
	}{
		{"a newer part", append([]byte{partFormat + 1}, good[1:]...), nil, ledger.ErrVersion},
		{"an older part", append([]byte{2}, good[1:]...), nil, ledger.ErrDamaged},
		{"an empty item", good, []byte{}, ledger.ErrDamaged},
		{"an unknown item", good, []byte{99}, ledger.ErrDamaged},
		{"records without any", good, make([]byte, 26), ledger.ErrDamaged},
		{"a vector with bytes left", good, []byte{itemJoin, 0, 0, 0}, ledger.ErrDamaged},
		{"another writer's reservation", good, append([]byte{itemReserved}, make([]byte, 24)...), ledger.ErrDamaged},
		{"a short reset", good, []byte{itemReset, 1}, ledger.ErrDamaged},
		{"a long reset", good, append([]byte{itemReset}, make([]byte, 17)...), ledger.ErrDamaged},
		{"a short fork", good, append([]byte{itemFork}, make([]byte, 31)...), ledger.ErrDamaged},
	} {
		if err := read(c.part, c.item); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
