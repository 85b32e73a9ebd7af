package sim

import (
	"slices"
	"strings"
	"testing"
)

// A name stands in one row, so that what it counts is one thing.
func TestNamesOfCounts(t *testing.T) {
	seen := map[string]string{}
	for _, list := range [][]Row{rows, hostileRows, backupRows} {
		for _, r := range list {
			for _, name := range r.Names {
				if seen[name] != "" {
					t.Errorf("%q stands in %s and in %s", name, seen[name], r.Kind)
				}
				seen[name] = r.Kind
			}
		}
	}
}

// What stands in no row is not counted, and fails the seed.
func TestUnknownCount(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("counted")
		}
	}()
	new(simulation).did("nothing of the kind")
}

func TestCountsNever(t *testing.T) {
	must, may := Rows(Options{})
	c := Counts{}
	for _, r := range must {
		for _, name := range r.Names {
			c[name] = 1
		}
	}
	if never := c.Never(must); never != nil || may != nil {
		t.Errorf("never %v", never)
	}
	c["write"] = 0
	c.Add(Counts{"batch": 2, "drop": 1})
	if never := c.Never(must); !slices.Equal(never, []string{"write"}) {
		t.Errorf("never %v", never)
	}
	if text := c.Text(must[0]); !strings.HasPrefix(text, "operations: batch 3, ") {
		t.Error(text)
	}
	if text := c.Text(Row{"lies", []string{"ack"}}); text != "" {
		t.Error(text)
	}
	if must, may := Rows(Options{Hostile: true, Lies: []string{"ack"}}); len(must) != 1 || !slices.Equal(must[0].Names, []string{"ack"}) || len(may) == 0 {
		t.Errorf("of a liar %v and %v", must, may)
	}
}
