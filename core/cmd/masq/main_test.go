package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be masq itself, for the tests that need a process.
func TestMain(m *testing.M) {
	if os.Getenv("MASQ_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestCommands(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().String()
	for _, c := range []struct {
		args   string
		code   int
		stdout string // a pattern for all of it
		stderr string
	}{
		{"version", 0, `masq \S+\n`, ``},
		{"", 0, `(?s)NAME:.*masq.*up.*sync-server.*version.*`, ``},
		{"help", 0, `(?s)NAME:.*`, ``},
		{"up --help", 0, `(?s).*--listen address.*localhost:6280.*`, ``},
		{"sync-server --help", 0, `(?s).*--host name.*`, ``},
		{"nonsense", 1, ``, `masq: error: there is no command "nonsense"\nmasq: hint: .*\n`},
		{"up now", 1, ``, `masq: error: up takes no argument "now"\nmasq: hint: "masq up --help" .*\n`},
		{"up --lisen x", 1, ``, `masq: error: .*lisen\nmasq: hint: "masq up --help" .*\n`},
		{"up --listen " + busy, 1, ``, `masq: error: 127.0.0.1:\d+ is in use\nmasq: hint: .*--listen.*\n`},
		{"up --listen 0.0.0.0:0", 1, ``, `masq: error: 0.0.0.0:0 is not .*\nmasq: hint: .*sync-server.*\n`},
		{"up --listen localhost", 1, ``, `masq: error: cannot listen on "localhost"\nmasq: hint: .*\n`},
		{"sync-server --host http://x", 1, ``, `masq: error: "http://x" is not a host name\nmasq: hint: .*\n`},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"masq"}, strings.Fields(c.args)...), &stdout, &stderr)
		if code != c.code || !matches(c.stdout, stdout.String()) || !matches(c.stderr, stderr.String()) {
			t.Errorf("masq %s: code %d\nstdout: %sstderr: %s", c.args, code, &stdout, &stderr)
		}
	}
}

func matches(pattern, s string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(s)
}

// start runs masq as a process and answers the first line that it prints. It is stopped by a signal in the test.
func start(t *testing.T, args ...string) (*exec.Cmd, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), "MASQ_TEST_MAIN=1")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, lines)
	return cmd, line
}

func TestUpServesUntilASignal(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd, line := start(t, "up", "--listen", "localhost:0")
		url := regexp.MustCompile(`http://localhost:\d+`).FindString(line)
		for path, want := range map[string]string{"/": "<!doctype html>", "/livez": "ok"} {
			resp, err := http.Get(url + path)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 200 || !strings.Contains(strings.ToLower(string(body)), want) {
				t.Errorf("%s: %d %.100s", path, resp.StatusCode, body)
			}
		}
		cmd.Process.Signal(sig)
		if err := cmd.Wait(); err != nil {
			t.Errorf("after %v: %v", sig, err)
		}
	}
}

func TestSyncServerServesUntilASignal(t *testing.T) {
	cmd, line := start(t, "sync-server", "--listen", "127.0.0.1:0", "--host", "sync.example.org")
	addr := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	resp, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
