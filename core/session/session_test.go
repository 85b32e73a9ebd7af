package session

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

func TestPad(t *testing.T) {
	for n, want := range map[int]int{
		0: 256, 1: 256, 256: 256, 257: 272, 272: 272, 273: 288, 1000: 1024, 4096: 4096, 4097: 4352, 4200: 4352,
		59392: 59392, 59393: 61440, 61439: 61440, 61440: 61440,
	} {
		if got := pad(n); got != want {
			t.Errorf("pad(%d) = %d, want %d", n, got, want)
		}
	}
	for n := range wire.MaxFramePlain {
		if p := pad(n); p < n || p > max(256, n+n/8) || pad(p) != p || p > pad(n+1) {
			t.Fatalf("pad(%d) = %d", n, p)
		}
	}
}

// TestPacking: small messages share frames, long ones go in pieces, order is kept.
func TestPacking(t *testing.T) {
	full := dataOf(maxCarry - len(dataOf(0)))
	for _, c := range []struct {
		name   string
		msgs   [][]byte
		frames int
	}{
		{"nothing", nil, 0},
		{"one", [][]byte{credit(1)}, 1},
		{"many share", slices.Repeat([][]byte{credit(1)}, 1000), 1},
		{"as much as a frame holds", [][]byte{full}, 1},
		{"and one more", [][]byte{full, credit(1)}, 2},
		{"a byte too long", [][]byte{dataOf(len(full) - len(dataOf(0)) + 1)}, 2},
		{"long between short", [][]byte{credit(1), dataOf(200_000), credit(2), credit(3)}, 1 + 4 + 1},
		{"the longest", [][]byte{dataOf(wire.MaxMessage - len(dataOf(0)))}, 70},
	} {
		t.Run(c.name, func(t *testing.T) {
			i, r := connected(t)
			frames := mustSeal(t, i, c.msgs...)
			var got []byte
			for _, f := range frames {
				if len(f)-1 > wire.MaxFrame-1 || len(f) < 1+headSize+wire.MinFramePlain+overhead {
					t.Errorf("a frame of %d bytes", len(f))
				}
				res := r.Receive(0, body(f))
				if res.Err != nil {
					t.Fatal(res.Err)
				}
				got = append(got, res.Messages...)
			}
			if len(frames) != c.frames || !bytes.Equal(got, slices.Concat(c.msgs...)) {
				t.Errorf("%d frames, %d bytes", len(frames), len(got))
			}
		})
	}
}

func TestSealRefuses(t *testing.T) {
	i, _ := connected(t)
	for _, m := range [][]byte{nil, {1, 0, 0, 0}, make([]byte, wire.MaxMessage+1)} {
		if out, err := i.Seal(0, nil, credit(1), m); err != ErrTooBig || out != nil {
			t.Errorf("%d bytes: %v", len(m), err)
		}
	}
}

// plain is a frame's plaintext, padded to size.
func plain(kind uint8, size int, carried []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(carried)))
	b = append(b, carried...)
	return append(b, make([]byte, max(0, size-len(b)))...)
}

// TestUnpack is what a peer that knows the keys may and may not send.
type unpackCase struct {
	name   string
	frames [][]byte
	want   []byte // nil: the last frame ends the session
}

