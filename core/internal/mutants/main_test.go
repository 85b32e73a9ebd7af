package main

import (
	"os"
	"testing"
)

// TestBugsFollowTheCode: every planted bug's old text stands once in its file.
func TestBugsFollowTheCode(t *testing.T) {
	for _, p := range append(lied, months...) {
		text, err := os.ReadFile("../../../" + p.file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := apply(string(text), p.file, []mutant{p.mutant}); err != nil {
			t.Errorf("%s: %v", p.what, err)
		}
	}
}

// TestTableFollowsTheCode: every row's old text stands once in its file, and all can be removed together.
func TestTableFollowsTheCode(t *testing.T) {
	for _, file := range filesOf(rights) {
		text, err := os.ReadFile("../../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := apply(string(text), file, rights); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestApply(t *testing.T) {
	row := func(old, new string) mutant { return mutant{file: "f", old: old, new: new} }
	for name, c := range map[string]struct {
		rows []mutant
		want string // "": an error
	}{
		"one":         {[]mutant{row("b", "x")}, "a x c c"},
		"two":         {[]mutant{row("b", "x"), row("a", "yy")}, "yy x c c"},
		"of another":  {[]mutant{{file: "g", old: "b", new: "x"}}, "a b c c"},
		"not there":   {[]mutant{row("d", "x")}, ""},
		"there twice": {[]mutant{row("c", "x")}, ""},
		"overlapping": {[]mutant{row("a b", "x"), row("b c", "y")}, ""},
	} {
		got, err := apply("a b c c", "f", c.rows)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
