package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func TestApply(t *testing.T) {
	const source = "a b c b d\n"
	sum := sha256.Sum256([]byte(source))
	right := hex.EncodeToString(sum[:])
	for _, c := range []struct {
		name, sum string
		edits     []edit
		want      string // or what the error says
	}{
		{"a text", right, []edit{{"a", "", "A"}, {"d", "", ""}}, "A b c b \n"},
		{"up to a text", right, []edit{{"a", "c", "A "}}, "A c b d\n"},
		{"up to the end", right, []edit{{"c", end, "C"}}, "a b C"},
		{"not there", right, []edit{{"x", "", ""}}, `has 0 times, behind the edits before, the text "x"`},
		{"there twice", right, []edit{{"b", "", ""}}, `has 2 times, behind the edits before, the text "b"`},
		{"out of order", right, []edit{{"d", "", ""}, {"a", "", ""}}, `has 0 times, behind the edits before, the text "a"`},
		{"no end", right, []edit{{"a", "x", ""}}, `does not have, behind "a", the text "x"`},
		{"another file", strings.Repeat("0", 64), nil, "its SHA-256 is " + right},
		{"what to do then", strings.Repeat("0", 64), nil, "adapt its edits in core/internal/slim/patches.go"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := patch{"pkg", "file.go", c.sum, c.edits}
			got, err := p.apply([]byte(source))
			if err != nil {
				got = []byte(err.Error())
			}
			if string(got) != c.want && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
