package conformance

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/wire"
)

// TestNothingIsKept looks at a node's memory when all its clients have left: its goroutines and its heap are what they were, and
// no object that is left holds a name of a channel. (Memory that was freed and not used again may; that is no object.)
func TestNothingIsKept(t *testing.T) {
	dump := filepath.Join(t.TempDir(), "heap")
	node := startNode(t, nodeConfig{Dump: dump})
	// Goroutines that have ended and maps that are empty keep their size: more come before than those that are looked at.
	crowd(t, node.url(), 800, nil)
	before := settled(node)

	var names [][]byte
	crowd(t, node.url(), 500, func(k ed25519.PrivateKey, held bool) {
		name := k.Public().(ed25519.PublicKey)
		names = append(names, name, []byte(base64.RawURLEncoding.EncodeToString(name)))
		if held {
			node.report()
			if found := find(t, dump, names); found == 0 {
				t.Error("the search does not find what is there")
			}
		}
	})
	after := settled(node)
	if found := find(t, dump, names); found != 0 {
		t.Errorf("%d names are still there", found)
	}
	if after.Left != 0 || after.Goroutines > before.Goroutines+2 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if grown := int64(after.Heap) - int64(before.Heap); grown > 128<<10 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	t.Logf("before %+v, after %+v", before, after)
}

// settled waits until a node has forgotten its clients.
func settled(node *process) state {
	var last state
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		s := node.report()
		if s.Left == 0 && s.Goroutines == last.Goroutines && s.Heap <= last.Heap+4<<10 {
			return s
		}
		last = s
	}
	return last
}

// crowd has so many pairs come, talk, and leave. each is told of every channel, the last time while they are all there.
func crowd(t *testing.T, url string, pairs int, each func(k ed25519.PrivateKey, held bool)) {
	t.Helper()
	var all []*Client
	for i := range pairs {
		k := client.NewKey()
		x := Join(t, url, k, 0)
		x.Want("JOINED false")
		y := Join(t, url, k, 1)
		y.met(y.Next())
		x.Want("PEER true")
		x.Data("hello")
		y.Want("DATA hello")
		all = append(all, x, y)
		if each != nil {
			each(k, i == pairs-1)
		}
	}
	for i := range 5 {
		Pair(t, url, wire.PairPath([16]byte{byte(i), 0xa5}), 0).Leave()
	}
	for _, c := range all {
		c.Leave()
	}
}

// find counts the names that are in a file.
func find(t *testing.T, file string, names [][]byte) (n int) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if bytes.Contains(b, name) {
			n++
		}
	}
	return n
}
