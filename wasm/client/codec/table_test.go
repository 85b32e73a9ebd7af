package codec

import (
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
	"github.com/masqdev/masq/wasm/client/codec/table"
)

// verbAt is where the verb of an op is: behind type, length and ID.
const verbAt = 1 + 4 + 8

// The table says of every golden message what stands in it, to its last byte.
func TestTableDescribesTheMessages(t *testing.T) {
	seen := map[string]bool{}
	for name, b := range goldens(t) {
		r := wire.NewReader(b)
		number, body := r.U8(), wire.NewReader(r.LV32(r.Len()))
		all := table.Events
		if strings.HasPrefix(name, "action.") {
			all = slices.Concat(table.TabActions, []table.Message{table.Status}, table.WorkerActions)
		}
		m := numbered(t, all, number)
		seen[strings.SplitN(name, ".", 2)[0]+m.Name] = true
		walk(t, &body, m)
		if m.Name == "Op" {
			verb := numbered(t, table.Verbs, b[verbAt])
			seen[verb.Name] = true
			walk(t, &body, verb)
		}
		if err := body.Done(); err != nil {
			t.Errorf("%s is not as the table says: %v", name, err)
		}
	}
	for _, v := range table.Verbs {
		if !seen[v.Name] {
			t.Errorf("there is no golden message with the verb %s", v.Name)
		}
	}
	if want := len(table.Events) + len(table.TabActions) + 1 + len(table.WorkerActions) + len(table.Verbs); len(seen) != want {
		t.Errorf("the golden messages are of %d kinds, the table has %d", len(seen), want)
	}
}

func numbered(t *testing.T, all []table.Message, number uint8) table.Message {
	t.Helper()
	i := slices.IndexFunc(all, func(m table.Message) bool { return m.Number == number })
	if i < 0 {
		t.Fatalf("the table has no number %d", number)
	}
	return all[i]
}

func walk(t *testing.T, r *wire.Reader, m table.Message) {
	for _, f := range m.Fields() {
		item, count, list := table.ListOf(f.Type)
		n := 1
		if list {
			n = int(integer(r, count))
		}
		for range n {
			if r.Err() != nil {
				return
			}
			skip(t, r, item)
		}
	}
}

func integer(r *wire.Reader, kind string) uint64 {
	switch kind {
	case "u8":
		return uint64(r.U8())
	case "u16":
		return uint64(r.U16())
	case "u32":
		return uint64(r.U32())
	}
	return r.U64()
}

func skip(t *testing.T, r *wire.Reader, kind string) {
	switch kind {
	case "u8", "u16", "u32", "u64":
		integer(r, kind)
	case "bool":
		readBool(r)
	case "text8":
		r.LV8(255)
	case "text":
		r.LV(1 << 16)
	case "bytes?":
		readBool(r)
		r.LV32(r.Len())
	case "bytes":
		r.LV32(r.Len())
	case "key32":
		r.Bytes(32)
	case "rest":
		r.Bytes(r.Len())
	default:
		if i := slices.IndexFunc(table.Records, func(m table.Message) bool { return m.Name == kind }); i >= 0 {
			walk(t, r, table.Records[i])
		} else if kind == "Verb" || slices.ContainsFunc(table.Enums, func(e table.Enum) bool { return e.Name == kind }) {
			r.U8()
		} else {
			t.Fatalf("the table has no type %s", kind)
		}
	}
}

// What JavaScript calls a verb is what the engine calls it.
func TestVerbsHaveTheEnginesNames(t *testing.T) {
	for _, v := range table.Verbs {
		if want := peer.VerbID(v.Number).String(); !strings.EqualFold(v.Name, want) {
			t.Errorf("verb %d is %s in the table, %s in the engine", v.Number, v.Name, want)
		}
	}
}
