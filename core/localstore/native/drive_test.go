package native

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/masqdev/masq/core/peer"
	relaynative "github.com/masqdev/masq/core/relay/native"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
	"github.com/masqdev/masq/core/wire"
)

// device is an embedded engine that is driven natively, with its answers.
type device struct {
	t testing.TB
	d *drive

	mu      sync.Mutex // guards all below
	changed *sync.Cond
	last    uint64
	replies map[uint64]peer.Reply
	pairing map[uint64]peer.PairingState
	values  map[string]string // what has changed since the start
	failed  peer.Code
}

func newDevice(t testing.TB, store storage.Store, name, relay string) *device {
	t.Helper()
	v := &device{t: t, replies: map[uint64]peer.Reply{}, pairing: map[uint64]peer.PairingState{}, values: map[string]string{}}
	v.changed = sync.NewCond(&v.mu)
	cfg := peer.Config{Key: [32]byte{7}, App: "http://localhost:6280", Name: name, URL: "http://localhost:6280/"}
	if relay != "" {
		cfg.Sync = []string{relay}
	}
	d, err := startDrive(driveOptions{Step: stepsOf(peer.New(cfg)), Other: v.other, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	v.d = d
	v.must(peer.Op{Do: peer.Watch{}})
	return v
}

func stepsOf(e *peer.Engine) func(peer.Millis, []any, func(any)) {
	var out peer.Actions
	return func(now peer.Millis, events []any, act func(any)) {
		all := make(peer.Events, 0, len(events))
		for _, ev := range events {
			all = append(all, ev.(peer.Event))
		}
		e.Step(now, all, &out)
		for _, a := range out.List {
			act(a)
		}
		out.Reset()
	}
}

func (v *device) other(action any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch a := action.(type) {
	case peer.Reply:
		v.replies[a.Op] = a
	case peer.PairingState:
		v.pairing[a.Op] = a
	case peer.Changed:
		for _, c := range a.Changes {
			v.values[c.Key] = string(c.Value)
		}
	case peer.Failed:
		v.failed = a.Err
	}
	v.changed.Broadcast()
}

// until waits until ok holds, which is asked after each action with mu held.
func (v *device) until(what string, ok func() bool) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	late := false
	alarm := time.AfterFunc(time.Minute, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		late = true
		v.changed.Broadcast()
	})
	defer alarm.Stop()
	for !ok() {
		if late {
			v.t.Fatalf("%s: not within a minute", what)
		}
		v.changed.Wait()
	}
}

// start asks for something.
func (v *device) start(op peer.Op) uint64 {
	v.mu.Lock()
	v.last++
	op.ID, op.Client = v.last, 1
	v.mu.Unlock()
	v.d.put(&op, 0)
	return op.ID
}

// reply waits for the answer.
func (v *device) reply(id uint64) (r peer.Reply) {
	v.t.Helper()
	v.until("a reply", func() (ok bool) { r, ok = v.replies[id]; return ok })
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.replies, id)
	return r
}

func (v *device) must(op peer.Op) peer.Reply {
	v.t.Helper()
	r := v.reply(v.start(op))
	if r.Err != peer.OK {
		v.t.Fatalf("%T: %s", op.Do, r.Err)
	}
	return r
}

func putOf(key, value string) peer.Op {
	return peer.Op{Do: peer.Batch{Writes: []peer.Write{{Key: key, Kind: wire.JSON, Value: []byte(value)}}}}
}

func (v *device) step(op uint64, want peer.PairingStep) (s peer.PairingState) {
	v.t.Helper()
	v.until(fmt.Sprint("step ", want), func() bool {
		s = v.pairing[op]
		if s.Err != peer.OK {
			v.t.Fatalf("pairing: %s", s.Err)
		}
		return s.Step == want
	})
	return s
}

