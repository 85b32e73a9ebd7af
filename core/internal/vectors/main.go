// Command vectors runs the vectors of core/testdata/vectors: by the packages that make them, natively and in a browser, and by the
// second implementation, in Python. It also runs the published ones: those of core/testdata/published by the packages that do as they
// say, and Wycheproof's by the module core/testdata/wycheproof: natively, and in the browser with what core/internal/slim leaves of Go's
// packages. `make vectors` calls it at the module's root.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// packages are those with a TestVectors.
var packages = []string{
	"./core/wire", "./core/session", "./core/pairing", "./core/roster", "./core/vault", "./core/replica", "./core/peer",
}

// publishedIn are those with a TestPublished.
var publishedIn = []string{"./core/session", "./core/pairing", "./core/pairing/cpace"}

const (
	files      = "core/testdata/vectors"
	second     = "core/testdata/second"
	wycheproof = "core/testdata/wycheproof"

	longest = 3 * time.Minute // that a runner may take
)

// A runner checks all vectors. Its output has a line for each file: "vectors: N in FILE, M failed".
type runner struct {
	name  string
	env   []string
	args  []string
	brief bool // print no line for each file

	out []byte // what it said, and how it ended
	err error
}

var (
	told       = regexp.MustCompile(`vectors: (\d+) in (\S+), (\d+) failed`)
	primitives = regexp.MustCompile(`primitives: .*`) // what the second implementation says of what it is built on

	published     = regexp.MustCompile(`published: (\d+) run, (\d+) not applicable, (\d+) failed in (\S+)`)
	notApplicable = regexp.MustCompile(`not applicable: .*`)
)

func main() {
	masq := flag.String("masq", ".build/masq", "the masq `binary` that runs the Sync Server")
	browser := flag.String("exec", ".ci/in-browser", "`program` that runs a WASM test in a browser")
	goflags := flag.String("goflags", os.Getenv("GOFLAGS"), "`flags` of the build that the browser is given")
	flag.Parse()
	python, err := exec.LookPath("python3")
	if err != nil {
		fail("python3 is not installed, or not in PATH", "Python 3.8 or newer, without packages; on Debian or Ubuntu: apt-get install python3")
	}
	inBrowser, err := filepath.Abs(*browser)
	if err != nil {
		fail(err.Error(), "give -exec a path")
	}
	total, failed := count(), 0
	test := append([]string{"go", "test", "-count", "1", "-v", "-run", "^TestVectors$", "-timeout", "2m"}, packages...)
	runners := []runner{
		{name: "Go", args: test},
		{name: "Go in the browser", env: inWASM(*goflags), args: append([]string{"go", "test", "-exec", inBrowser}, test[2:]...)},
		{name: "Python", args: []string{python, "-B", filepath.Join(second, "vectors.py"), files}},
	}
	test = []string{"go", "test", "-count", "1", "-v", "-run", "^TestPublished|^TestSameVersion$", "-timeout", "2m"}
	rows := []runner{
		{name: "published", args: append(slices.Clone(test), publishedIn...)},
		{name: "Wycheproof", args: append([]string{"go", "-C", wycheproof}, append(test[1:], ".")...)},
	}
	test = []string{"test", "-count", "1", "-v", "-run", "^TestPublished", "-timeout", "2m", "-exec", inBrowser}
	rows = append(rows,
		runner{name: "published in the browser", brief: true, env: inWASM(*goflags),
			args: append(append([]string{"go"}, test...), publishedIn...)},
		runner{name: "Wycheproof in the browser", brief: true, env: inWASM(overlay(*goflags)),
			args: append(append([]string{"go", "-C", wycheproof}, test...), ".")},
	)
	var all sync.WaitGroup
	for i := range runners {
		all.Go(runners[i].run)
	}
	for i := range rows {
		all.Go(rows[i].run)
	}
	met := live(python, *masq)
	all.Wait()
	for i := range runners {
		failed += runners[i].report(total)
	}
	if met != nil {
		fmt.Fprintln(os.Stderr, met)
		failed++
	} else {
		fmt.Println("Python and Go:         2 sessions at masq sync-server, rosters exchanged")
	}
	for i := range rows {
		failed += rows[i].reportRows()
	}
	fmt.Printf("%d vectors, %d failed\n", total, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func inWASM(flags string) []string { return []string{"GOOS=js", "GOARCH=wasm", "GOFLAGS=" + flags} }

// overlay is the one of the build's flags that another module can be built with: what is patched of Go's own packages.
func overlay(flags string) string {
	for flag := range strings.FieldsSeq(flags) {
		if strings.HasPrefix(flag, "-overlay=") {
			return flag
		}
	}
	return ""
}

func (r *runner) run() {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.args[0], r.args[1:]...)
	cmd.Env = append(os.Environ(), r.env...)
	r.out, r.err = cmd.CombinedOutput()
}

// report prints how many vectors were checked, and returns how many failed. What the runner said is shown if any did.
func (r *runner) report(total int) (failed int) {
	n := 0
	for _, m := range told.FindAllSubmatch(r.out, -1) {
		n += number(m[1])
		failed += number(m[3])
	}
	if r.err != nil || n != total {
		os.Stderr.Write(r.out)
		fmt.Fprintf(os.Stderr, "%s checked %d vectors of %d: %v\n", r.name, n, total, r.err)
		failed = max(failed, 1)
	}
	fmt.Printf("%-18s %5d vectors, %d failed\n", r.name+":", n, failed)
	if m := primitives.Find(r.out); m != nil {
		fmt.Printf("%-18s %s\n", "", m)
	}
	return failed
}

// reportRows prints for each file of published vectors how many rows were run, and why others were not. It returns how many failed.
func (r *runner) reportRows() (failed int) {
	files := published.FindAllSubmatch(r.out, -1)
	run := 0
	for _, m := range files {
		run += number(m[1])
		failed += number(m[3])
	}
	if r.brief {
		fmt.Printf("%s: %d run, %d failed in %d files\n", r.name, run, failed, len(files))
	} else {
		r.printFiles()
	}
	if r.err != nil || len(files) == 0 {
		os.Stderr.Write(r.out)
		fmt.Fprintf(os.Stderr, "%s: %d files of published vectors: %v\n", r.name, len(files), r.err)
		failed = max(failed, 1)
	}
	return failed
}

func (r *runner) printFiles() {
	for _, line := range append(notApplicable.FindAll(r.out, -1), published.FindAll(r.out, -1)...) {
		fmt.Printf("%s\n", line)
	}
}

func number(b []byte) int {
	n, _ := strconv.Atoi(string(b)) // of digits alone
	return n
}

// count is how many vectors the files have: each stands on a line of its own.
func count() int {
	n := 0
	list, _ := filepath.Glob(filepath.Join(files, "*.json"))
	for _, name := range list {
		text, err := os.ReadFile(name)
		if err != nil {
			fail(err.Error(), "run make vectors")
		}
		n += bytes.Count(text, []byte("\n{\"name\":"))
	}
	if n == 0 {
		fail("no vectors in "+files, "run this at the module's root: make vectors")
	}
	return n
}

func fail(what, hint string) {
	fmt.Fprintf(os.Stderr, "masq: error: %s\nmasq: hint: %s\n", what, hint)
	os.Exit(1)
}
