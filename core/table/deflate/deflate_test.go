package deflate

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/table"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

// values are JSON as applications write it, and bytes that cannot be deflated.
var values = map[string]func(r *rand.Rand, i int) any{
	"notes": func(r *rand.Rand, i int) any {
		return map[string]any{
			"title": sentence(r, 4), "text": sentence(r, 20+r.IntN(60)), "created": 1_790_000_000_000 + 977*i, "edited": 1_790_000_000_000 + 1733*i, "pinned": r.IntN(9) == 0,
		}
	},
	"base64": func(r *rand.Rand, _ int) any {
		b := make([]byte, 75)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return base64.StdEncoding.EncodeToString(b)
	},
	"random bytes": func(r *rand.Rand, _ int) any {
		b := make([]byte, 100)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	},
	"settings": func(r *rand.Rand, i int) any {
		return map[string]any{"theme": []string{"dark", "light"}[r.IntN(2)], "fontSize": 12 + r.IntN(8), "sidebar": r.IntN(2) == 0, "lastOpened": fmt.Sprint("note-", i)}
	},
}

// words are those of a text. Few texts are at hand in a browser.
var words = strings.Fields(`On Monday we went to the market before it rained and bought bread, apples, two kinds of cheese and a small plant for the kitchen window.
Call the dentist about the appointment in March, and ask whether the earlier one on the ninth is still free. The train to the coast leaves at seven minutes past
eight from platform four; tickets are cheaper when they are bought a week ahead. Ideas for the talk: begin with the story of the lighthouse, show the map, then
explain why nobody had measured the tides before. Remember to water the tomatoes every second evening while the neighbours are away, and to feed their cat. The
recipe needs three eggs, a cup of flour, half as much sugar, some butter and the juice of one lemon; bake it for forty minutes. Books to return: the one about
bridges, the long novel that Anna lent us, and the guide to birds of the northern islands. The meeting was moved to Thursday afternoon because the large room
is being painted; bring the figures of last year and the new plan for the garden. Paint for the fence, screws, a longer hose, sand paper, and light bulbs for
the hall are what is missing. He said that the letter would come by the end of the month, but that we should not wait for it and write again if we hear nothing.`)

// sentence has n words, in stretches of three that stand next to each other in the text.
func sentence(r *rand.Rand, n int) string {
	var out []string
	for len(out) < n {
		at := r.IntN(len(words) - 3)
		out = append(out, words[at:at+3]...)
	}
	return strings.Join(out, " ")
}

func build(t testing.TB, c table.Compression, value func(*rand.Rand, int) any) (out []table.Built) {
	t.Helper()
	r, b := rand.New(rand.NewPCG(1, 2)), table.NewBuilder(table.Options{Compression: c})
	for i := range 2000 {
		v := table.Version{Pos: uint64(i)}
		x := value(r, i)
		text, ok := x.([]byte)
		if !ok {
			var err error
			if text, err = json.Marshal(x); err != nil {
				t.Fatal(err)
			}
		}
		v.Record.Record = wire.Record{Dot: wire.Dot{Writer: 1 << 60, Seq: 4096 + uint64(i)}, Time: 1_790_000_000_000 + uint64(i)*5000, Key: fmt.Sprintf("note/%06d", i), Kind: wire.Bytes, Value: text}
		b.Add(v.Key, []table.Version{v})
	}
	return append(b.Take(), b.Finish()...)
}

