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
	rawPort := flag.Int("raw", 0, "only be the raw limit's server, on this port")
	kind := flag.Int("flood", -1, "only be this kind of flood, against the server on -at's port")
	at := flag.Int("at", 0, "where the flood goes")
	hold := flag.String("hold", "", "only hold idle connections to the Sync Server at this URL, for profiles of it")
	flag.Parse()
	if *kind >= 0 {
		beFlood(*kind, *at)
		return
	}
	if *rawPort != 0 {
		log.Fatal(beRaw(*rawPort))
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
		with("latency", func(s *server) (string, error) { return latency(across(s, s), min(5000, b.conns/2), b.rate, b.long, s) })
	}
}

// raw measures what nobody can beat: a server that only copies, and no server at all.
func (b *bench) raw() {
	before := load()
	s, err := serve(raw)
	r := ""
	if err == nil {
		r, err = latency(rawPairs(s), min(5000, b.conns/2), b.rate, b.long, s)
		s.end(os.Kill)
	}
	b.note("latency", raw.name, before, r, err)
	before = load()
	r, err = latency(direct, min(5000, b.conns/2), b.rate, b.long)
	b.note("latency", "no server", before, r, err)
}

// nodes measures two nodes with NATS between them, the sides of each channel on different ones.
func (b *bench) nodes(sys, nats system) {
	before := load()
	r, err := func() (string, error) {
		n, err := serve(nats)
		if err != nil {
			return "", err
		}
		defer n.end(os.Kill)
		url := fmt.Sprint("nats://127.0.0.1:", n.port+1000)
		var s [2]*server
		for i := range s {
			if s[i], err = serve(sys, "--nats", url); err != nil {
				return "", err
			}
			defer s[i].end(os.Kill)
		}
		time.Sleep(2 * time.Second)
		return latency(across(s[0], s[1]), min(5000, b.conns/2), b.rate, b.long, s[0], s[1], n)
	}()
	b.note("latency, two nodes", "masq", before, r, err)
}
