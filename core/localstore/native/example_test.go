package native

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestExample runs a program that is not Go and has nothing but the API's description.
func TestExample(t *testing.T) {
	b := newHarness(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--no-warnings", "--experimental-websocket", "testdata/example.mjs", fmt.Sprintf("ws://localhost:%d/v1", b.port))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: Node.js is what the rest of the build needs too", err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(stderr.String())
		}
	}()
	lines := bufio.NewReader(stdout)
	line := func(want string) {
		t.Helper()
		got, err := lines.ReadString('\n')
		if err != nil || !strings.Contains(got, want) {
			rest, _ := io.ReadAll(lines)
			t.Fatalf("%v: %q, not %q; then %s", err, got, want, rest)
		}
	}
	line("digits: ")
	line("waiting for: masq apps allow")
	b.allow("org.example.hello")
	line(`= {"text":"hello","at":"`)
	b.stop()
	line("the store has closed 1001")
}
