// Package floors holds the project's layers: a package imports only packages of lower floors. It has no code, only the test.
package floors

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/masqdev/masq/"

// floors lists the packages from the bottom up. A pattern with /... is a folder and what is in it. The first that matches counts.
// Packages on one floor do not import each other, but for those inside one /... pattern.
var floors = [][]string{
	{"core/bug", "core/wire", "core/storage", "core/internal/architecture", "core/internal/clock", "core/internal/floors", "core/internal/slim", "core/internal/words", "core/internal/wsock"},
	{"core/storage/mem", "core/storage/bolt", "core/storage/storagetest", "core/compact", "core/vault", "core/roster", "core/session", "core/relay"},
	{"core/table/...", "core/ledger", "core/pairing/...", "core/relay/client"},
	{"core/replica", "core/internal/contact"},
	{"core/peer"},
	{"core/localstore"},
	{"core/relay/native", "core/localstore/native", "web/..."},
	{"core/sim/...", "core/cmd/...", "core/relay/tap", "core/relay/conformance", "core/relay/bench", "core/internal/mutants", "core/internal/vectors", "wasm/..."},
}

// engine is what runs unchanged natively, in the browser and in the simulator. It gets time and randomness handed in and does
// nothing by itself, so that a run can be repeated from its seed.
var engine = []string{
	"core/internal/clock", "core/wire", "core/storage", "core/compact", "core/vault", "core/table/...", "core/ledger", "core/replica", "core/roster", "core/session",
	"core/pairing/...", "core/peer", "core/relay",
}

// driven is what does nothing by itself: the engine, and the local store around it, which need not be light.
var driven = append(slices.Clone(engine), "core/localstore", "core/internal/contact")

// forbidden names what a package must not import itself, tests apart.
var forbidden = []struct {
	in      []string
	imports []string
	why     string
}{
	{driven, []string{"os", "os/...", "net", "net/...", "io/fs", "syscall/..."}, "the engine does no I/O"},
	{driven, []string{"time"}, "the engine reads no clock: times are Unix milliseconds, handed in"},
	{driven, []string{"math/rand/..."}, "the engine has no randomness of its own: it is handed in"},
	{engine, []string{"encoding/json", "encoding/gob", "encoding/xml", "text/template", "log", "log/..."}, "too heavy for the browser"},
	{[]string{"core/relay"}, []string{module + "core/storage/...", module + "core/vault"}, "the Sync Server stores nothing"},
	{[]string{"wasm/..."}, []string{"syscall/js"}, "wasm/ touches JavaScript only through safejs"},
}

// neverLinked must not be in the browser's client at all, however it gets there.
var neverLinked = []string{
	"net/http", "encoding/json", "encoding/asn1", "golang.org/x/crypto/cryptobyte", "go.etcd.io/bbolt",
	"crypto/ecdsa", "crypto/elliptic",
	// What core/internal/slim takes out of others' packages.
	"fmt", "reflect", "math/big", "math/rand", "internal/bisect", "os", "time", "syscall",
	"crypto/aes", "crypto/internal/fips140/aes", "crypto/internal/fips140/aes/gcm", "golang.org/x/crypto/blake2b", "golang.org/x/crypto/blake2s",
	"crypto/internal/fips140/ecdh", "crypto/internal/fips140/nistec", "crypto/internal/fips140/nistec/fiat",
}

type pkg struct {
	name    string // without the module's path
	imports []string
}

func TestImportsGoDown(t *testing.T) {
	for _, p := range append(list(t, "", "./core/...", "./web/..."), list(t, "js", "./wasm/...")...) {
		own, ownPattern := floorOf(p.name)
		if own < 0 {
			t.Errorf("%s has no floor: give it one in this file", p.name)
		}
		for _, i := range p.imports {
			name, ours := strings.CutPrefix(i, module)
			if floor, pattern := floorOf(name); ours && floor >= own && !(pattern == ownPattern && strings.HasSuffix(pattern, "/...")) {
				t.Errorf("%s (floor %d) imports %s (floor %d)", p.name, own, name, floor)
			}
			for _, f := range forbidden {
				if matchesAny(f.in, p.name) && matchesAny(f.imports, i) {
					t.Errorf("%s imports %s: %s", p.name, i, f.why)
				}
			}
		}
	}
}

// What does nothing by itself starts no goroutine. So nothing in it can race, and `make test` spares it the race detector.
func TestDrivenStartsNothing(t *testing.T) {
	for _, p := range list(t, "", "./core/...") {
		if !matchesAny(driven, p.name) && p.name != "core/sim" {
			continue
		}
		files, err := filepath.Glob(path.Join("..", "..", "..", p.name, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", p.name, len(files), err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				startsNothing(t, file)
			}
		}
	}
}

func startsNothing(t *testing.T, file string) {
	t.Helper()
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if s, ok := n.(*ast.GoStmt); ok {
			t.Errorf("%s: starts a goroutine", set.Position(s.Pos()))
		}
		return true
	})
}

func TestClientStaysSmall(t *testing.T) {
	for _, name := range strings.Fields(golist(t, "js", append(slim(t), "-deps", "./wasm/client")...)) {
		if slices.Contains(neverLinked, name) {
			t.Errorf("wasm/client links %s", name)
		}
	}
}

// slim returns the flags that the client is built with.
func slim(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./core/internal/slim", t.TempDir())
	cmd.Dir = path.Join("..", "..", "..")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("core/internal/slim: %v", err)
	}
	return strings.Fields(string(out))
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"core/wire", "core/wire", true},
		{"core/wire", "core/wire/x", false},
		{"core/sim/...", "core/sim", true},
		{"core/sim/...", "core/sim/masqsim", true},
		{"core/sim/...", "core/simple", false},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

// floorOf returns a package's floor with the pattern that gave it, or -1.
func floorOf(name string) (int, string) {
	for n, patterns := range floors {
		for _, pattern := range patterns {
			if matches(pattern, name) {
				return n, pattern
			}
		}
	}
	return -1, ""
}

func matches(pattern, name string) bool {
	dir, all := strings.CutSuffix(pattern, "/...")
	return name == dir || all && strings.HasPrefix(name, dir+"/")
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func list(t *testing.T, goos string, patterns ...string) []pkg {
	t.Helper()
	out := golist(t, goos, append([]string{"-f", `{{.ImportPath}} {{join .Imports " "}}`}, patterns...)...)
	var pkgs []pkg
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		pkgs = append(pkgs, pkg{strings.TrimPrefix(words[0], module), words[1:]})
	}
	return pkgs
}

// golist runs go list at the module's root, for the browser when goos is js.
func golist(t *testing.T, goos string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e"}, args...)...)
	cmd.Dir = path.Join("..", "..", "..")
	cmd.Stderr = os.Stderr
	cmd.Env = os.Environ()
	if goos == "js" {
		cmd.Env = append(cmd.Env, "GOOS=js", "GOARCH=wasm")
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return string(out)
}
