package ledger

import (
	"errors"
	"maps"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

func sane(t *testing.T, err error) {
	if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
		t.Errorf("%v", err)
	}
}

func FuzzRecord(f *testing.F) {
	h := newHarness(f, Options{})
	h.SetMeta("key", []byte("value"))
	h.Append(7, []byte("item"))
	f.Add(append([]byte{recordFormat}, h.pending...))
	f.Add([]byte{recordFormat})
	f.Add([]byte{recordFormat + 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		l := New(testVault(), nil, Options{})
		sane(t, l.readRecord(1, b))
	})
}

func FuzzManifest(f *testing.F) {
	h := newHarness(f, Options{})
	f.Add(h.appendManifest(nil))
	h.SetMeta("key", []byte("value"))
	h.SetPart(3, []byte("part"))
	h.AddBlock(storage.Page, []byte("page"))
	f.Add(h.appendManifest(nil))
	f.Add([]byte{manifestFormat + 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		l := New(testVault(), nil, Options{})
		if err := l.readManifest(b); err != nil {
			sane(t, err)
			return
		}
		again := New(testVault(), nil, Options{})
		if err := again.readManifest(l.appendManifest(nil)); err != nil {
			t.Fatalf("what was read does not read again: %v", err)
		}
		if again.first != l.first || !maps.EqualFunc(again.meta, l.meta, equal) || !maps.EqualFunc(again.parts, l.parts, equal) {
			t.Error("what was read and written is another manifest")
		}
	})
}

func equal(a, b []byte) bool { return string(a) == string(b) }
