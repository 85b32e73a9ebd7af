package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	relay "github.com/masqdev/masq/core/relay/native"
)

// TestMain lets the test binary be masq itself, and an application, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"masq": main, "app": application})
}

// TestScripts runs testdata/*.txtar. Beside testscript's own commands they have:
//
//	start NAME PROGRAM ARG...   starts a program in the background
//	await NAME PATTERN [VAR...] waits until what it has printed since then matches; the groups become variables
//	type NAME TEXT              gives it a line of input
//	end NAME                    waits until it ends, well; ! end: with an error
//	interrupt NAME              interrupts it and waits until it ends, well; ! interrupt: with an error
//	terminate NAME              sends it SIGTERM
//	crash NAME                  kills it
//	until PATTERN COMMAND ARG... runs a command again and again until it prints what matches
//	occupy ADDRESS VAR          another program is on a port; 0 chooses one
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("MASQ_DATA", filepath.Join(e.WorkDir, "data"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("MASQ_NO_KEYRING", "1")
			free, err := freePort()
			if err != nil {
				return err
			}
			e.Setenv("FREE", free)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else every program stays a second longer under the race detector
			e.Values[procs] = map[string]*process{}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "ipv6" {
				l, err := net.Listen("tcp", "[::1]:0")
				if err == nil {
					l.Close()
				}
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start, "await": await, "type": typeLine, "end": end, "interrupt": interrupt, "terminate": terminate, "crash": crash, "occupy": occupy, "until": until,
		},
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

// freePort is a port on which nothing listens, in neither of localhost's addresses.
func freePort() (string, error) {
	listeners, err := relay.Listen("localhost:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listeners[0].Addr().String())
	closeAll(listeners)
	return port, err
}

// process is a program in the background.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when err is there

	mu   sync.Mutex
	news *sync.Cond
	out  bytes.Buffer // what it has printed and nobody has awaited
	err  error
	over bool
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.news.Broadcast()
	return p.out.Write(b)
}

// limit is how long a script waits for what should come. It only ends tests that hang.
const limit = time.Minute

type procsKey struct{}

var procs = procsKey{}

func named(ts *testscript.TestScript, args []string, least int) *process {
	if len(args) < least {
		ts.Fatalf("too few arguments")
	}
	p := ts.Value(procs).(map[string]*process)[args[0]]
	if p == nil {
		ts.Fatalf("nothing called %q was started", args[0])
	}
	return p
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARG...")
	}
	p := &process{ended: make(chan struct{})}
	p.news = sync.NewCond(&p.mu)
	p.cmd = exec.Command(args[1], args[2:]...)
	p.cmd.Dir = ts.Getenv("WORK")
	p.cmd.Env = append(os.Environ(), "MASQ_DATA="+ts.Getenv("MASQ_DATA"), "MASQ_NO_KEYRING=1", "GORACE="+ts.Getenv("GORACE"), "HOME="+ts.Getenv("HOME"), "PATH="+ts.Getenv("PATH"))
	p.cmd.Stdout, p.cmd.Stderr = p, p
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	ts.Check(err)
	go func() {
		err := p.cmd.Wait()
		p.mu.Lock()
		p.err, p.over = err, true
		p.news.Broadcast()
		p.mu.Unlock()
		close(p.ended)
	}()
	ts.Defer(func() { p.cmd.Process.Kill(); <-p.ended })
	ts.Value(procs).(map[string]*process)[args[0]] = p
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	p := named(ts, args, 2)
	pattern, err := regexp.Compile(`(?m)` + args[1])
	ts.Check(err)
	late := false
	timer := time.AfterFunc(limit, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		late = true
		p.news.Broadcast()
	})
	defer timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if m := pattern.FindSubmatchIndex(p.out.Bytes()); m != nil {
			text := p.out.String()
			for i, name := range args[2:] {
				ts.Setenv(name, text[m[2*i+2]:m[2*i+3]])
			}
			ts.Logf("[%s] %s", args[0], text[:m[1]])
			p.out.Next(m[1])
			return
		}
		if late || p.over {
			ts.Fatalf("%s never printed %q (ended: %v), but %q", args[0], args[1], p.over, p.out.String())
		}
		p.news.Wait()
	}
}

func typeLine(ts *testscript.TestScript, neg bool, args []string) {
	p := named(ts, args, 2)
	_, err := io.WriteString(p.stdin, strings.Join(args[1:], " ")+"\n")
	ts.Check(err)
}

func end(ts *testscript.TestScript, neg bool, args []string) {
	p := named(ts, args, 1)
	select {
	case <-p.ended:
	case <-time.After(limit):
		ts.Fatalf("%s has not ended", args[0])
	}
	ts.Logf("[%s] %s", args[0], p.out.String())
	if (p.err != nil) != neg {
		ts.Fatalf("%s ended with %v", args[0], p.err)
	}
}

func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(named(ts, args, 1).cmd.Process.Signal(syscall.SIGINT))
	end(ts, neg, args)
}

func terminate(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(named(ts, args, 1).cmd.Process.Signal(syscall.SIGTERM))
}

func crash(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(named(ts, args, 1).cmd.Process.Kill())
	end(ts, true, args)
}

// until is for what another device has to hear first.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND ARG...")
	}
	pattern, err := regexp.Compile(`(?m)` + args[0])
	ts.Check(err)
	var out bytes.Buffer
	for late := time.Now().Add(limit); time.Now().Before(late); {
		out.Reset()
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = ts.Getenv("WORK"), &out, &out
		cmd.Env = append(os.Environ(), "MASQ_DATA="+ts.Getenv("MASQ_DATA"), "GORACE="+ts.Getenv("GORACE"))
		cmd.Run()
		if pattern.Match(out.Bytes()) {
			return
		}
	}
	ts.Fatalf("%q never came: %s", args[0], &out)
}

func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	go func() { // it takes connections and says nothing
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			c.Close()
		}
	}()
	ts.Setenv(args[1], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

func TestRunAnswersOneHint(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"masq", "nonsense"}, &ui{strings.NewReader(""), &stdout, &stderr})
	if want := "masq: error: there is no command \"nonsense\"\nmasq: hint: \"masq help\" lists the commands\n"; code != 2 || stderr.String() != want {
		t.Errorf("code %d, %q", code, stderr.String())
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 20: "1.0 MiB", 5 << 50: "5120.0 TiB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d: %s", bytes, got)
		}
	}
}

func TestQR(t *testing.T) {
	code, err := qrText("http://localhost:6277/#masq=1.AAAAAAAAAAAAAAAAAAAAAA.d3M6Ly9sb2NhbGhvc3Q6NjI4MA")
	if lines := strings.Count(code, "\n"); err != nil || lines < 15 || lines > 35 {
		t.Errorf("%v: %d lines\n%s", err, lines, code)
	}
}
