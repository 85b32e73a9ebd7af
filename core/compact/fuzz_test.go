package compact

import (
	"bytes"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// FuzzDecode: what is read is written in the same bytes, is within the limits and measured rightly, and package wire takes it.
func FuzzDecode(f *testing.F) {
	for _, recs := range samples() {
		if b := encode(recs); len(b) < 10_000 {
			f.Add(b, false)
			f.Add(b, true)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, batches bool) {
		l := Limits{Records: 100, Bytes: 1 << 16, Batches: batches, Places: !batches}
		m := Measure(b, l)
		got, err := decode(b, l)
		if m.KeyBytes+16*m.Pairs > l.Bytes || m.Records > l.Records {
			t.Errorf("measured %+v", m)
		}
		if err != nil {
			return
		}
		var long []byte
		size, want := 0, wire.Measure{}
		for i := range got {
			r := &got[i]
			size += Size(r)
			want.Records, want.KeyBytes, want.Pairs = want.Records+1, want.KeyBytes+len(r.Key), want.Pairs+len(r.Context)
			long = wire.AppendRecord(long, &r.Record)
		}
		if len(got) > l.Records || size > l.Bytes || m != want {
			t.Errorf("%d records of %d bytes, measured %+v, want %+v", len(got), size, m, want)
		}
		if again := encode(got); !bytes.Equal(again, b) {
			t.Errorf("read %x, wrote %x", b, again)
		}
		if back, err := wire.ParseRecords(long); err != nil || len(back) != len(got) {
			t.Errorf("package wire reads %d of %d records, %v", len(back), len(got), err)
		}
	})
}
