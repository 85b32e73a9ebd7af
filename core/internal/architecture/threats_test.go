package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

const threats = "core/THREATS.md"

// shownBy is one of a row's tests: a Go test with its package's folder, a TypeScript test by its file and title, or a target of make.
var shownBy = regexp.MustCompile("`([^`]+)`(?: \"([^\"]+)\")?")

// TestThreatsAreShown: every row names tests, and they exist.
func TestThreatsAreShown(t *testing.T) {
	text, err := os.ReadFile(path.Join(root, threats))
	if err != nil {
		t.Fatal(err)
	}
	rows, empty := 0, 0 // that name no test
	for line := range strings.SplitSeq(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || strings.Contains(line, "shown by") || strings.Contains(line, "---") {
			continue
		}
		rows++
		tests := shownBy.FindAllStringSubmatch(cells[2], -1)
		if len(tests) == 0 {
			empty++
		}
		if rest := strings.Trim(shownBy.ReplaceAllString(cells[2], ""), " ,"); rest != "" {
			t.Errorf("%q is no test, in: %s", rest, line)
		}
		for _, m := range tests {
			if !isTest(m[1], m[2]) {
				t.Errorf("there is no %s", m[0])
			}
		}
	}
	if rows < 60 || empty != 0 {
		t.Errorf("%d rows, of which %d name no test", rows, empty)
	}
}

func TestIsTest(t *testing.T) {
	for _, c := range []struct {
		name, title string
		want        bool
	}{
		{"core/internal/architecture.TestIsTest", "", true},
		{"core/internal/architecture.TestNone", "", false},
		{"core/internal/architecture.isTest", "", false},
		{"core/none.TestIsTest", "", false},
		{"js/test/json.test.ts", "what JSON can say comes back as it was", true},
		{"js/test/json.test.ts", "what JSON can say", false},
		{"js/test/json.test.ts", "", false},
		{"make fuzz", "", true},
		{"make nothing", "", false},
	} {
		if got := isTest(c.name, c.title); got != c.want {
			t.Errorf("%s %q: %v", c.name, c.title, got)
		}
	}
}

// isTest reports whether there is such a test.
func isTest(name, title string) bool {
	switch {
	case strings.HasPrefix(name, "make "):
		return exists(name, nil)
	case title != "":
		text, err := os.ReadFile(path.Join(root, name))
		return err == nil && strings.HasSuffix(name, ".test.ts") && strings.Contains(string(text), "test('"+title+"'")
	}
	at := strings.LastIndexByte(name, '.')
	return at > 0 && isGoTest(name[:at], name[at+1:])
}

// isGoTest reports whether a folder's tests declare that function, as a test or a fuzz target.
func isGoTest(dir, name string) bool {
	if !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") {
		return false
	}
	files, _ := os.ReadDir(path.Join(root, dir))
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path.Join(root, dir, f.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			return false
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}
