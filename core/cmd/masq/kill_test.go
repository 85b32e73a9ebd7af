package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/masqdev/masq/core/localstore/native"
)

var (
	kills    = flag.Int("kills", 5, "how often the store is killed")
	killSeed = flag.Uint64("seed", 0, "what is written, and when it is killed; 0: made up")
)

// A store is killed again and again while programs write and watch: nothing that it acknowledged is lost, and who comes back with the position
// that it was told last has what list shows.
func TestKill(t *testing.T) {
	seed := cmp.Or(*killSeed, rand.Uint64N(1<<32))
	fmt.Printf("SEED=%d\n", seed)
	k := &killing{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 1)), written: map[string][]oneWrite{}}
	k.watchers = []*killWatcher{{prefix: "", mirror: map[string]string{}}, {prefix: "b/", mirror: map[string]string{}}}
	k.start()
	for i := range *kills {
		k.live(time.Duration(k.rng.IntN(120)) * time.Millisecond)
		k.die()
		k.start()
		for _, w := range k.watchers {
			w.check(k, i)
		}
		if k.checkWrites(); t.Failed() {
			t.Logf("SEED=%d", seed)
			break
		}
		if (i+1)%20 == 0 {
			fmt.Printf("kill %d of %d\n", i+1, *kills)
		}
	}
	k.die()
	resets := 0
	for _, w := range k.watchers {
		resets += w.resets
	}
	t.Logf("%d kills, %d writes, %d acknowledged before a kill took the store, %d resets", *kills, k.n, k.acked, resets)
}

type killing struct {
	t        *testing.T
	dir      string
	rng      *rand.Rand
	store    *exec.Cmd
	watchers []*killWatcher
	written  map[string][]oneWrite // by key, what can be there: what was acknowledged last, and what was tried since
	n, acked int
}

// oneWrite is a write. Its value is "" for a deletion.
type oneWrite struct {
	nth   int
	value string
	acked bool
}

// start runs the store and has everybody who watches come back.
func (k *killing) start() {
	k.store = exec.Command("masq", "store", "--port", "0", "--headless")
	k.store.Env = append(os.Environ(), "MASQ_DATA="+k.dir, "HOME="+k.dir, "MASQ_NO_KEYRING=1")
	if err := k.store.Start(); err != nil {
		k.t.Fatal(err)
	}
	for _, w := range k.watchers {
		w.store = k.connect()
		p := params{"app": defaultApp, "prefix": w.prefix}
		if w.position != "" {
			p["since"] = w.position
		}
		var at struct{ Position string }
		w.store.must("watch", p, &at)
		if w.position == "" {
			w.position = at.Position
		}
	}
}

// die kills the store. Who watches hears what was on its way.
func (k *killing) die() {
	k.store.Process.Kill() // which live has done but for the last one
	k.store.Wait()
	for _, w := range k.watchers {
		for w.store.read() == nil {
			w.take()
		}
		w.take()
		w.store.conn.Close()
	}
}

// live writes, without waiting for each answer, until the store is killed after some time.
func (k *killing) live(long time.Duration) {
	l := k.connect()
	defer l.conn.Close()
	var sent []map[string]int // the writes of each call, if it is to be acknowledged
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for l.read() == nil {
		}
	}()
	time.AfterFunc(long, func() { k.store.Process.Kill() })
	for {
		writes, p := k.batch()
		if p["durability"] != nil {
			writes = nil
		}
		sent = append(sent, writes)
		if l.ask("batch", p) != nil {
			break
		}
		time.Sleep(time.Duration(k.rng.IntN(2000)) * time.Microsecond)
	}
	<-heard
	for id, writes := range sent {
		if l.over(id + 1) {
			k.acknowledge(writes)
		}
	}
}

// batch makes up some writes.
func (k *killing) batch() (writes map[string]int, p params) {
	writes = map[string]int{}
	var ops []params
	for range 1 + k.rng.IntN(5)*k.rng.IntN(5) {
		key := fmt.Sprintf("%c/%d", 'a'+k.rng.IntN(2), k.rng.IntN(300))
		if _, twice := writes[key]; twice {
			continue
		}
		k.n++
		value, op := "", params{"type": "del", "key": key}
		if k.rng.IntN(4) > 0 {
			value = fmt.Sprintf("%d %s", k.n, strings.Repeat("x", k.rng.IntN(40)*k.rng.IntN(100)))
			op = params{"type": "put", "key": key, "value": value}
		}
		writes[key], ops = k.n, append(ops, op)
		k.written[key] = append(k.written[key], oneWrite{nth: k.n, value: value})
	}
	if p = (params{"app": defaultApp, "operations": ops}); k.rng.IntN(2) == 0 {
		p["durability"] = "relaxed"
	}
	return writes, p
}

