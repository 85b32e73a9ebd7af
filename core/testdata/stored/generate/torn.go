//go:build ignore

package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage/bolt"
)

// writing is the first argument of the process that is killed: its database, its key and its number follow.
const writing = "writing"

// writeTorn has a local store write to its database until it is killed, again and again, and keeps the database as the last of them
// left it.
func writeTorn(dir string, expected expectations) {
	if kills == 0 {
		return
	}
	made := must(os.MkdirTemp("", "masq"))
	defer os.RemoveAll(made)
	file, key := filepath.Join(made, "masq.db"), [32]byte(noise("the torn store's key", 32))
	acknowledged := map[string]string{}
	for i := range kills {
		kill(file, key, i, acknowledged)
	}
	writeStore(dir, "torn", must(os.ReadFile(file)), key)
	n := opened(file, key, kills)
	expected["torn"] = n.list()
	for name, value := range acknowledged {
		if got := n.get(notes, name); got < value { // what was not acknowledged yet may be there
			panic(fmt.Sprintf("%s was acknowledged as %s, and is %s", name, value, got))
		}
	}
}

// kill runs a process that writes, and kills it soon after some writes. It adds to what was acknowledged.
func kill(file string, key [32]byte, i int, acknowledged map[string]string) {
	c := exec.Command(os.Args[0], writing, file, hex.EncodeToString(key[:]), strconv.Itoa(i))
	c.Stderr = os.Stderr
	out := bufio.NewScanner(must(c.StdoutPipe()))
	check(c.Start())
	for left := 3 + rand.IntN(7); out.Scan(); left-- {
		var name, value string
		must(fmt.Sscan(out.Text(), &name, &value))
		acknowledged[name] = value
		if left == 0 {
			time.AfterFunc(rand.N(5*time.Millisecond), func() { c.Process.Kill() })
		}
	}
	if err := c.Wait(); err == nil {
		panic("it has ended by itself")
	}
}

// opened is a local store on a database, without a network, as its process number i.
func opened(file string, key [32]byte, i int) *node {
	h := newHarness(byte(100 + i))
	h.now += uint64(i) * 1000
	n := &node{h: h, name: "Torn", key: key, disk: must(bolt.Open(file)), cut: true}
	h.nodes = append(h.nodes, n)
	n.on()
	return n
}

// writeUntilKilled writes, and says what was acknowledged: the key and its value.
func writeUntilKilled(args []string) {
	i := must(strconv.Atoi(args[2]))
	n := opened(args[0], [32]byte(must(hex.DecodeString(args[1]))), i)
	if i == 0 {
		n.do(notes, peer.AddApp{Name: "Notes"})
	}
	for count := 0; ; count++ {
		name, value := fmt.Sprintf("torn/%02d", count%20), fmt.Sprintf("%d", 1_000*(i+1)+count)
		gone, bytes := fmt.Sprintf("gone/%02d", count%7), fmt.Sprintf("bytes/%d", count%3)
		n.write(notes, put(name, value), put(gone, value), putBytes(bytes, noise(value, 50)))
		fmt.Println(name, value)
		n.write(notes, del(gone))
		n.h.wait(10)
	}
}
