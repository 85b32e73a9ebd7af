package ledger

import (
	"sort"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// What stands inside the sealed blocks of the ledger's own:
//
//	log record = format u8 = 3 ‖ item*             one of format 1 or 2 has fewer kinds of a namespace's items
//	item       = 1 ‖ lv(setting) ‖ lv32(value)      an empty value deletes
//	           | 2 ‖ namespace u16 ‖ lv32(item)     of package replica
//	           | 3                                  a run began here
//	manifest   = format u8 = 1 ‖ first log record u64 ‖ next segment u64 ‖ next page u64
//	             ‖ n u32 ‖ (lv(setting) ‖ lv32(value))*n ‖ m u16 ‖ (namespace u16 ‖ lv32(part))*m
//	             ‖ k u16 ‖ (number u64)*k           old log records that are only numbers still, ascending
const (
	recordFormat   = 3
	manifestFormat = 1

	itemMeta      = 1
	itemNamespace = 2
	itemFence     = 3

	maxMetaKey = 1<<16 - 1
	maxItem    = storage.MaxBlock
)

func appendMeta(b []byte, key string, value []byte) []byte {
	return wire.AppendLV32(wire.AppendLV(b, []byte(key)), value)
}

// checkFormat tells a newer format than newest from damage. Those from 1 on can be read.
func checkFormat(got, newest uint8) error {
	switch {
	case got > newest:
		return ErrVersion
	case got == 0:
		return ErrDamaged
	}
	return nil
}

func (l *Ledger) readRecord(n uint64, b []byte) error {
	r := wire.NewReader(b)
	if err := checkFormat(r.U8(), recordFormat); err != nil {
		return err
	}
	for r.Len() > 0 {
		switch r.U8() {
		case itemMeta:
			key, value := string(r.LV(maxMetaKey)), r.LV32(maxItem)
			if r.Err() == nil {
				l.setMeta(key, value)
			}
		case itemNamespace:
			ns, item := r.U16(), r.LV32(maxItem)
			if r.Err() == nil {
				l.items[ns] = append(l.items[ns], item)
			}
		case itemFence:
			l.fences = append(l.fences, n)
		default:
			r.Fail()
		}
	}
	if r.Done() != nil {
		return ErrDamaged
	}
	return nil
}

// sorted returns the keys of m, ascending.
func sorted[K uint16 | string, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

func (l *Ledger) appendManifest(b []byte) []byte {
	b = append(b, manifestFormat)
	b = wire.AppendU64(wire.AppendU64(wire.AppendU64(b, l.first), l.nextSeg), l.nextPage)
	b = wire.AppendU32(b, uint32(len(l.meta)))
	for _, key := range sorted(l.meta) {
		b = appendMeta(b, key, l.meta[key])
	}
	b = wire.AppendU16(b, uint16(len(l.parts)))
	for _, ns := range sorted(l.parts) {
		b = wire.AppendLV32(wire.AppendU16(b, ns), l.parts[ns])
	}
	b = wire.AppendU16(b, uint16(len(l.fences)))
	for _, n := range l.fences {
		b = wire.AppendU64(b, n)
	}
	return b
}

func (l *Ledger) readManifest(b []byte) error {
	r := wire.NewReader(b)
	if err := checkFormat(r.U8(), manifestFormat); err != nil {
		return err
	}
	l.first = r.U64()
	l.nextSeg, l.nextPage = max(l.nextSeg, r.U64()), max(l.nextPage, r.U64())
	for n := r.U32(); n > 0 && r.Err() == nil; n-- {
		key, value := string(r.LV(maxMetaKey)), r.LV32(maxItem)
		l.setMeta(key, value)
	}
	for n := r.U16(); n > 0 && r.Err() == nil; n-- {
		ns := r.U16()
		l.parts[ns], l.asleep[ns] = r.LV32(maxItem), struct{}{}
	}
	for n := r.U16(); n > 0 && r.Err() == nil; n-- {
		l.fences = append(l.fences, r.U64())
	}
	if r.Done() != nil || l.first == 0 {
		return ErrDamaged
	}
	return nil
}
