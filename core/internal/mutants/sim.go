package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A planted bug is one that a mesh meets and no table of calls does. The simulator has simulatedSeeds seeds to find it. A seed has found it if it fails with the
// bug, and holds without.
type planted struct {
	mutant
	options []string // of masqsim
}

const simulatedSeeds = 300

// simulateAll plants each bug that has the text only in what it does or its file, and reports whether all were found.
func simulateAll(dir, only string) bool {
	sound := filepath.Join(dir, "sound")
	if err := build(sound); err != nil {
		fmt.Println(err)
		return false
	}
	found, all := 0, 0
	for i, p := range append(months, lied...) {
		if !strings.Contains(p.what+" "+p.file, only) {
			continue
		}
		all++
		seed, err := p.find(filepath.Join(dir, fmt.Sprint(i)), sound)
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

var failedSeed = regexp.MustCompile(`(?m)^seed (\d+) .* failed;.*(?:\n  lies: .*)?\n  (.*)$`)

// find builds the simulator with the bug, and returns the first seed that failed and what failed, "" if all held. sound is the simulator without the bug.
func (p *planted) find(dir, sound string) (string, error) {
	overlay, err := write([]mutant{p.mutant}, dir)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "masqsim")
	if err := build(program, "-overlay", overlay); err != nil {
		return "", err
	}
	for first := 1; first <= simulatedSeeds; {
		seed, what, err := p.run(program, first, simulatedSeeds+1-first)
		if err != nil || seed == 0 {
			return "", err
		}
		switch failed, _, err := p.run(sound, seed, 1); {
		case err != nil:
			return "", err
		case failed == 0:
			return fmt.Sprintf("seed %d, %s", seed, what), nil
		}
		first = seed + 1
	}
	return "", nil
}

// build builds the simulator.
func build(program string, flags ...string) error {
	args := append(append([]string{"build", "-o", program}, flags...), "./core/sim/masqsim")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// run returns the first of the seeds that fails, and what fails; 0 if all hold.
func (p *planted) run(program string, first, seeds int) (seed int, what string, err error) {
	args := append([]string{"-failfast", "-first", strconv.Itoa(first), "-seeds", strconv.Itoa(seeds)}, p.options...)
	out, err := exec.Command(program, args...).CombinedOutput()
	switch m := failedSeed.FindSubmatch(out); {
	case err == nil:
		return 0, "", nil
	case m != nil:
		seed, err = strconv.Atoi(string(m[1]))
		return seed, string(m[2]), err
	}
	return 0, "", fmt.Errorf("%w\n%s", err, out)
}