// TestDeflated: what was deflated reads as what was not, and what does not get a tenth shorter stays as it is.
func TestDeflated(t *testing.T) {
	for name, value := range values {
		var all [2][]byte
		var size [2]int
		for i, c := range []table.Compression{{}, New()} {
			blocks := build(t, c, value)
			for j, x := range blocks {
				if n := sealed(x); n != table.SealedSize && (j < len(blocks)-1 || n > table.SealedSize) {
					t.Errorf("%s: block %d of %d has %d bytes, sealed", name, j, len(blocks), n)
				}
				h, err := table.ParseHead(x.Head)
				if err != nil {
					t.Fatal(err)
				}
				for n, plain := range x.Sections {
					size[i] += len(plain)
					s, err := h.Section(n, plain, c)
					if err != nil {
						t.Fatal(name, err)
					}
					for k := range s.Len() {
						key := s.Key(k)
						all[i] = append(append(all[i], key.Key...), key.Versions[0].Value...)
					}
					if _, err := h.Section(n, plain, table.Compression{}); (err != nil) != (i == 1 && name != "random bytes") {
						t.Errorf("%s: without a Compression: %v", name, err)
					}
				}
			}
		}
		if !bytes.Equal(all[0], all[1]) {
			t.Errorf("%s: other values", name)
		}
		t.Logf("%-12s %7d bytes, deflated %7d: %2d%% less", name, size[0], size[1], 100-100*size[1]/size[0])
		if name != "random bytes" && 10*size[1] > 9*size[0] {
			t.Errorf("%s: %d bytes of %d", name, size[1], size[0])
		}
	}
}

// TestManyKeys: where many keys fit in a block, it has no more than a directory can say.
func TestManyKeys(t *testing.T) {
	b := table.NewBuilder(table.Options{Compression: New()})
	var entries []table.Entry
	keys := uint64(0)
	for i := range 60_000 {
		v := table.Version{Pos: uint64(i)}
		v.Record.Record = wire.Record{Dot: wire.Dot{Writer: 1, Seq: 4096}, Key: fmt.Sprintf("key-%07d", i)}
		b.Add(v.Key, []table.Version{v})
	}
	for _, x := range append(b.Take(), b.Finish()...) {
		entries = append(entries, x.Entry)
		if keys += x.Entry.Keys; sealed(x) > table.SealedSize {
			t.Errorf("%d bytes", sealed(x))
		}
	}
	for _, dir := range table.Pack(entries) {
		if _, err := table.ParseDirectory(dir); err != nil {
			t.Error(err)
		}
	}
	if keys != 60_000 {
		t.Errorf("%d keys", keys)
	}
}

func sealed(b table.Built) int {
	n := vault.SectionsOverhead(len(b.Sections)) + len(b.Head)
	for _, s := range b.Sections {
		n += len(s)
	}
	return n
}

// TestInflateRefuses: what is malformed, longer or shorter than it says, or has something behind it.
func TestInflateRefuses(t *testing.T) {
	c := New()
	plain := bytes.Repeat([]byte("to and fro "), 100)
	d := c.Deflate(plain)
	for name, x := range map[string]struct {
		in   []byte
		size int
		ok   bool
	}{
		"as it is":        {d, len(plain), true},
		"longer":          {d, len(plain) - 1, false},
		"shorter":         {d, len(plain) + 1, false},
		"cut off":         {d[:len(d)-1], len(plain), false},
		"a byte too many": {append(bytes.Clone(d), 0), len(plain), false},
		"nothing":         {nil, 1, false},
		"not deflated":    {plain, len(plain), false},
	} {
		if got, err := c.Inflate(x.in, x.size); x.ok != (err == nil) || x.ok && !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if d := c.Deflate([]byte("short")); d != nil {
		t.Errorf("deflated 5 bytes to %d", len(d))
	}
}

func BenchmarkDeflate(b *testing.B) {
	for name, value := range values {
		c := New()
		section := build(b, table.Compression{}, value)[0].Sections[0]
		b.Run("deflate/"+name, func(b *testing.B) {
			for b.Loop() {
				c.Deflate(section)
			}
		})
		if d := c.Deflate(section); d != nil {
			b.Run("inflate/"+name, func(b *testing.B) {
				for b.Loop() {
					if _, err := c.Inflate(d, len(section)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func FuzzInflate(f *testing.F) {
	c := New()
	plain := bytes.Repeat([]byte("to and fro "), 100)
	f.Add(c.Deflate(plain), len(plain))
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		size &= 1<<14 - 1
		if got, err := c.Inflate(b, size); err == nil && len(got) != size {
			t.Errorf("%d bytes of %d", len(got), size)
		}
	})
}
