package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// connector connects n pairs; took gets what the second of each receives. Each pair's first sends.
type connector func(n int, took func(body []byte)) ([][2]*client, error)

// across connects the first of each pair to s and the second to other.
func across(s, other *server) connector {
	return func(n int, took func([]byte)) ([][2]*client, error) {
		return pairs(s, other, n, func(int) func([]byte) { return took })
	}
}

// loop sends at a steady rate and receives, all in one thread and without allocating: servers and clients share the machine, and
// what the clients spend is time that the servers wait.
type loop struct {
	begin    time.Time
	every    time.Duration // between messages
	pairs    [][2]*client
	sent     atomic.Int64
	counting atomic.Pointer[times] // nil: they are not counted; the loop's alone until it has ended
	paused   atomic.Bool           // it sends nothing
	stop     atomic.Bool
	over     chan struct{} // closed when it has ended
	body     [messageSize]byte
	due      [8]byte
	ended    error
}

// times are what messages took from when they were due; as many as there was room for.
type times []time.Duration

func newTimes(perSecond int, long time.Duration) *times {
	t := make(times, 0, 2*int(long.Seconds()*float64(perSecond))+1000)
	return &t
}

// quantile returns it in ms; 0: there are none. t is sorted.
func (t times) quantile(p float64) float64 {
	if len(t) == 0 {
		return 0
	}
	return t[int(float64(len(t)-1)*p)].Seconds() * 1000
}

// took takes a message. Its first 16 bytes say when it was due, in nanoseconds after begin; in hex, as not all systems pass on any byte.
func (l *loop) took(body []byte) {
	var due [8]byte
	t := l.counting.Load()
	if _, err := hex.Decode(due[:], body[:16]); err == nil && t != nil && len(*t) < cap(*t) {
		*t = append(*t, time.Since(l.begin)-time.Duration(binary.BigEndian.Uint64(due[:])))
	}
}

// run sends and receives until stop.
func (l *loop) run(p *poller) {
	runtime.LockOSThread()
	copy(l.body[:], strings.Repeat("x", len(l.body)))
	start := time.Since(l.begin)
	pinged := false
	for l.ended == nil && !l.stop.Load() {
		if l.paused.Load() {
			if !pinged {
				pinged, l.ended = true, l.ping()
			} else {
				l.ended = p.poll(time.Second / 10)
			}
			start = time.Since(l.begin) - time.Duration(l.sent.Load())*l.every
			continue
		}
		pinged = false
		wait := start + time.Duration(l.sent.Load())*l.every - time.Since(l.begin)
		// What is due goes out, but not so much that what has come has to wait for it.
		for n := 0; wait <= 0 && n < 16 && l.ended == nil; n++ {
			wait = start + time.Duration(l.sent.Load()+1)*l.every - time.Since(l.begin)
			l.ended = l.send(start + time.Duration(l.sent.Load())*l.every)
		}
		if l.ended == nil {
			l.ended = p.poll(min(wait, time.Second/10))
		}
	}
}