// acknowledge notes that writes are durable: nothing older can be there.
func (k *killing) acknowledge(writes map[string]int) {
	for key, nth := range writes {
		k.acked++
		all := k.written[key]
		i := slices.IndexFunc(all, func(a oneWrite) bool { return a.nth == nth })
		if i >= 0 {
			all[i].acked = true
			k.written[key] = all[i:]
		}
	}
}

// checkWrites has every key hold what was acknowledged last or something that was tried since.
func (k *killing) checkWrites() {
	shown := k.watchers[0].mirror
	for key, all := range k.written {
		value, there := shown[key], false
		for _, a := range all {
			there = there || a.value == value
		}
		if !there && (value != "" || all[0].acked) {
			k.t.Errorf("lost: %s holds %.20q, acknowledged is %.20q", key, value, all[0].value)
		}
		k.written[key] = []oneWrite{{value: value, acked: true}}
	}
}

// killWatcher is a program that follows a prefix.
type killWatcher struct {
	prefix   string
	mirror   map[string]string
	position string
	resets   int
	store    *speaker
}

// take takes in what it was told.
func (w *killWatcher) take() {
	for _, n := range w.store.notes {
		var c struct {
			Position string
			Reset    bool
			Changes  []struct {
				Key   string
				Value *string
			}
		}
		if n.Method != "changed" || json.Unmarshal(n.Params, &c) != nil {
			continue
		}
		if c.Reset {
			w.mirror = map[string]string{}
			w.resets++
		}
		for _, x := range c.Changes {
			if delete(w.mirror, x.Key); x.Value != nil {
				w.mirror[x.Key] = *x.Value
			}
		}
		w.position = c.Position
	}
	w.store.notes = nil
}

// check compares what it has with what list shows.
func (w *killWatcher) check(k *killing, kill int) {
	shown := map[string]string{}
	for after, more := "", true; more; {
		var page struct {
			Entries []struct{ Key, Value string }
			More    bool
		}
		w.store.must("list", params{"app": defaultApp, "prefix": w.prefix, "after": after}, &page)
		for _, e := range page.Entries {
			shown[e.Key], after = e.Value, e.Key
		}
		more = page.More
	}
	w.take()
	if !maps.Equal(shown, w.mirror) {
		wrong := 0
		for key := range shown {
			if w.mirror[key] != shown[key] {
				wrong++
			}
		}
		for key := range w.mirror {
			if _, ok := shown[key]; !ok {
				wrong++
			}
		}
		k.t.Errorf("kill %d: the watch of %q has %d wrong keys of %d", kill, w.prefix, wrong, len(shown))
	}
}

// speaker is a connection to the store.
type speaker struct {
	t       *testing.T
	conn    net.Conn
	in      *bufio.Reader
	last    int
	results map[int]json.RawMessage
	notes   []note
}

func (k *killing) connect() *speaker {
	k.t.Helper()
	path, err := native.SocketPath(k.dir)
	if err != nil {
		k.t.Fatal(err)
	}
	for range 500 {
		conn, err := net.Dial("unix", path)
		if err == nil {
			return &speaker{t: k.t, conn: conn, in: bufio.NewReader(conn), results: map[int]json.RawMessage{}}
		}
		time.Sleep(10 * time.Millisecond)
	}
	files, _ := filepath.Glob(filepath.Join(k.dir, "*"))
	k.t.Fatalf("the store does not start; there is %s", slices.Sorted(slices.Values(files)))
	return nil
}

func (l *speaker) ask(method string, p params) error {
	l.last++
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": l.last, "method": method, "params": p})
	if err != nil {
		l.t.Fatal(err)
	}
	_, err = l.conn.Write(append(b, '\n'))
	return err
}

// read reads one message.
func (l *speaker) read() error {
	text, err := l.in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var m struct {
		note
		ID     int
		Result json.RawMessage
		Error  json.RawMessage
	}
	switch err := json.Unmarshal(text, &m); {
	case err != nil:
		return err
	case m.Method != "":
		l.notes = append(l.notes, m.note)
	case m.Result != nil:
		l.results[m.ID] = m.Result
	default:
		return fmt.Errorf("%s: %w", m.Error, io.ErrUnexpectedEOF)
	}
	return nil
}

// over reports whether everything up to an id is answered.
func (l *speaker) over(id int) bool { return l.results[id] != nil }

func (l *speaker) must(method string, p params, result any) {
	l.t.Helper()
	if err := l.ask(method, p); err != nil {
		l.t.Fatal(err)
	}
	for id := l.last; !l.over(id); {
		if err := l.read(); err != nil {
			l.t.Fatalf("%s: %v", method, err)
		}
	}
	if err := json.Unmarshal(l.results[l.last], result); err != nil {
		l.t.Fatal(err)
	}
}
