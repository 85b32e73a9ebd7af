package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v3"
)

// exitsWith runs masq, which must say one error and one hint unless it goes well.
func exitsWith(t *testing.T, args ...string) int {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second) // ends what should not have begun
	defer stop()
	var stdout, stderr bytes.Buffer
	code := run(ctx, append([]string{"masq"}, args...), &ui{strings.NewReader(""), &stdout, &stderr})
	text := stderr.String()
	if code != 0 && (strings.Count(text, "masq: error: ") != 1 || strings.Count(text, "masq: hint: ") != 1) {
		t.Errorf("masq %q: not one error and one hint, but %q", args, text)
	}
	if strings.Contains(stdout.String(), "USAGE") && code != 0 {
		t.Errorf("masq %q: an error prints the help", args)
	}
	return code
}

// everyCommand calls f with each command and the words that call it.
func everyCommand(f func(words []string, c *cli.Command)) {
	var walk func(words []string, c *cli.Command)
	walk = func(words []string, c *cli.Command) {
		if len(words) > 0 {
			f(words, c)
		}
		for _, sub := range c.Commands {
			walk(append(slices.Clone(words), sub.Name), sub)
		}
	}
	walk(nil, command(&ui{strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}}))
}

// badValues are values that a flag's type does not take.
func badValues(f cli.Flag) []string {
	switch f.(type) {
	case *cli.BoolFlag:
		return []string{"maybe"}
	case *cli.IntFlag:
		return []string{"many", "1.5", "-1", "99999999999999999999"}
	case *cli.Uint16Flag:
		return []string{"many", "-1", "65536"}
	case *cli.Uint64Flag:
		return []string{"many", "-1", "0", "1.5", "99999999999999999999"}
	case *cli.DurationFlag:
		return []string{"soon", "5", "-5s"}
	}
	return nil
}

// TestUsageErrorsExitWith2: every command, with everything that it does not take.
func TestUsageErrorsExitWith2(t *testing.T) {
	t.Setenv("MASQ_DATA", t.TempDir())
	var all [][]string
	everyCommand(func(words []string, c *cli.Command) {
		with := func(more ...string) { all = append(all, append(slices.Clone(words), more...)) }
		with("--no-such-flag")
		switch c.ArgsUsage {
		case "":
			with("unexpected")
		case "KEY", "APP", "ID", "NAME", "DEVICE":
			with()
			with("one", "two")
		case "KEY VALUE", "APP SIZE":
			with()
			with("one")
			with("one", "2", "three")
		case "KEY...":
			with()
		case "[COMMAND...]":
			with("one", "two")
		default:
			t.Errorf("masq %q takes %q, which this test does not know", words, c.ArgsUsage)
		}
		for _, f := range c.Flags {
			name := f.Names()[0]
			for _, v := range badValues(f) {
				with("--" + name + "=" + v)
			}
			if _, ok := f.(*cli.BoolFlag); !ok {
				with("--" + name)
			}
		}
	})
	if len(all) < 150 {
		t.Fatalf("only %d", len(all))
	}
	for _, args := range append(all,
		[]string{"nonsense"},
		[]string{"--nonsense"},
		[]string{"--version=maybe"},
		[]string{"help", "nonsense"},
		[]string{"help", "apps", "nonsense"},
		[]string{"completion", "nonsense"},
		[]string{"completion", "bash", "unexpected"},
		[]string{"store", "--sync", "http://sync.example.org"},
		[]string{"store", "--sync", "wss://sync.example.org/"},
		[]string{"store", "--name", strings.Repeat("n", 41)},
		[]string{"up", "--listen", "0.0.0.0:0"},
		[]string{"up", "--listen", "localhost"},
		[]string{"up", "--listen", "localhost:http-alt-nonsense"},
		[]string{"up", "--listen", "localhost:65536"},
		[]string{"put", "key", "no JSON"},
		[]string{"put", "key", "1", "--file", "f"},
		[]string{"pair", "--bring", "--discard"},
		[]string{"pair", "https://example.org/#masq=1.AAECAwQFBgcICQoLDA0ODw"},
		[]string{"pair", "--join", "--app", "https://example.org"},
		[]string{"apps", "quota", "org.example.app", "much"},
		[]string{"apps", "quota", "org.example.app", "1K"},
		[]string{"apps", "quota", "org.example.app", "-1G"},
		[]string{"doctor", "--sync", "http://sync.example.org"},
		[]string{"doctor", "--port", "0"},
		[]string{"sync-server", "--listen", "localhost"},
		[]string{"sync-server", "--listen", "localhost:65536"},
		[]string{"sync-server", "--listen", "localhost:0", "--admin", "nonsense"},
		[]string{"sync-server", "--host", "http://x"},
		[]string{"sync-server", "--proxy", "example.org"},
		[]string{"sync-server", "--proxy", "10.0.0.0/33"},
		[]string{"sync-server", "--tls-cert", "cert.pem"},
		[]string{"sync-server", "--probe", "nonsense"},
	) {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			if code := exitsWith(t, args...); code != 2 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// TestOtherErrorsExitWith1: what was typed is right, and yet it cannot be done.
func TestOtherErrorsExitWith1(t *testing.T) {
	t.Setenv("MASQ_DATA", t.TempDir())
	for _, args := range [][]string{
		{"status"},
		{"get", "key"},
		{"put", "key", "1"},
		{"put", "key", "--file", "nowhere"},
		{"ls"},
		{"apps", "allow", "org.example"},
		{"devices", "remove", "phone"},
		{"pair"},
		{"pair", "--join"},
		{"doctor"},
		{"sync-server", "--config", "nowhere"},
		{"sync-server", "--listen", "localhost:0", "--tls-cert", "nowhere", "--tls-key", "nowhere"},
		{"sync-server", "--listen", "localhost:1", "--probe", "live"},
	} {
		if code := exitsWith(t, args...); code != 1 {
			t.Errorf("masq %q: exit code %d", args, code)
		}
	}
}

// TestHelpAndVersionExitWith0: they need nothing.
func TestHelpAndVersionExitWith0(t *testing.T) {
	for _, args := range [][]string{
		{}, {"help"}, {"help", "apps"}, {"help", "apps", "allow"}, {"--help"}, {"-h"}, {"version"}, {"--version"}, {"completion", "bash"}, {"completion"},
	} {
		if code := exitsWith(t, args...); code != 0 {
			t.Errorf("masq %q: exit code %d", args, code)
		}
	}
	everyCommand(func(words []string, _ *cli.Command) {
		if code := exitsWith(t, append(slices.Clone(words), "--help")...); code != 0 {
			t.Errorf("masq %q --help: exit code %d", words, code)
		}
	})
}
