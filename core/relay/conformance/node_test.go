package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/masqdev/masq/core/relay/native"
)

// The test's own program is also the nodes and the NATS servers that are killed: TestMain becomes one when these say so.
const (
	nodeVariable = "MASQ_TEST_NODE" // as JSON: nodeConfig
	natsVariable = "MASQ_TEST_NATS" // its address
)

// nodeConfig is what a node is started with.
type nodeConfig struct {
	Listen, NATS string
	Dump         string // where SIGUSR1 writes its heap
}

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(nodeVariable) != "":
		beNode(os.Getenv(nodeVariable))
	case os.Getenv(natsVariable) != "":
		beNATS(os.Getenv(natsVariable))
	default:
		os.Exit(m.Run())
	}
}

func beNode(config string) {
	var c nodeConfig
	must(json.Unmarshal([]byte(config), &c))
	l, err := net.Listen("tcp", c.Listen)
	must(err)
	s := native.New(native.Options{
		NATS: c.NATS, Loopback: native.AddressLimits{Handshakes: 1000, Waiting: 1000, NewPerMinute: 100_000, NameplatesPerMinute: 1000},
	})
	usr1 := make(chan os.Signal, 1)
	signal.Notify(usr1, syscall.SIGUSR1)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println(l.Addr())
	go func() {
		for range usr1 {
			fmt.Println(report(s, c.Dump))
		}
	}()
	must(s.Serve(ctx, l))
}

// state is what a node says of itself.
type state struct {
	Goroutines, Left int
	Heap             uint64
}

// report lets all garbage be collected, writes every object that is left to a file, and says how much there is.
func report(s *native.Server, file string) string {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // what has a finalizer goes at the second
	f, err := os.Create(file)
	must(err)
	debug.WriteHeapDump(f.Fd())
	must(f.Close())
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	st := s.Stats()
	b, _ := json.Marshal(state{runtime.NumGoroutine(), st.Waiting + st.Joined + st.Channels + st.Mailboxes + st.Far, m.HeapAlloc})
	return string(b)
}

func beNATS(addr string) {
	s, err := server.NewServer(natsOptions(addr))
	must(err)
	s.Start()
	if !s.ReadyForConnections(Patience) {
		os.Exit(1)
	}
	fmt.Println(s.Addr())
	s.WaitForShutdown()
}

func natsOptions(addr string) *server.Options {
	a, err := net.ResolveTCPAddr("tcp", addr)
	must(err)
	o := &server.Options{Host: a.IP.String(), Port: a.Port, NoLog: true, NoSigs: true, MaxPending: 1 << 20, WriteDeadline: time.Second}
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	return o
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// process is a node or a NATS server.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string
	out  *bufio.Reader
}

func start(t *testing.T, variable, value string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), variable+"="+value)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	must(err)
	must(p.cmd.Start())
	t.Cleanup(p.kill)
	p.out = bufio.NewReader(out)
	p.addr = p.line()
	return p
}

func startNode(t *testing.T, c nodeConfig) *process {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	b, _ := json.Marshal(c)
	return start(t, nodeVariable, string(b))
}

func (p *process) url() string { return "ws://" + p.addr }

func (p *process) line() string {
	p.t.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("a process ended: %v", err)
	}
	return strings.TrimSpace(s)
}

// kill is kill -9.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

func (p *process) report() (s state) {
	p.cmd.Process.Signal(syscall.SIGUSR1)
	must(json.Unmarshal([]byte(p.line()), &s))
	return s
}
