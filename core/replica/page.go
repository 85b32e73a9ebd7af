package replica

import (
	"cmp"
	"slices"
	"strings"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// pageBytes is about how long an index page may grow before it is split.
var pageBytes = 48 << 10 // a variable for the tests, which want many

// pageRef is an index page as the directory has it: the keys from first on, up to the next page's. The block is:
//
//	format u8 = 3 ‖ n u32 ‖ (lv(key) ‖ m u32 ‖ version*m)*n
//	version = kind u8, with 0x80 if it is hearsay and 0x40 if it is abridged (not in format 1) ‖ writer u64 ‖ seq u64 ‖ time u64 ‖ position u64
//	          ‖ segment u64 ‖ offset u32 ‖ size u32 ‖ ord u32 ‖ k u16 ‖ (writer u64 ‖ seq u64)*k
//	          ‖ term(16) if it is counted (not in formats 1 and 2)
type pageRef struct {
	id    storage.ID
	first string
	bytes uint32
	keys  uint32
	tombs uint32

	hearsay uint32 // versions
	values  uint32 // keys that have a version that is no deletion

	looked bool // nothing in it can be collected by what everyone has
}

const (
	pageFormat  = 3
	hearsayBit  = 0x80
	abridgedBit = 0x40
	pageHead    = 1 + 4                       // bytes before the keys
	minVersion  = 1 + 16 + 8 + 8 + 8 + 12 + 2 // bytes of a version
	minEntry    = 2 + 1 + 4 + minVersion      // and of a key
)

// usualKey is about how long most keys are.
const usualKey = 32

// page is an index page opened: keys ascending, each with its versions.
type page struct {
	keys     []string
	versions [][]*version
}

// pageOf is the number of the page whose range has key, -1 if there are no pages.
func (r *Replica) pageOf(key string) int {
	i, ok := slices.BinarySearchFunc(r.pages, key, func(p pageRef, k string) int { return cmp.Compare(p.first, k) })
	if ok {
		return i
	}
	return max(i-1, min(0, len(r.pages)-1))
}

func (r *Replica) storedVersions(key string) ([]*version, error) {
	i := r.pageOf(key)
	if i < 0 {
		return nil, nil
	}
	p, err := r.page(i)
	if err != nil {
		return nil, err
	}
	if j, ok := slices.BinarySearch(p.keys, key); ok {
		return p.versions[j], nil
	}
	return nil, nil
}

// page opens the i-th page.
func (r *Replica) page(i int) (*page, error) {
	b, err := r.led.Block(r.pages[i].id)
	if err != nil {
		return nil, err
	}
	if p, ok := b.Parsed.(*page); ok {
		return p, nil
	}
	p, err := parsePage(b.Data)
	if err != nil {
		return nil, err
	}
	r.led.Keep(b, p, 3*len(b.Data))
	return p, nil
}

func parsePage(b []byte) (*page, error) {
	in := wire.NewReader(b)
	format := in.U8()
	if err := checkFormat(format, pageFormat); err != nil {
		return nil, err
	}
	n := int(in.U32())
	if in.Len() < n*minEntry {
		return nil, ledger.ErrDamaged
	}
	p := &page{keys: make([]string, 0, n), versions: make([][]*version, 0, n)}
	text := string(b) // which all keys are parts of
	mem := make(versions, 0, n)
	for i := range n {
		raw := in.LV(wire.MaxKey)
		end := len(b) - in.Len()
		key := text[end-len(raw) : end]
		if in.Err() != nil || !wire.ValidKey(key) || i > 0 && key <= p.keys[i-1] {
			return nil, ledger.ErrDamaged
		}
		vs, err := mem.read(&in, key, format > 2)
		if err != nil {
			return nil, err
		}
		p.keys, p.versions = append(p.keys, key), append(p.versions, vs)
	}
	if in.Done() != nil {
		return nil, ledger.ErrDamaged
	}
	return p, nil
}

// versions is memory for a page's versions, which come and go together: mostly there is one for each key.
type versions []version

func (mem *versions) new() *version {
	if len(*mem) == cap(*mem) {
		*mem = make(versions, 0, 64)
	}
	*mem = (*mem)[:len(*mem)+1]
	return &(*mem)[len(*mem)-1]
}

func (mem *versions) read(in *wire.Reader, key string, terms bool) ([]*version, error) {
	m := int(in.U32())
	if m == 0 || in.Len() < m*minVersion {
		return nil, ledger.ErrDamaged
	}
	vs := make([]*version, 0, m)
	for range m {
		v := mem.new()
		kind := in.U8()
		v.key, v.kind, v.hearsay, v.abridged = key, wire.Kind(kind&^(hearsayBit|abridgedBit)), kind&hearsayBit != 0, kind&abridgedBit != 0
		v.dot = wire.Dot{Writer: in.U64(), Seq: in.U64()}
		v.time, v.pos = in.U64(), in.U64()
		v.loc = location{seg: storage.ID(in.U64()), off: in.U32(), size: in.U32(), ord: in.U32()}
		k := int(in.U16())
		if k > wire.MaxContext || in.Len() < 16*k || v.kind > wire.Bytes || v.loc.seg.Class() != storage.Segment {
			return nil, ledger.ErrDamaged
		}
		for range k {
			v.ctx = append(v.ctx, wire.Dot{Writer: in.U64(), Seq: in.U64()})
		}
		if terms && v.counted() {
			copy(v.term[:], in.Bytes(len(v.term)))
		}
		vs = append(vs, v)
	}
	return vs, nil
}

func appendVersions(b []byte, key string, vs []*version) []byte {
	b = wire.AppendU32(wire.AppendLV(b, []byte(key)), uint32(len(vs)))
	for _, v := range vs {
		kind := byte(v.kind)
		if v.hearsay {
			kind |= hearsayBit
		}
		if v.abridged {
			kind |= abridgedBit
		}
		b = wire.AppendU64(wire.AppendU64(append(b, kind), v.dot.Writer), v.dot.Seq)
		b = wire.AppendU64(wire.AppendU64(b, v.time), v.pos)
		b = wire.AppendU64(b, uint64(v.loc.seg))
		b = wire.AppendU32(wire.AppendU32(wire.AppendU32(b, v.loc.off), v.loc.size), v.loc.ord)
		b = wire.AppendU16(b, uint16(len(v.ctx)))
		for _, d := range v.ctx {
			b = wire.AppendU64(wire.AppendU64(b, d.Writer), d.Seq)
		}
		if v.counted() {
			b = append(b, v.term[:]...)
		}
	}
	return b
}

// pageWriter gathers keys, ascending, and writes them into pages of about equal length.
type pageWriter struct {
	body []byte
	keys []pageKey
}

// pageKey is a key that is to be in a page.
type pageKey struct {
	key   string
	end   int // of what is written of it and of those before it, in body
	tombs uint32

	hearsay uint32
	value   uint32 // 1: it has a version that is no deletion
}

func (w *pageWriter) add(key string, vs []*version) {
	if len(vs) == 0 {
		return
	}
	k := pageKey{key: key}
	for _, v := range vs {
		if v.kind == wire.Deleted {
			k.tombs++
		} else {
			k.value = 1
		}
		if v.hearsay {
			k.hearsay++
		}
	}
	w.body = appendVersions(w.body, key, vs)
	k.end = len(w.body)
	w.keys = append(w.keys, k)
}

func (w *pageWriter) write(l *ledger.Ledger) []pageRef {
	total := len(w.body)
	if total == 0 {
		return nil
	}
	target := total / ((total + pageBytes - 1) / pageBytes)
	var out []pageRef
	start := 0
	for i := 0; i < len(w.keys); {
		ref := pageRef{first: strings.Clone(w.keys[i].key), looked: true} // the key may be part of a text of many
		end := start
		for ; i < len(w.keys) && (end-start < target || end == start); i++ {
			end = w.keys[i].end
			ref.keys++
			ref.tombs += w.keys[i].tombs
			ref.hearsay += w.keys[i].hearsay
			ref.values += w.keys[i].value
		}
		ref.bytes = uint32(end - start)
		block := make([]byte, 0, pageHead+end-start)
		block = append(wire.AppendU32(append(block, pageFormat), ref.keys), w.body[start:end]...)
		ref.id = l.AddBlock(storage.Page, block)
		out = append(out, ref)
		start = end
	}
	return out
}
