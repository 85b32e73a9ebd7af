// Command vectors runs the vectors of core/testdata/vectors: by the packages that make them, natively and in a browser, and by the
// second implementation, in Python. `make vectors` calls it at the module's root.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// packages are those with a TestVectors.
var packages = []string{
	"./core/wire", "./core/session", "./core/pairing", "./core/roster", "./core/vault", "./core/replica", "./core/peer",
}

const (
	files  = "core/testdata/vectors"
	second = "core/testdata/second"
)

// A runner checks all vectors. Its output has a line for each file: "vectors: N in FILE, M failed".
type runner struct {
	name string
	env  []string
	args []string
}

var told = regexp.MustCompile(`vectors: (\d+) in (\S+), (\d+) failed`)

func main() {
	masq := flag.String("masq", ".build/masq", "the masq `binary` that runs the Sync Server")
	browser := flag.String("exec", ".ci/in-browser", "`program` that runs a WASM test in a browser")
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
	for _, r := range []runner{
		{name: "Go", args: test},
		{name: "Go in the browser", env: []string{"GOOS=js", "GOARCH=wasm"}, args: append([]string{"go", "test", "-exec", inBrowser}, test[2:]...)},
		{name: "Python", args: []string{python, filepath.Join(second, "vectors.py"), files}},
	} {
		n, bad := r.run()
		if bad == 0 && n != total {
			fmt.Fprintf(os.Stderr, "%s checked %d vectors of %d\n", r.name, n, total)
			bad = 1
		}
		fmt.Printf("%-18s %5d vectors, %d failed\n", r.name+":", n, bad)
		failed += bad
	}
	if err := live(python, *masq); err != nil {
		fmt.Fprintln(os.Stderr, err)
		failed++
	}
	fmt.Printf("%d vectors, %d failed\n", total, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// run returns how many vectors were checked, and how many failed. What the runner says is shown if any did.
func (r *runner) run() (n, failed int) {
	cmd := exec.Command(r.args[0], r.args[1:]...)
	cmd.Env = append(os.Environ(), r.env...)
	out, err := cmd.CombinedOutput()
	for _, m := range told.FindAllSubmatch(out, -1) {
		n += number(m[1])
		failed += number(m[3])
	}
	if err != nil {
		os.Stderr.Write(out)
		failed = max(failed, 1)
	}
	return n, failed
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
