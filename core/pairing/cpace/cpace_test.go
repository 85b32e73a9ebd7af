package cpace

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/testdata/published"
)

// vectorFile has the draft's vectors for this suite.
const vectorFile = "cpace-x25519-sha512.json"

func vectors(t testing.TB) (v map[string][]byte, points map[string][]byte) {
	var f struct {
		G      map[string]string `json:"G_25519"`
		Points map[string]string `json:"X25519_points"`
	}
	if err := json.Unmarshal(published.Read(t, vectorFile), &f); err != nil {
		t.Fatal(err)
	}
	unhex := func(m map[string]string) map[string][]byte {
		out := map[string][]byte{}
		for k, s := range m {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			out[k] = b
		}
		return out
	}
	return unhex(f.G), unhex(f.Points)
}

func exchange(t testing.TB, v map[string][]byte, scalar string) *Exchange {
	x, err := New(v["PRS"], v["CI"], v["sid"], bytes.NewReader(v[scalar]))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestPublished runs every row of the file, or says why it is not applicable.
func TestPublished(t *testing.T) {
	v, points := vectors(t)
	a, b := exchange(t, v, "ya"), exchange(t, v, "yb")
	iskA, errA := a.Initiator(v["ADa"], b.Share(), v["ADb"])
	iskB, errB := b.Responder(v["ADb"], a.Share(), v["ADa"])
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	var rows published.Rows
	for _, c := range []struct {
		name      string
		got, want []byte
	}{
		{"generator", generator(v["PRS"], v["CI"], v["sid"]), v["g"]},
		{"Ya", a.Share(), v["Ya"]},
		{"Yb", b.Share(), v["Yb"]},
		{"ISK of both", slices.Concat(iskA, iskB), slices.Concat(v["ISK_IR"], v["ISK_IR"])},
	} {
		ok := len(c.want) > 0 && bytes.Equal(c.got, c.want)
		rows.Check(ok)
		if !ok {
			t.Errorf("%s: got %x, want %x", c.name, c.got, c.want)
		}
	}
	for name, p := range points {
		_, err := a.Initiator(nil, p, nil)
		rows.Check(err == ErrShare)
		if err != ErrShare {
			t.Errorf("%s: %v", name, err)
		}
	}
	rows.Leave("K, which is not handed out: ISK_IR is made of it")
	for range 3 {
		rows.Leave("ISK_SY, sid_output_ir and sid_output_oc: Masq has an initiator and a sid of its own")
	}
	for range 8 + 3 {
		rows.Leave("what G_Coffee25519 makes, and its points: a curve that Masq does not use")
	}
	rows.Report(t, vectorFile, 4+12, 1+3+11)
}

func TestBadShares(t *testing.T) {
	v, points := vectors(t)
	x := exchange(t, v, "ya")
	points["empty"] = nil
	points["short"] = v["Yb"][:31]
	points["long"] = append(bytes.Clone(v["Yb"]), 0)
	points["bit 255 set"] = bytes.Clone(v["Yb"])
	points["bit 255 set"][31] |= 0x80
	if len(points) != 16 {
		t.Fatalf("%d points", len(points))
	}
	for name, p := range points {
		if isk, err := x.Initiator(nil, p, nil); err != ErrShare || isk != nil {
			t.Errorf("%s: initiator answers %x, %v", name, isk, err)
		}
		if isk, err := x.Responder(nil, p, nil); err != ErrShare || isk != nil {
			t.Errorf("%s: responder answers %x, %v", name, isk, err)
		}
	}
}

// Whatever differs, the keys differ.
func TestEverythingIsBound(t *testing.T) {
	type side struct{ prs, ci, sid, ada, adb string }
	same := side{"secret", "ci", "sid", "ada", "adb"}
	key := func(s side, peer side) (a, b string) {
		x, _ := New([]byte(s.prs), []byte(s.ci), []byte(s.sid), strings.NewReader(strings.Repeat("a", 32)))
		y, _ := New([]byte(peer.prs), []byte(peer.ci), []byte(peer.sid), strings.NewReader(strings.Repeat("b", 32)))
		ka, errA := x.Initiator([]byte(s.ada), y.Share(), []byte(s.adb))
		kb, errB := y.Responder([]byte(peer.adb), x.Share(), []byte(peer.ada))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		return string(ka), string(kb)
	}
	if a, b := key(same, same); a != b || len(a) != KeySize {
		t.Fatal("two honest sides do not agree")
	}
	for name, other := range map[string]side{
		"secret": {"Secret", "ci", "sid", "ada", "adb"},
		"ci":     {"secret", "Ci", "sid", "ada", "adb"},
		"sid":    {"secret", "ci", "Sid", "ada", "adb"},
		"ada":    {"secret", "ci", "sid", "Ada", "adb"},
		"adb":    {"secret", "ci", "sid", "ada", "Adb"},
		"split":  {"secret", "ci", "sid", "adaa", "db"},
		"move":   {"secretc", "i", "sid", "ada", "adb"},
	} {
		if a, b := key(same, other); a == b {
			t.Errorf("%s is not bound", name)
		}
	}
}

func TestLongInputsAndNoRandomness(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 1<<14+300)
	if _, err := New(long, long, long, strings.NewReader(strings.Repeat("r", 32))); err != nil {
		t.Error(err)
	}
	if _, err := New([]byte("s"), nil, nil, strings.NewReader("short")); err != io.ErrUnexpectedEOF {
		t.Errorf("without randomness: %v", err)
	}
	if got := lvCat(make([]byte, 128), nil)[:2]; got[0] != 0x80 || got[1] != 1 {
		t.Errorf("LEB128 of 128 is %x", got)
	}
}

func FuzzShare(f *testing.F) {
	v, points := vectors(f)
	for _, p := range points {
		f.Add(p)
	}
	f.Add(v["Yb"])
	x := exchange(f, v, "ya")
	f.Fuzz(func(t *testing.T, share []byte) {
		isk, err := x.Responder(nil, share, nil)
		if (err == nil) != (len(isk) == KeySize) {
			t.Fatal("a key with an error, or neither")
		}
	})
}
