// Command bench measures the Sync Server beside y-websocket's server and a NATS server's WebSocket, each as a process of its own,
// with all clients in this one, on this machine.
//
//	go run ./core/relay/bench -masq .build/masq -yjs node_modules/y-websocket/bin/server.cjs -nats .build/bin/nats-server
//
// "make bench-relay" builds and installs what it needs. Without CONNS it opens 18,000 connections, which most machines' limit of
// file descriptors lets it.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	conns := flag.Int("conns", 18_000, "idle connections at most")
	only := flag.String("only", "idle,throughput,latency,nodes,restart,abuse", "what to measure")
	long := flag.Duration("for", 5*time.Second, "how long to measure throughput, and each turn of latency")
	rate := flag.Int("rate", 20_000, "messages a second at which to measure latency")
	flag.StringVar(&programs.masq, "masq", "", "the masq binary")
	flag.StringVar(&programs.yjs, "yjs", "", "y-websocket's server.cjs; empty: without it")
	flag.StringVar(&programs.nats, "nats", "", "the nats-server binary; empty: without it")
	flag.StringVar(&programs.node, "node", "node", "the node binary")
	rawPort := flag.Int("raw", 0, "only be the raw limit's program, on this port")
	next := flag.Int("next", 0, "the port of the program that what comes there is passed on to; 0: none")
	kind := flag.Int("flood", -1, "only be this kind of flood, against the server on -at's port")
	at := flag.Int("at", 0, "where the flood goes")
	hold := flag.String("hold", "", "only hold idle connections to the Sync Server at this URL, for profiles of it")
	flag.Parse()
	if *kind >= 0 {
		beFlood(*kind, *at)
		return
	}
	if *rawPort != 0 {
		log.Fatal(beRaw(*rawPort, *next))
	}
	if *hold != "" {
		s := &server{sys: systems()[0], at: *hold}
		all, err := pairs(s, s, *conns/2, nil)
		fmt.Println("holding", 2*len(all), err)
		keepAwake(func() [][2]*client { return all }, nil)
	}
	if programs.masq == "" {
		log.Fatal("-masq names the binary to measure")
	}
	b := bench{conns: *conns, rate: *rate, long: *long, only: *only}
	fmt.Printf("%s, %d cores, %s, load %s", runtime.GOARCH, runtime.NumCPU(), runtime.Version(), load())
	b.all()
	if b.failed {
		os.Exit(1)
	}
}

func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	return string(b)
}

type bench struct {
	conns  int
	rate   int
	long   time.Duration
	only   string
	failed bool
}

// note prints a row, with the load that the machine had before.
func (b *bench) note(what, who, before, result string, err error) {
	if err != nil {
		result, b.failed = "failed: "+err.Error(), true
	}
	fmt.Printf("%-22s %-16s load %s  %s\n", what, who, strings.Fields(before)[0], result)
}

func (b *bench) wants(what string) bool { return strings.Contains(b.only, what) }

func (b *bench) all() {
	all := systems()
	for _, sys := range all {
		if sys.name == "y-websocket" && programs.yjs == "" || sys.name == "NATS websocket" && programs.nats == "" {
			continue
		}
		b.one(sys)
	}
	if b.wants("latency") {
		b.raw()
	}
	if b.wants("nodes") && programs.nats != "" {
		b.nodes(all[0], all[2])
	}
	if b.wants("restart") {
		before := load()
		r, err := restart(all[0], min(10_000, b.conns))
		b.note("restart", "masq", before, r, err)
	}
	if b.wants("abuse") {
		b.abuse(all[0])
	}
}

// one measures what all systems have.
func (b *bench) one(sys system) {
	if b.wants("idle") {
		before := load()
		r, err := idle(sys, 5000*b.conns/18_000, b.conns)
		b.note("idle", sys.name, before, r, err)
	}
	with := func(what string, measure func(*server) (string, error)) {
		before := load()
		s, err := serve(sys)
		r := ""
		if err == nil {
			r, err = measure(s)
			s.end(os.Kill)
		}
		b.note(what, sys.name, before, r, err)
	}
	if b.wants("throughput") {
		with("256 B, 50 pairs", func(s *server) (string, error) { return throughput(sys, s, s, 50, 256, 64, b.long) })
		with("64 KiB, 50 pairs", func(s *server) (string, error) { return throughput(sys, s, s, 50, 65_000, 4, b.long) })
	}
	if b.wants("latency") {
		with("latency", func(s *server) (string, error) { return b.latency(sys.name, across(s, s), s) })
	}
}

// channels is over how many latency is measured.
func (b *bench) channels() int { return min(5000, b.conns/2) }

func (b *bench) latency(name string, connect connector, servers ...*server) (string, error) {
	results, err := latencies([]runner{{name, connect, b.channels(), servers}}, b.rate, b.long)
	return strings.Join(results, ""), err
}

// raw measures what nobody can beat: a server that only copies, and no server at all.
func (b *bench) raw() {
	before := load()
	s, err := serve(raw)
	r := ""
	if err == nil {
		r, err = b.latency(raw.name, rawPairs(s, s), s)
		s.end(os.Kill)
	}
	b.note("latency", raw.name, before, r, err)
	before = load()
	r, err = b.latency("no server", direct)
	b.note("latency", "no server", before, r, err)
}

// nodes measures two nodes with NATS between them, the sides of each channel on different ones, and beside them three programs that
// only copy.
func (b *bench) nodes(sys, nats system) {
	before := load()
	runners, end, err := b.twoNodes(sys, nats)
	defer end()
	var results []string
	if err == nil {
		results, err = latencies(runners, b.rate, b.long)
	}
	if err != nil {
		b.note("latency, two nodes", sys.name, before, "", err)
		return
	}
	for i, r := range runners {
		b.note("latency, two nodes", r.name, before, results[i], nil)
	}
}

// twoNodes runs what nodes measures, until end is called.
func (b *bench) twoNodes(sys, nats system) (runners []runner, end func(), err error) {
	var all []*server
	end = func() {
		for _, s := range all {
			s.end(os.Kill)
		}
	}
	n, err := serve(nats)
	if err != nil {
		return nil, end, err
	}
	all = append(all, n)
	var nodes []*server
	for range 2 {
		s, err := serve(sys, "--nats", fmt.Sprint("nats://127.0.0.1:", n.port+1000))
		if err != nil {
			return nil, end, err
		}
		all, nodes = append(all, s), append(nodes, s)
	}
	chain, err := serveChain()
	all = append(all, chain...)
	if err != nil {
		return nil, end, err
	}
	time.Sleep(2 * time.Second)                       // until the nodes know each other
	left := min(b.channels(), b.conns/2-b.channels()) // all are connected at the same time
	return []runner{
		{sys.name, across(nodes[0], nodes[1]), b.channels(), append(nodes, n)},
		{"raw TCP, chain", rawPairs(chain[0], chain[2]), max(1, left), chain},
	}, end, nil
}
