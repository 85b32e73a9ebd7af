package stored

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

// A Later is a way in which a version to come may write what this one cannot read: as a format that is above all that there are.
type Later struct {
	What    string
	classes []storage.ID                            // of blocks, the last of which that has it counts
	find    func(class storage.ID, b []byte) []byte // in what such a block seals: what begins with its format; nil: the sealed block does
}

// Laters are all of them.
var Laters = []Later{
	{"a sealed manifest", []storage.ID{storage.Manifest}, nil},
	{"a sealed record of the log", []storage.ID{storage.Log}, nil},
	{"a manifest", []storage.ID{storage.Manifest}, whole},
	{"a record of the log", []storage.ID{storage.Log}, whole},
	{"a namespace's part", []storage.ID{storage.Manifest}, part},
	{"a roster", []storage.ID{storage.Manifest, storage.Log}, roster},
}

const laterFormat = 200

// Write changes what s has under key to that. It reports whether there was such a thing.
func (l Later) Write(t testing.TB, key [32]byte, s storage.Store) bool {
	t.Helper()
	v := vault.New(key, rand.Reader)
	for _, b := range l.blocks(t, s) {
		data := l.change(t, v, b)
		if data == nil {
			continue
		}
		if err := s.Commit(storage.Commit{Puts: []storage.Block{{ID: b.ID, Data: data}}}, storage.Strict); err != nil {
			t.Fatal(err)
		}
		return true
	}
	return false
}

func (l Later) change(t testing.TB, v *vault.Vault, b storage.Block) []byte {
	t.Helper()
	if l.find == nil {
		data := bytes.Clone(b.Data)
		data[0] = laterFormat
		return data
	}
	plain, err := v.Open(b.ID, b.Data)
	if err != nil {
		t.Fatal(err)
	}
	format := l.find(b.ID.Class(), plain)
	if format == nil {
		return nil
	}
	format[0] = laterFormat
	return v.Seal(b.ID, plain)
}

// blocks are those of the classes, the last one first.
func (l Later) blocks(t testing.TB, s storage.Store) []storage.Block {
	t.Helper()
	ids, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	ids = slices.DeleteFunc(ids, func(id storage.ID) bool { return !slices.Contains(l.classes, id.Class()) })
	slices.Sort(ids)
	slices.Reverse(ids)
	blocks, err := s.Load(ids)
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

func whole(_ storage.ID, block []byte) []byte { return block }

// part is the first part that a manifest has. Package ledger says how its blocks are built.
func part(_ storage.ID, manifest []byte) []byte {
	in := settings(manifest, func(string, []byte) {})
	if in.U16() == 0 {
		return nil
	}
	in.U16()
	return in.LV32(storage.MaxBlock)
}

// roster is the circle's.
func roster(class storage.ID, block []byte) (found []byte) {
	read := logged
	if class == storage.Manifest {
		read = settings
	}
	read(block, func(name string, value []byte) {
		if name == "roster" {
			found = value
		}
	})
	return found
}

// settings reads a manifest's settings, and returns what is behind them.
func settings(manifest []byte, each func(name string, value []byte)) *wire.Reader {
	in := wire.NewReader(manifest)
	in.Bytes(1 + 8 + 8 + 8)
	for n := in.U32(); n > 0; n-- {
		setting(&in, each)
	}
	return &in
}

// logged reads the settings of a log record.
func logged(record []byte, each func(name string, value []byte)) *wire.Reader {
	in := wire.NewReader(record)
	for in.U8(); in.Len() > 0; {
		switch in.U8() {
		case 1:
			setting(&in, each)
		case 2:
			in.U16()
			in.LV32(storage.MaxBlock)
		}
	}
	return &in
}

func setting(in *wire.Reader, each func(name string, value []byte)) {
	name := string(in.LV(1<<16 - 1))
	each(name, in.LV32(storage.MaxBlock))
}
