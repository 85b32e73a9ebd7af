package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const root = "../.."

// limit ends only what hangs.
const limit = time.Minute

// masq is the program under test: "make test-operating" builds it.
func masq(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, ".build", "masq"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("%v: make binary", err)
	}
	return path
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replace puts values of the test's own into an example, each of which has to be there.
func replace(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%q is not in the example", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// program runs in the background until the test ends.
type program struct {
	*exec.Cmd
	out   bytes.Buffer
	mu    sync.Mutex // guards out
	ended chan error
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// begin starts a program; line, unless it is empty, is what it has to print first. It returns the line's group.
func begin(t *testing.T, cmd *exec.Cmd, line string) (*program, string) {
	t.Helper()
	p := &program{Cmd: cmd, ended: make(chan error, 1)}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- cmd.Wait(); w.Close() }()
	found := make(chan string, 1)
	go func() {
		re := regexp.MustCompile(line)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			io.WriteString(p, lines.Text()+"\n")
			if m := re.FindStringSubmatch(lines.Text()); m != nil && len(found) == 0 {
				found <- m[len(m)-1]
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(limit):
			cmd.Process.Kill()
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(cmd.Path), p.printed())
		}
	})
	if line == "" {
		return p, ""
	}
	select {
	case group := <-found:
		return p, group
	case <-time.After(limit):
		t.Fatalf("%s never printed %q, but\n%s", cmd.Path, line, p.printed())
	}
	return p, ""
}

// syncServer runs a Sync Server and returns its address.
func syncServer(t *testing.T, args ...string) string {
	t.Helper()
	_, addr := begin(t, exec.Command(masq(t), append([]string{"sync-server", "--listen", "127.0.0.1:0"}, args...)...), `listening on (\S+)$`)
	return addr
}
