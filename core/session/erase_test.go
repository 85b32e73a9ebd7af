package session

import (
	"bytes"
	"encoding/binary"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// keys are the beginnings of keys, hidden so that the list is not itself what a search of the memory finds.
type keys []uint64

const hide = 0xa5a5_a5a5_a5a5_a5a5

func (k *keys) note(key []byte) { *k = append(*k, binary.LittleEndian.Uint64(key)^hide) }

// found counts the keys that are somewhere in the process's memory.
func (k keys) found(t *testing.T) int {
	runtime.GC()
	wanted, found := map[uint64]bool{}, map[uint64]bool{}
	var begins [1 << 16]bool
	for _, x := range k {
		wanted[x], begins[uint16(x)] = true, true
	}
	for _, part := range memory(t) {
		for at := 0; at+8 <= len(part); at += 4 {
			if x := binary.LittleEndian.Uint64(part[at:]) ^ hide; begins[uint16(x)] && wanted[x] {
				found[x] = true
			}
		}
	}
	return len(found)
}

// memory is a copy of Go's heap, where stacks are, too. A race detector has much more, which nobody waits for.
func memory(t *testing.T) (out [][]byte) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("this system does not show a process its own memory: ", err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	here := uint64(reflect.ValueOf(mem).Pointer())
	const far = 1 << 32
	for l := range strings.Lines(string(maps)) {
		f := strings.Fields(l)
		if len(f) < 5 || !strings.HasPrefix(f[1], "rw") || strings.Contains(l, "[v") {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		a, _ := strconv.ParseUint(from, 16, 64)
		b, _ := strconv.ParseUint(to, 16, 64)
		if b-a > 1<<30 || a+far < here || a > here+far {
			continue
		}
		part := make([]byte, b-a)
		n, _ := mem.ReadAt(part, int64(a))
		out = append(out, part[:n])
	}
	return out
}

// keyOf is the key that a direction seals or opens its next frame with.
func keyOf(c *oneWay) []byte { return reflect.ValueOf(c.aead).Elem().Field(0).Bytes() }

// What erase goes by: the cipher is a pointer to a struct that has the key and nothing else.
func TestErasedKey(t *testing.T) {
	key := [chacha20poly1305.KeySize]byte{0: 1, 31: 32}
	aead := newAEAD(key[:])
	if s := reflect.TypeOf(aead); s.Kind() != reflect.Pointer || s.Elem().NumField() != 1 || s.Elem().Field(0).Type != reflect.TypeOf(key) {
		t.Fatalf("%v is not a pointer to a key", s)
	}
	c := oneWay{aead: aead}
	if !bytes.Equal(keyOf(&c), key[:]) {
		t.Fatalf("the cipher keeps %x, not its key", keyOf(&c))
	}
	c.erase()
	if !bytes.Equal(keyOf(&c), zeros[:]) {
		t.Errorf("the cipher keeps %x", keyOf(&c))
	}
	erase(nil)
}

// Spent keys of frames are overwritten, but for what calls have left on the stack. Of the first keys the Noise library keeps copies that
// cannot be reached.
func TestSpentKeysAreOverwritten(t *testing.T) {
	const frames, left = 200, 8
	i, r := testConns(t)
	i.Receive(0, body(r.Receive(0, mustBegin(t, i)).Send))
	var first, spent keys
	first.note(keyOf(&i.live.send))
	first.note(keyOf(&i.live.receive))
	deliver(t, mustSeal(t, i), r)
	deliver(t, mustSeal(t, r), i)
	for range frames {
		spent.note(keyOf(&i.live.send))
		expectMessages(t, i, r, credit(1))
		spent.note(keyOf(&r.live.send))
		expectMessages(t, r, i, credit(1))
	}
	a, b := first.found(t), spent.found(t)
	t.Logf("found %d of the %d keys that the handshake left, %d of %d spent keys", a, len(first), b, len(spent))
	if b > left {
		t.Errorf("more than %d", left)
	}
	runtime.KeepAlive([]*Conn{i, r})
}
