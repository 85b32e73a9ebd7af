// Command mutants removes the checks that keep a removed device out, or an application peer or a page inside what it may, one at a time
// and all together, and expects a test to fail each time. `make mutants-rights` calls it at the module's root. With -sim it plants the
// bugs of another table, one at a time, and expects the simulator to find each: `make sim-mutants`.
//
// The tree is never changed: go test gets the changed files as an overlay. A row whose old text does not stand exactly once in its file,
// or whose new text does not build, is an error: the table follows the code.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
)

// A mutant is a check that is removed, or a bug that is planted: in a file, old becomes new.
type mutant struct {
	what string // the check keeps, or the bug does
	file string
	old  string
	new  string
}

// tests are the packages whose tests are to find a change in a package, in the order in which they are asked; its own come first.
var tests = map[string][]string{
	"core/roster":     {"core/peer"},
	"core/replica":    {"core/peer"},
	"core/localstore": {"core/localstore/native"},
}

func main() {
	only := flag.String("only", "", "`text` of the rows that are to be tried: what they keep, or the file; all together is left out")
	jobs := flag.Int("jobs", 2, "how many are tried at a time")
	simulate := flag.Bool("sim", false, "plant bugs that the simulator is to find")
	flag.Parse()
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		fail(err)
	}
	defer os.RemoveAll(dir)
	if *simulate {
		if !simulateAll(dir, *only) {
			os.RemoveAll(dir)
			os.Exit(1)
		}
		return
	}
	rows := slices.DeleteFunc(slices.Clone(rights), func(m mutant) bool { return !strings.Contains(m.what+" "+m.file, *only) })
	tries := make([]try, len(rows))
	for i := range rows {
		tries[i] = try{name: rows[i].file + ": " + rows[i].what, rows: rows[i : i+1], packages: packagesOf(rows[i].file)}
	}
	if *only == "" {
		tries = append(tries, together(rows)...)
	}
	if err := sound(tries); err != nil {
		fail(err)
	}
	survived := runAll(tries, dir, *jobs)
	fmt.Printf("%d checks removed, %d removals passed every test\n", len(rows), survived)
	if survived > 0 {
		os.RemoveAll(dir)
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutants:", err)
	os.Exit(1)
}

// packagesOf are the packages whose tests are asked about a file.
func packagesOf(file string) []string {
	own := path.Dir(file)
	return append([]string{own}, tests[own]...)
}

// A try is rows that are removed together.
type try struct {
	name     string
	rows     []mutant
	packages []string // one of them has to fail

	found string // the test that missed the rows
	err   error
}

// together removes all rows at once. Each package that has any has to notice by itself.
func together(rows []mutant) (all []try) {
	var packages []string
	for _, m := range rows {
		packages = append(packages, path.Dir(m.file))
	}
	slices.Sort(packages)
	for _, p := range slices.Compact(packages) {
		all = append(all, try{name: p + ": all together", rows: rows, packages: []string{p}})
	}
	return all
}

// sound returns an error unless every test passes as long as nothing is removed.
func sound(tries []try) error {
	args := []string{"test", "-timeout", "5m"}
	for _, t := range tries {
		for _, p := range t.packages {
			if !slices.Contains(args, "./"+p) {
				args = append(args, "./"+p)
			}
		}
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("the tests fail before anything is removed\n%s", out)
	}
	return nil
}

// runAll runs the tries, prints what came of each, and returns how many nobody noticed.
func runAll(tries []try, dir string, jobs int) (survived int) {
	var all sync.WaitGroup
	var print sync.Mutex
	next := make(chan int)
	for range jobs {
		all.Go(func() {
			for i := range next {
				t := &tries[i]
				t.run(filepath.Join(dir, fmt.Sprint(i)))
				print.Lock()
				if !t.report() {
					survived++
				}
				print.Unlock()
			}
		})
	}
	for i := range tries {
		next <- i
	}
	close(next)
	all.Wait()
	return survived
}

// report prints what came of a try, and returns whether a test found it.
func (t *try) report() bool {
	switch {
	case t.err != nil:
		fmt.Printf("ERROR  %s: %v\n", t.name, t.err)
	case t.found == "":
		fmt.Printf("MISSED %s\n", t.name)
	default:
		fmt.Printf("found  %s: %s\n", t.name, t.found)
	}
	return t.found != ""
}

func (t *try) run(dir string) {
	overlay, err := write(t.rows, dir)
	if err != nil {
		t.err = err
		return
	}
	for _, p := range t.packages {
		if t.found, t.err = ask(p, overlay); t.found != "" || t.err != nil {
			return
		}
	}
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// ask runs a package's tests with an overlay, and returns the test that failed, "" if none did.
func ask(pkg, overlay string) (string, error) {
	cmd := exec.Command("go", "test", "-vet", "off", "-count", "1", "-failfast", "-timeout", "5m", "-overlay", overlay, "./"+pkg)
	out, err := cmd.CombinedOutput()
	switch m := failed.FindSubmatch(out); {
	case err == nil:
		return "", nil
	case m != nil:
		return pkg + "." + string(m[1]), nil
	case bytes.Contains(out, []byte("panic: ")):
		return pkg + ", by a panic", nil
	}
	return "", fmt.Errorf("%w\n%s", err, out)
}

// write writes the changed files to dir, and the overlay that puts them in their places.
func write(rows []mutant, dir string) (overlay string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for _, file := range filesOf(rows) {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		changed, err := apply(string(text), file, rows)
		if err != nil {
			return "", err
		}
		name := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
			return "", err
		}
		full, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		replace[full] = name
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

func filesOf(rows []mutant) (files []string) {
	for _, m := range rows {
		if !slices.Contains(files, m.file) {
			files = append(files, m.file)
		}
	}
	return files
}

// apply makes the changes that rows have for a file.
func apply(text, file string, rows []mutant) (string, error) {
	type change struct {
		at int
		m  mutant
	}
	var changes []change
	for _, m := range rows {
		if m.file != file {
			continue
		}
		if n := strings.Count(text, m.old); n != 1 {
			return "", fmt.Errorf("%q stands there %d times", m.old, n)
		}
		changes = append(changes, change{strings.Index(text, m.old), m})
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].at < changes[j].at })
	var b strings.Builder
	done := 0
	for _, c := range changes {
		if c.at < done {
			return "", fmt.Errorf("%q overlaps with the row before it", c.m.old)
		}
		b.WriteString(text[done:c.at])
		b.WriteString(c.m.new)
		done = c.at + len(c.m.old)
	}
	b.WriteString(text[done:])
	return b.String(), nil
}
