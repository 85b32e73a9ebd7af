package wire

import (
	"reflect"
	"slices"
	"testing"
)

// read reads all records into room.
func read(b []byte, room *Room) ([]Record, error) {
	var out []Record
	in := ReadRecords(b, room)
	for rec := (Record{}); in.Next(&rec); {
		out = append(out, rec)
	}
	return out, in.Err()
}

// TestReadRecords: who reads records one by one gets those that ParseRecords returns, and the same malformed ones are refused, whatever room
// there is.
func TestReadRecords(t *testing.T) {
	cases := append(malformedRecords(), recordsCase{"samples", appendRecords(sampleRecords()), true}, recordsCase{"none", nil, true})
	for _, c := range cases {
		var m Measure
		m.Add(c.in)
		want, _ := ParseRecords(c.in)
		for name, room := range map[string]*Room{"none": nil, "enough": NewRoom(m), "little": NewRoom(Measure{KeyBytes: 1, Pairs: 1})} {
			got, err := read(c.in, room)
			if c.ok != (err == nil) || c.ok && !(len(got) == 0 && len(want) == 0 || reflect.DeepEqual(got, want)) {
				t.Errorf("%s, room: %s: %d records of %d, %v", c.name, name, len(got), len(want), err)
			}
		}
	}
}

// TestRoom: what is read has its place in the room, and appending to a context writes over no other.
func TestRoom(t *testing.T) {
	b := appendRecords(sampleRecords())
	var m Measure
	m.Add(b)
	recs, err := read(b, NewRoom(m))
	if err != nil {
		t.Fatal(err)
	}
	for i := range recs {
		_ = append(recs[i].Context, Dot{7, 7})
	}
	if !reflect.DeepEqual(recs, sampleRecords()) {
		t.Error("they are not what they were")
	}
	room := NewRoom(m)
	in, rec := ReadRecords(b, room), Record{}
	if n := testing.AllocsPerRun(10, func() {
		room.pairs, in = room.pairs[:0], ReadRecords(b[:RecordSize(&recs[0])], nil)
		in.room = room
		for in.Next(&rec) {
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMeasure(t *testing.T) {
	recs := sampleRecords()
	var want Measure
	for i := range recs {
		want.Records++
		want.KeyBytes += len(recs[i].Key)
		want.Pairs += len(recs[i].Context)
	}
	b := appendRecords(recs)
	last := len(b) - RecordSize(&recs[len(recs)-1])
	for _, c := range []struct {
		name string
		in   []byte
		want Measure
	}{
		{"none", nil, Measure{}},
		{"all", b, want},
		{"the last is cut off", b[:len(b)-1], Measure{want.Records - 1, want.KeyBytes - 2, want.Pairs}},
		{"the last is not there", b[:last], Measure{want.Records - 1, want.KeyBytes - 2, want.Pairs}},
		{"more pairs than there are bytes", slices.Concat(make([]byte, 25), []byte{0xff, 0xff}), Measure{}},
	} {
		var m Measure
		if m.Add(c.in); m != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, m, c.want)
		}
		if m.Add(c.in); m.Records != 2*c.want.Records {
			t.Errorf("%s, twice: %+v", c.name, m)
		}
	}
}
