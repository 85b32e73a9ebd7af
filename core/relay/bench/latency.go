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
	times    []time.Duration // what messages took from when they were due; the loop's alone until it has ended
	counting atomic.Bool
	stop     atomic.Bool
	body     [messageSize]byte
	due      [8]byte
	ended    error
}

// took takes a message. Its first 16 bytes say when it was due, in nanoseconds after begin; in hex, as not all systems pass on any byte.
func (l *loop) took(body []byte) {
	var due [8]byte
	if _, err := hex.Decode(due[:], body[:16]); err == nil && l.counting.Load() && len(l.times) < cap(l.times) {
		l.times = append(l.times, time.Since(l.begin)-time.Duration(binary.BigEndian.Uint64(due[:])))
	}
}

// run sends and receives until stop.
func (l *loop) run(p *poller) {
	runtime.LockOSThread()
	copy(l.body[:], strings.Repeat("x", len(l.body)))
	start := time.Since(l.begin)
	for l.ended == nil && !l.stop.Load() {
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

// send sends the next message. From when it was due it counts, not from now: a sender that is late does not make the server look good.
func (l *loop) send(due time.Duration) error {
	binary.BigEndian.PutUint64(l.due[:], uint64(due))
	hex.Encode(l.body[:], l.due[:])
	i := l.sent.Add(1) - 1
	return l.pairs[i%int64(len(l.pairs))][0].send(l.body[:])
}

// latency sends at a steady rate, spread over all pairs, and answers how long messages of messageSize take from one client to the other.
// The CPU time is that of each of the servers.
func latency(connect connector, n, perSecond int, long time.Duration, servers ...*server) (string, error) {
	l := &loop{begin: time.Now(), every: time.Second / time.Duration(perSecond)}
	l.times = make([]time.Duration, 0, 2*int(long.Seconds()*float64(perSecond))+1000)
	all, err := connect(n, l.took)
	defer func() { closeAll(all) }()
	if err != nil {
		return "", err
	}
	time.Sleep(2 * time.Second)
	var clients []*client
	for _, p := range all {
		clients = append(clients, p[:]...)
	}
	p, err := newPoller(clients)
	if p != nil {
		defer p.close()
	}
	if err != nil {
		return "", err
	}
	l.pairs = all
	over := make(chan struct{})
	go func() { defer close(over); l.run(p) }()
	result := l.measure(long, servers)
	l.stop.Store(true)
	<-over
	if l.ended != nil {
		return "", l.ended
	}
	if len(l.times) == 0 {
		return "", errors.New("nothing came")
	}
	slices.Sort(l.times)
	at100 := func(p float64) float64 { return l.times[int(float64(len(l.times)-1)*p)].Seconds() * 1000 }
	return fmt.Sprintf("p50 %.2f ms, p99 %.2f ms over %d channels, %s", at100(0.5), at100(0.99), n, result), nil
}

// measure lets a loop count for so long, when it has run for a while, and answers its rate and each process' CPU time for a message.
func (l *loop) measure(long time.Duration, servers []*server) string {
	time.Sleep(2 * time.Second)
	before := cpuTimes(servers)
	l.counting.Store(true)
	from, at := l.sent.Load(), time.Now()
	time.Sleep(long)
	sent, spent := l.sent.Load()-from, time.Since(at)
	l.counting.Store(false)
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
