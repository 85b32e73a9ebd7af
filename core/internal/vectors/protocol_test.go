package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const longestSentence = 45 // words

var (
	ruleID      = regexp.MustCompile(`^- \*\*(R\d+\.\d+)\*\*`)
	sentenceEnd = regexp.MustCompile(`[.!?:;]["')\]]*(\s|$)`)
	operation   = regexp.MustCompile("`([a-z]+\\.[a-z0-9-]+)`")
)

// paragraphs are the prose of core/PROTOCOL.md: without headings, tables and code, each rule by itself.
func paragraphs(t *testing.T) []string {
	text, err := os.ReadFile("../../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	begin := true
	for line := range strings.SplitSeq(string(text), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    "):
			begin = true
		case begin || strings.HasPrefix(line, "- "):
			out = append(out, line)
			begin = false
		default:
			out[len(out)-1] += " " + strings.TrimSpace(line)
		}
	}
	return out
}

func TestSentencesAreShort(t *testing.T) {
	for _, p := range paragraphs(t) {
		p = strings.TrimPrefix(ruleID.ReplaceAllString(p, ""), "- ")
		for _, sentence := range sentenceEnd.Split(p, -1) {
			if n := len(strings.Fields(sentence)); n > longestSentence {
				t.Errorf("%d words: %s", n, sentence)
			}
		}
	}
}

// rules are the paragraphs of core/PROTOCOL.md that have a number, by it.
func rules(t *testing.T) map[string]string {
	out := map[string]string{}
	for _, p := range paragraphs(t) {
		m := ruleID.FindStringSubmatch(p)
		if m == nil {
			continue
		}
		if out[m[1]] != "" {
			t.Errorf("%s stands twice", m[1])
		}
		out[m[1]] = p
	}
	return out
}

// Each vector's rule names its operation, and each operation that a rule names has a vector of that rule.
func TestRulesNameTheirVectors(t *testing.T) {
	all := rules(t)
	list, err := filepath.Glob("../../testdata/vectors/*.json")
	if err != nil || len(list) == 0 {
		t.Fatal(err, len(list))
	}
	covered := map[string]bool{}
	for _, name := range list {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Vectors []struct{ Name, Rule, Op string }
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for _, v := range file.Vectors {
			_, named, _ := strings.Cut(all[v.Rule], "Vectors: ")
			if !strings.Contains(named, "`"+v.Op+"`") {
				t.Errorf("%s, %s: rule %q does not name %s", filepath.Base(name), v.Name, v.Rule, v.Op)
			}
			covered[v.Rule+" "+v.Op] = true
		}
	}
	for id, p := range all {
		_, named, _ := strings.Cut(p, "Vectors: ")
		for _, m := range operation.FindAllStringSubmatch(named, -1) {
			if !covered[id+" "+m[1]] {
				t.Errorf("%s names %s, and has no vector of it", id, m[1])
			}
		}
	}
}

// What a rule refers to is there.
func TestRulesReferToRules(t *testing.T) {
	all := rules(t)
	for id, p := range all {
		for _, m := range regexp.MustCompile(`R\d+\.\d+`).FindAllString(p, -1) {
			if all[m] == "" {
				t.Errorf("%s refers to %s", id, m)
			}
		}
	}
}
