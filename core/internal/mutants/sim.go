package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A planted bug is one that a mesh meets and no table of calls does. The simulator has simulatedSeeds seeds to find it.
type planted struct {
	mutant
	options []string // of masqsim
}

const simulatedSeeds = 300

// simulateAll plants each bug that has the text only in what it does or its file, and reports whether all were found.
func simulateAll(dir, only string) bool {
	found, all := 0, 0
	for i, p := range append(lied, months...) {
		if !strings.Contains(p.what+" "+p.file, only) {
			continue
		}
		all++
		seed, err := p.find(filepath.Join(dir, fmt.Sprint(i)))
		switch {
		case err != nil:
			fmt.Printf("ERROR  %s: %s: %v\n", p.file, p.what, err)
		case seed == "":
			fmt.Printf("MISSED %s: %s\n", p.file, p.what)
		default:
			found++
			fmt.Printf("found  %s: %s: %s\n", p.file, p.what, seed)
		}
	}
	fmt.Printf("%d of %d found\n", found, all)
	return found == all
}

var failedSeed = regexp.MustCompile(`(?m)^(seed \d+) .* failed;.*(?:\n  lies: .*)?\n  (.*)$`)

// find builds the simulator with the bug, and returns the first seed that failed and what failed, "" if all held.
func (p *planted) find(dir string) (string, error) {
	overlay, err := write([]mutant{p.mutant}, dir)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "masqsim")
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, "./core/sim/masqsim").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	args := append([]string{"-failfast", "-first", "1", "-seeds", fmt.Sprint(simulatedSeeds)}, p.options...)
	out, err := exec.Command(program, args...).CombinedOutput()
	switch m := failedSeed.FindSubmatch(out); {
	case err == nil:
		return "", nil
	case m != nil:
		return string(m[1]) + ", " + string(m[2]), nil
	}
	return "", fmt.Errorf("%w\n%s", err, out)
}