func unpackings() []unpackCase {
	long := dataOf(500)
	dirty := plain(kindWhole, 256, credit(1))
	dirty[255] = 1
	dirtyFirst := plain(kindWhole, 256, nil)
	dirtyFirst[5] = 1
	lying := plain(kindWhole, 256, nil)
	binary.BigEndian.PutUint32(lying[1:], 252)
	huge := plain(kindWhole, 256, nil)
	binary.BigEndian.PutUint32(huge[1:], 1<<32-1)
	return []unpackCase{
		{"nothing", [][]byte{plain(kindWhole, 256, nil)}, []byte{}},
		{"messages", [][]byte{plain(kindWhole, 256, append(credit(1), credit(2)...))}, append(credit(1), credit(2)...)},
		{"unknown message", [][]byte{plain(kindWhole, 256, []byte{200, 0, 0, 0, 1, 5})}, []byte{200, 0, 0, 0, 1, 5}},
		{"more padding than needed", [][]byte{plain(kindWhole, 4096, credit(1))}, credit(1)},
		{"pieces", [][]byte{plain(2, 256, long[:1]), plain(2, 256, long[1:200]), plain(3, 256, long[200:])}, long},
		{"padding not zero", [][]byte{dirty}, nil},
		{"padding not zero at once", [][]byte{dirtyFirst}, nil},
		{"length beyond the frame", [][]byte{lying}, nil},
		{"length beyond everything", [][]byte{huge}, nil},
		{"kind 0", [][]byte{plain(0, 256, credit(1))}, nil},
		{"kind 4", [][]byte{plain(4, 256, credit(1))}, nil},
		{"half a message", [][]byte{plain(1, 256, long[:100])}, nil},
		{"a last piece alone", [][]byte{plain(3, 256, credit(1))}, nil},
		{"an empty piece", [][]byte{plain(2, 256, nil)}, nil},
		{"an empty last piece", [][]byte{plain(2, 256, credit(1)), plain(3, 256, nil)}, nil},
		{"another message between pieces", [][]byte{plain(2, 256, long[:100]), plain(1, 256, credit(1))}, nil},
		{"nothing between pieces", [][]byte{plain(2, 256, long[:100]), plain(1, 256, nil)}, nil},
		{"two messages in pieces", [][]byte{plain(2, 256, credit(1)), plain(3, 256, credit(2))}, nil},
		{"pieces of half a message", [][]byte{plain(2, 256, long[:100]), plain(3, 256, long[100:200])}, nil},
	}
}

func TestUnpack(t *testing.T) {
	for _, c := range unpackings() {
		t.Run(c.name, func(t *testing.T) {
			var s session
			var got []byte
			var err error
			for n, p := range c.frames {
				got, err = s.unpack(0, p)
				if last := n == len(c.frames)-1; !last && (err != nil || got != nil) {
					t.Fatalf("frame %d: %x, %v", n, got, err)
				}
			}
			if c.want == nil && err != ErrSession || c.want != nil && (err != nil || !bytes.Equal(got, c.want)) {
				t.Errorf("%x, %v", got, err)
			}
		})
	}
}

func TestPiecesAreBounded(t *testing.T) {
	var s session
	piece := plain(kindPiece, wire.MaxFramePlain, make([]byte, maxCarry))
	for n := 1; ; n++ {
		if _, err := s.unpack(0, slices.Clone(piece)); err != nil {
			if n != wire.MaxMessage/maxCarry+1 {
				t.Errorf("refused piece %d", n)
			}
			return
		}
		if len(s.pieces) > wire.MaxMessage {
			t.Fatal("holds", len(s.pieces))
		}
	}
}

// TestFrameSizes: frames outside of the bounds end the session before anything is decrypted.
func TestFrameSizes(t *testing.T) {
	for _, size := range []int{0, 1, 15, 16, 256 + 15, wire.MaxFramePlain + 17, wire.MaxFrame} {
		i, _ := connected(t)
		b := append(slices.Clone(i.live.tag[:]), typeTransport)
		if res := i.Receive(0, append(b, make([]byte, size)...)); !res.Down || res.Err != ErrSession {
			t.Errorf("%d: %+v", size, res)
		}
	}
}

// TestSmallFrame: a frame that is sealed right but padded below the floor is refused.
func TestSmallFrame(t *testing.T) {
	i, r := connected(t)
	head := append(slices.Clone(i.live.tag[:]), typeTransport)
	b := i.live.send.seal(slices.Clone(head), plain(kindWhole, 255, credit(1)), head)
	if res := r.Receive(0, b); !res.Down {
		t.Error("taken")
	}
}

func TestAllocations(t *testing.T) {
	i, r := connected(t)
	msg := dataOf(4000)
	out := make([][]byte, 0, 1)
	if n := testing.AllocsPerRun(100, func() {
		frames, err := i.Seal(0, out, msg)
		if err != nil || r.Receive(0, frames[0][1:]).Err != nil {
			t.Fatal(err)
		}
	}); n > 4 { // the frame, the two next keys, the list of messages
		t.Errorf("%v allocations to seal and open a frame", n)
	}
}