// ping says to the Sync Server that those who only receive are there.
func (l *loop) ping() error {
	for _, pair := range l.pairs {
		for _, c := range pair {
			if _, ok := c.p.(*masq); ok {
				if err := c.write(opText, []byte("ping")); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// send sends the next message. From when it was due it counts, not from now: a sender that is late does not make the server look good.
func (l *loop) send(due time.Duration) error {
	binary.BigEndian.PutUint64(l.due[:], uint64(due))
	hex.Encode(l.body[:], l.due[:])
	i := l.sent.Add(1) - 1
	return l.pairs[i%int64(len(l.pairs))][0].send(l.body[:])
}

// latencyTurns is how often latency is measured. The median counts: where the host takes the processors away for a while, that is the
// 99th percentile of the turn it happens in.
const latencyTurns = 5

// runner is whose latency is measured.
type runner struct {
	name    string
	connect connector
	pairs   int
	servers []*server
}

// latencies sends at a steady rate, spread over the pairs of each of all by turns, and returns how long messages of messageSize take
// from one client to the other. By turns, so that the machine is the same for all. The CPU time is that of each of the servers, in the
// last turn.
func latencies(all []runner, perSecond int, long time.Duration) ([]string, error) {
	var loops []*loop
	turns := make([][]*times, len(all))
	var failed error
	for _, r := range all {
		l, err := newLoop(r.connect, r.pairs, perSecond)
		if err != nil {
			failed = fmt.Errorf("%s: %w", r.name, err)
			break
		}
		l.paused.Store(true)
		loops = append(loops, l)
	}
	results := make([]string, len(all))
	for turn := 0; turn < latencyTurns && failed == nil; turn++ {
		for i, l := range loops {
			t := newTimes(perSecond, long)
			l.paused.Store(false)
			results[i] = l.measure(t, long, all[i].servers)
			l.paused.Store(true)
			turns[i] = append(turns[i], t)
			time.Sleep(time.Second) // until all of it has come
		}
	}
	for i, l := range loops {
		if err := l.end(turns[i]...); err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", all[i].name, err)
		}
	}
	if failed != nil {
		return nil, failed
	}
	for i, r := range all {
		p99 := quantiles(turns[i], 0.99)
		results[i] = fmt.Sprintf("p50 %.2f ms, p99 %.2f ms (%.2f) over %d channels, %s",
			median(quantiles(turns[i], 0.5)), median(slices.Clone(p99)), p99, r.pairs, results[i])
	}
	return results, nil
}

// newLoop begins a loop.
func newLoop(connect connector, n, perSecond int) (*loop, error) {
	l := &loop{begin: time.Now(), every: time.Second / time.Duration(perSecond), over: make(chan struct{})}
	all, err := connect(n, l.took)
	if err != nil {
		closeAll(all)
		return nil, err
	}
	time.Sleep(2 * time.Second)
	var clients []*client
	for _, p := range all {
		clients = append(clients, p[:]...)
	}
	l.pairs = all
	p, err := newPoller(clients)
	if err != nil {
		if p != nil {
			p.close()
		}
		closeAll(all)
		return nil, err
	}
	go func() {
		defer close(l.over)
		l.run(p)
		p.close()
		closeAll(all)
	}()
	return l, nil
}

// end ends the loop, and sorts what it has counted.
func (l *loop) end(all ...*times) error {
	l.stop.Store(true)
	<-l.over
	for _, t := range all {
		if slices.Sort(*t); len(*t) == 0 && l.ended == nil {
			l.ended = errors.New("nothing came")
		}
	}
	return l.ended
}

// measure lets a loop count for so long, when it has run for a while, and returns its rate and each process' CPU time for a message.
func (l *loop) measure(t *times, long time.Duration, servers []*server) string {
	time.Sleep(2 * time.Second)
	before := cpuTimes(servers)
	l.counting.Store(t)
	from, at := l.sent.Load(), time.Now()
	time.Sleep(long)
	sent, spent := l.sent.Load()-from, time.Since(at)
	l.counting.Store(nil)
	after := cpuTimes(servers)
	text := fmt.Sprintf("%.0f messages a second, CPU for each in µs: ", float64(sent)/spent.Seconds())
	for i, d := range after {
		name := "clients"
		if i > 0 {
			name = servers[i-1].sys.name
		}
		text += fmt.Sprintf("%s %.1f, ", name, (d-before[i]).Seconds()*1e6/float64(max(1, sent)))
	}
	return strings.TrimSuffix(text, ", ")
}

// cpuTimes are the CPU times used by this process and by the servers'.
func cpuTimes(servers []*server) []time.Duration {
	times := []time.Duration{ownCPU()}
	for _, s := range servers {
		times = append(times, s.usage().cpu)
	}
	return times
}

// direct is a connector without a server between: what the clients and the machine need by themselves.
func direct(n int, took func([]byte)) (all [][2]*client, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	for range n {
		dialled, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return all, err
		}
		accepted, err := l.Accept()
		if err != nil {
			return all, err
		}
		all = append(all, [2]*client{plain(dialled, func([]byte) {}), plain(accepted, took)})
	}
	return all, nil
}
