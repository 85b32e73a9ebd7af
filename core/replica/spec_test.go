package replica

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/testdata/vectors"
	"github.com/masqdev/masq/core/wire"
)

// TestVectors writes in two runs, so in two blocks, and notes the hash that the vector has behind each dot.
func TestVectors(t *testing.T) {
	g := newHarness(t, 1, false)
	var out []vectors.Vector
	for run, writes := range [][][]Write{
		{{set("a", "1")}, {set("b", "2"), {Key: "gone"}, set("c", "3")}, {set("ключ", "4")}},
		{{set("d", "5")}, {set("a", "6")}},
	} {
		if run > 0 {
			g.reopen()
		}
		var opening wire.Hash
		var dots []vectors.Fields
		for i, batch := range writes {
			before := g.Position()
			g.write(uint64(1000+i), batch...)
			g.save()
			records, _, _, err := g.Next(nil, 0, before, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			e := g.vector.Of(g.writer.id)
			tail := e.Tails[len(e.Tails)-1]
			opening = g.writer.history[0]
			dots = append(dots, vectors.Fields{"seq": vectors.U64(tail.Seq), "records": vectors.Hex(records), "hash": vectors.Hex(tail.Hash[:])})
		}
		var records []vectors.Fields
		for _, d := range dots {
			records = append(records, vectors.Fields{"seq": d["seq"], "records": d["records"]})
		}
		hashes := []any{}
		for _, d := range dots {
			hashes = append(hashes, d["hash"])
		}
		out = append(out, vectors.Vector{
			Name: fmt.Sprint("block ", run+1), Rule: "R6.17", Op: "data.chain", Outcome: vectors.OK,
			In: vectors.Fields{"opening": vectors.Hex(opening[:]), "batches": records}, Out: vectors.Fields{"hashes": hashes},
		})
	}
	vectors.Check(t, "hash-chain.json", "The hash over a block of sequence numbers", out)
	vectors.Check(t, "sum.json", "The sum of what a replica holds", sumVectors(t))
}

// sumVectors are replicas that were sent records of which none supersedes another.
func sumVectors(t *testing.T) (out []vectors.Vector) {
	one, two, gone := foreign(9, 1, "ключ", "1"), foreign(10, 1, "ключ", "2"), foreign(9, 2, "gone", "")
	big := foreign(1<<63+1, 3, "k", string(bytes.Repeat([]byte("v"), 100)))
	big.Kind, big.Time = wire.Bytes, 1<<63
	said := foreign(11, 1, "said", "3")
	said.Hearsay = true
	batch := []wire.Record{foreign(12, 5, "a", "1"), foreign(12, 5, "b", "1")}
	batch[0].More = true
	for _, c := range []struct {
		name string
		recs []wire.Record
	}{
		{"nothing", nil}, {"one", []wire.Record{one}}, {"two of a key", []wire.Record{one, two}}, {"the other way round", []wire.Record{two, one}},
		{"a deletion", []wire.Record{one, gone}}, {"hearsay", []wire.Record{one, said}}, {"a batch", batch},
		{"all", append([]wire.Record{one, two, gone, big, said}, batch...)},
	} {
		g, raw := newHarness(t, 1, false), []byte{}
		for i := range c.recs {
			raw = wire.AppendRecord(raw, &c.recs[i])
		}
		g.apply(1, c.recs...)
		sum := g.sum.bytes()
		out = append(out, vectors.Vector{
			Name: c.name, Rule: "R6.37", Op: "data.sum", Outcome: vectors.OK,
			In: vectors.Fields{"records": vectors.Hex(raw)}, Out: vectors.Fields{"sum": vectors.Hex(sum[:])},
		})
	}
	return out
}
