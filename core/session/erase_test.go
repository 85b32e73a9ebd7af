package session

import (
	"bytes"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// keys is a list of keys that is not itself what a search of the memory finds.
type keys [][]byte

const mask = 0xa5

func (k *keys) note(key []byte) {
	hidden := bytes.Clone(key)
	for i := range hidden {
		hidden[i] ^= mask
	}
	*k = append(*k, hidden)
}

// found counts the keys of which the first half is somewhere in the process's memory.
func (k keys) found(t *testing.T) (n int) {
	runtime.GC()
	mem := memory(t)
	plain := make([]byte, 16)
	for _, hidden := range k {
		for i := range plain {
			plain[i] = hidden[i] ^ mask
		}
		for _, part := range mem {
			if bytes.Contains(part, plain) {
				n++
				break
			}
		}
	}
	clear(plain)
	return n
}

// memory is a copy of all that the process may write to.
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
	for l := range strings.Lines(string(maps)) {
		f := strings.Fields(l)
		if len(f) < 5 || !strings.HasPrefix(f[1], "rw") || strings.Contains(l, "[v") {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		a, _ := strconv.ParseUint(from, 16, 64)
		b, _ := strconv.ParseUint(to, 16, 64)
		if b-a > 1<<30 {
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