// has waits until key has a value.
func (v *device) has(key, value string) {
	v.t.Helper()
	for _, e := range v.must(peer.Op{Do: peer.Get{Key: key}}).Entries {
		if string(e.Value) == value {
			return
		}
	}
	v.until(key+" is "+value, func() bool { return v.values[key] == value })
}

// shutDown says BYE and closes.
func (v *device) shutDown() {
	v.t.Helper()
	v.start(peer.Op{Do: peer.Shutdown{}})
	v.until("shut down", func() bool { return v.failed != peer.OK })
	if v.failed != peer.EClosed {
		v.t.Errorf("stopped with %s", v.failed)
	}
	if err := v.d.close(); err != nil {
		v.t.Errorf("close: %v", err)
	}
}

// serveRelay runs a Sync Server until stop is called. addr may be that of one that was stopped.
func serveRelay(t testing.TB, addr string) (url, at string, stop func()) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- relaynative.New(relaynative.Options{}).Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return "ws://" + l.Addr().String(), l.Addr().String(), stop
}

func openStore(t testing.TB, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pair has b join a, both users saying yes to the same digits.
func pair(t *testing.T, a, b *device) {
	t.Helper()
	invite := a.start(peer.Op{Do: peer.Invite{}})
	join := b.start(peer.Op{Do: peer.Join{Link: a.reply(invite).Text}})
	if r := b.reply(join); r.Err != peer.OK {
		t.Fatal(r.Err)
	}
	x, y := a.step(invite, peer.Compare), b.step(join, peer.Compare)
	if x.Digits != y.Digits || len(x.Digits) != 6 || x.Name != "Phone" || y.Name != "Laptop" {
		t.Fatalf("digits and names: %+v, %+v", x, y)
	}
	a.must(peer.Op{Do: peer.Confirm{Target: invite}})
	b.must(peer.Op{Do: peer.Confirm{Target: join, Bring: true}})
	a.step(invite, peer.Done)
	b.step(join, peer.Done)
}

// TestTwoDevices: two engines on real files pair and sync through a real Sync Server, also after it or one of them was
// started anew.
func TestTwoDevices(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	relay, addr, stop := serveRelay(t, "127.0.0.1:0")
	a := newDevice(t, openStore(t, path("a.db")), "Laptop", relay)
	b := newDevice(t, openStore(t, path("b.db")), "Phone", relay)
	a.must(putOf("before", `1`))
	pair(t, a, b)
	b.has("before", `1`)
	b.must(putOf("back", `2`))
	a.has("back", `2`)

	stop()
	b.must(putOf("meanwhile", `3`))
	_, _, _ = serveRelay(t, addr)
	a.has("meanwhile", `3`)

	b.shutDown()
	a.must(putOf("away", `4`))
	b = newDevice(t, openStore(t, path("b.db")), "Phone", relay)
	b.has("away", `4`)
	b.shutDown()
	a.shutDown()
}

// TestDisk: the machine hears how large the database is, at the start and when it has grown.
func TestDisk(t *testing.T) {
	sizes := make(chan uint64, 10)
	d, err := startDrive(driveOptions{
		Store: openStore(t, filepath.Join(t.TempDir(), "masq.db")),
		Disk:  func(bytes uint64) any { return bytes },
		Step: func(_ peer.Millis, events []any, act func(any)) {
			for _, ev := range events {
				switch ev := ev.(type) {
				case uint64:
					sizes <- ev
				case storage.Commit:
					act(peer.Commit{Changes: ev})
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	first := <-sizes
	d.put(storage.Commit{Adds: []storage.Block{{ID: storage.Segment, Data: make([]byte, 1<<20)}}}, 0)
	if second := <-sizes; first == 0 || second < first+1<<20 {
		t.Errorf("%d bytes, then %d", first, second)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

const killedEnv = "MASQ_TEST_KILLED"

// TestKilled kills a program in the middle of its puts, again and again. Every put that was answered is there, and no
// start finds damage.
func TestKilled(t *testing.T) {
	if path := os.Getenv(killedEnv); path != "" {
		putForever(t, path)
	}
	path := filepath.Join(t.TempDir(), "masq.db")
	next := 0
	for round := range 20 {
		next = putAndKill(t, path, next, 1+7*round)
		v := newDevice(t, openStore(t, path), "Laptop", "")
		for n := range next {
			r := v.must(peer.Op{Do: peer.Get{Key: "key/" + strconv.Itoa(n)}})
			if len(r.Entries) != 1 || string(r.Entries[0].Value) != strconv.Itoa(n) {
				t.Fatalf("round %d: put %d of %d was answered, and is gone: %+v", round, n, next, r)
			}
		}
		v.shutDown()
	}
	t.Logf("%d puts were answered", next)
}

// putAndKill starts this test in a program of its own and kills it when it has answered so many puts. It returns how many are
// known to be answered in all.
func putAndKill(t *testing.T, path string, next, count int) int {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), killedEnv+"="+path, "MASQ_TEST_NEXT="+strconv.Itoa(next))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for end := next + count; lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil || n != next {
			t.Fatalf("the program said %q", lines.Text())
		}
		if next++; next == end {
			cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the program ended by itself: %v", err)
	}
	return next
}

// putForever puts, a few at a time, and says which were answered, until it is killed.
func putForever(t *testing.T, path string) {
	v := newDevice(t, openStore(t, path), "Laptop", "")
	next, _ := strconv.Atoi(os.Getenv("MASQ_TEST_NEXT"))
	for {
		var ids []uint64
		for n := next; n < next+5; n++ {
			ids = append(ids, v.start(putOf("key/"+strconv.Itoa(n), strconv.Itoa(n))))
		}
		for _, id := range ids {
			if r := v.reply(id); r.Err != peer.OK {
				t.Fatal(r.Err)
			}
			fmt.Println(next)
			next++
		}
	}
}

// BenchmarkPut compares puts in a loop, each durable before the next: of raw bbolt, a transaction for each; of the same as a
// storage.Store; and of an engine, whose commits it counts.
func BenchmarkPut(b *testing.B) {
	path := func(b *testing.B) string { return filepath.Join(b.TempDir(), "masq.db") }
	value := make([]byte, 100)
	b.Run("bbolt", func(b *testing.B) {
		db, err := bbolt.Open(path(b), 0o600, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		n := uint64(0)
		for b.Loop() {
			n++
			err := db.Update(func(tx *bbolt.Tx) error {
				bucket, err := tx.CreateBucketIfNotExists([]byte("b"))
				return errors.Join(err, bucket.Put(binary.BigEndian.AppendUint64(nil, n), value))
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("store", func(b *testing.B) {
		s := openStore(b, path(b))
		defer s.Close()
		n := storage.Log
		for b.Loop() {
			n++
			if err := s.Commit(storage.Commit{Adds: []storage.Block{{ID: n, Data: value}}}, storage.Strict); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, atOnce := range []int{1, 100} {
		b.Run(fmt.Sprintf("engine, %d at once", atOnce), func(b *testing.B) {
			s := &counting{Store: openStore(b, path(b))}
			v := newDevice(b, s, "Laptop", "")
			n := 0
			ids := make([]uint64, atOnce)
			s.commits = 0
			for b.Loop() {
				for i := range ids {
					n++
					ids[i] = v.start(putOf("key/"+strconv.Itoa(n), fmt.Sprintf(`"%0100d"`, n)))
				}
				for _, id := range ids {
					if r := v.reply(id); r.Err != peer.OK {
						b.Fatal(r.Err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/put")
			v.shutDown()
			b.ReportMetric(float64(s.commits)/float64(n), "commits/put")
		})
	}
}

// counting counts commits.
type counting struct {
	storage.Store
	commits int
}

func (c *counting) Commit(g storage.Commit, d storage.Durability) error {
	c.commits++
	return c.Store.Commit(g, d)
}
