// Package words holds the project's vocabulary: a word that was given up for a better one does not come back, in code, comments,
// documents or the names of files. It has no code, only the test.
package words

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// retired is a word, or what else may not stand anywhere, with what to say instead.
type retired struct {
	name    string
	seeds   string // one of these is in whatever pattern matches
	pattern string // of the name of each file and of each line, in the form that split gives them
	instead string
	stays   []place
}

// place is where the pattern may match: the files that a pattern of path.Match finds, or with ** at the end a folder, and there the
// lines that match, in small letters. Empty: all of them.
type place struct{ files, lines string }

// everywhere is any file.
const everywhere = "**"

var list = []retired{
	{"space", "space", `\bspaces?\b`, "namespace", []place{
		{everywhere, `(trim|skip|is)space\b|white-space|space-between|no-break spaces|'space'|indent_style`},
		{everywhere, `with (a )?spaces?\b|spaces? (around|between)|one space of many|two +spaces|a name, a space`},
		{"core/replica/read.go", "key space"},
		{"core/table/filter.go", "space-efficient bloom filters"}, // a title
		{"core/storage/bolt/bolt.go", "space that deletions leave"},
		{"web/demo/conflict.ts", `\bspace\b`},
		{"web/demo/diff.ts", "spaces are never"},
	}},
	{"group", "group", `\bgroups?\b`, "domain (who trusts whom by one roster), commit (one atomic change)", []place{
		{everywhere, `waitgroup|supplementarygroups|controlgroups|--clear-groups|role: 'group'|only a group may read|group, in use`},
		{everywhere, `group commit`},                               // the field's term
		{"web/*/strings.ts", `group of devices|in one group only`}, // what users call a domain
		{".github/workflows/*", "group: "},                         // GitHub's
		{".ci/operating/server_test.go", `\bgroup\b`},              // of regular expressions
		{"core/cmd/masq/script_test.go", "groups become variables"},
		{"js/smoke/search.mjs", "groups of three bytes"},
		{"js/test/json.test.ts", "groups"},
		{"core/testdata/published/*", "cpace-x25519-sha512 group"},
		{"core/testdata/wycheproof/*", "testgroups|of its group"}, // Wycheproof's
	}},
	{
		"line", "line", `\btype line (struct|interface)|\*line\b|\b(keep|drop) lines\b|\bline (down|dialling|hello|joining|joined|phase)\b|\bline to a device`,
		"channel (a relay channel to a device), relayConn", nil,
	},
	{"border", "border", `\bborders?\b`, "codec", []place{
		{"web/**", `border(-[a-z-]+)?: |border-box`}, {"js/**", `border(-[a-z-]+)?: `}, // CSS
	}},
	{"rig, bed", "rig bed", `\b(rig|bed)s?\b`, "harness", []place{{"web/test/manager-states.ts", "beds, seeds and dates"}}}, // somebody's note
	{"stand", "stand", `\b(new|type) stand\b|\*stand\b|\bstand (struct|:=)`, "harness", nil},
	{
		"mesh", "mesh", `\b(new|empty|filled|type) mesh\b|\*mesh\b|\bmesh (struct|:=)`,
		"harness", nil,
	},
	{"world", "world", `\bworlds?\b`, "harness, or simulation", nil},
	{"script, of a harness", "script", `\bnew script\b|\btype script (struct|interface)`, "harness", nil},
	{"judge", "judg", `\bjudg(e|es|ed|ing|ement)\b`, "resolve (a roster's entries), verify (a simulation's end)", nil},
	{"Link, for a session's connection", ".link", `\b(session|channel)\.link\b`, "session.Conn", nil},
	{"storage.Group", "storage.group", `\bstorage\.group\b`, "storage.Commit", nil},
	{"store, the package", "store.", `\bstore\.(new|config|actions|peer)\b`, "localstore", nil},
	{"answers", "answer", `\banswers? (err \w|nil\b|true\b|false\b|an error|the error)`, "returns", nil},
	{
		"folders", "core/ border worker pages", `\bcore/(channel|store)\b|\bwasm/client/border\b|\bjs/worker\b|\bweb/pages\b`,
		"core/session, core/localstore, wasm/client/codec, js/cloudflare, web/static", nil,
	},
	{
		"files of Go", ".go", `\b(turn|admit|own|renew|judge|space|group|border test)\.go\b`,
		"roundtrip.go, write.go, writer.go, fork.go, resolve.go, namespace.go, domain.go, codec_test.go", nil,
	},
	{
		"files of TypeScript", "border link place use move",
		`\bjs/src/(border|link|place|use|move)\b|'\./(border|link|place|use|move)(\.js|\.ts)?'|\b(border|place|use|move)\.ts\b`,
		"codec, leader, router and migrate in js/src", nil,
	},
}

// skipped are files that others write, and this one.
var skipped = []string{"go.sum", "*/package-lock.json", "*/*/package-lock.json", "*/*/*/package-lock.json", "*-lock.json", "*/*/*-lock.json", "core/internal/words/words_test.go"}

func TestRetired(t *testing.T) {
	used := map[*place]bool{}
	for _, name := range tracked(t) {
		if slices.ContainsFunc(skipped, func(p string) bool { return in(p, name) }) {
			continue
		}
		text, err := os.ReadFile(path.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range find(name, text, used) {
			t.Error(f)
		}
	}
	for i := range list {
		for j := range list[i].stays {
			if p := &list[i].stays[j]; !used[p] {
				t.Errorf("%s need not stay in %s, lines %q: it stands there no more", list[i].name, p.files, p.lines)
			}
		}
	}
}

// TestFinds shows the test what it has to find, and what not.
func TestFinds(t *testing.T) {
	for _, c := range []struct {
		file, line string
		finds      int
	}{
		{"core/peer/a.go", "type space struct {", 1},
		{"core/peer/a.go", "	id spaceID // of the SPACE_HEADS", 1},
		{"core/peer/a.go", "	names string // with spaces between them", 0},
		{"core/peer/a.go", "func (g *group) groupOf() {}", 1},
		{"web/demo/strings.ts", "    'A device can be in one group only.'", 0},
		{"core/replica/a.go", "// store answers ErrWait while a block is loaded", 1},
		{"core/replica/a.go", "// it answers each question", 0},
		{"core/relay/a.go", "	l := &link{} // a session.Link on a *line", 2},
		{"core/sim/a.go", "	w := newWorld(seed)", 1},
		{"core/sim/a.go", "	r := newRig(t) // or a test bed, or a mesh of devices", 1},
		{"core/x/judge.go", "", 2},
		{"js/src/border.ts", "", 2},
		{"web/demo/note.css", "  border-top: 1px;", 0},
		{"web/demo/note.ts", "// beyond the border", 1},
		{"js/README.md", "<script src=\"masq.global.js\"></script>", 0},
		{"core/README.md", "see js/worker/README.md and core/channel", 1},
		{"js/src/a.ts", "import { x } from './link'", 1},
	} {
		if got := find(c.file, []byte(c.line), map[*place]bool{}); len(got) != c.finds {
			t.Errorf("%s: %q: found %q, want %d", c.file, c.line, got, c.finds)
		}
	}
}

// rule is an entry of list with its patterns compiled.
type rule struct {
	*retired
	seeds   [][]byte
	pattern *regexp.Regexp
	lines   []*regexp.Regexp // of each place
}

var rules = func() (all []rule) {
	for i := range list {
		r := &list[i]
		c := rule{retired: r, pattern: regexp.MustCompile(r.pattern), seeds: bytes.Fields([]byte(r.seeds))}
		for _, p := range r.stays {
			c.lines = append(c.lines, regexp.MustCompile(p.lines))
		}
		all = append(all, c)
	}
	return all
}()

// matches reports whether a line, as split gives it, has what is retired. The seeds are for speed.
func (r *rule) matches(line []byte) bool {
	return slices.ContainsFunc(r.seeds, func(s []byte) bool { return bytes.Contains(line, s) }) && r.pattern.Match(line)
}

// place is where r may match this line, nil if it may not.
func (r *rule) place(file string, line []byte) *place {
	line = bytes.ToLower(line)
	for i := range r.stays {
		if in(r.stays[i].files, file) && r.lines[i].Match(line) {
			return &r.stays[i]
		}
	}
	return nil
}

// find returns what must not be in a file's name and text, and notes the places where it may.
func find(name string, text []byte, used map[*place]bool) (found []string) {
	check := func(line []byte, at string) {
		words := split(line)
		for i := range rules {
			r := &rules[i]
			if !r.matches(words) {
				continue
			}
			if p := r.place(name, line); p != nil {
				used[p] = true
				continue
			}
			found = append(found, fmt.Sprintf("%s: %s; say %s: %s", at, r.name, r.instead, bytes.TrimSpace(line)))
		}
	}
	check([]byte(name), name)
	if bytes.IndexByte(text, 0) >= 0 {
		return found // a picture, for example
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		check(line, fmt.Sprint(name, ":", n))
	}
	return found
}

// split makes small letters of a line and sets the words in its identifiers apart: newRig and SPACE_HEADS become "new rig" and
// "space heads".
func split(line []byte) []byte {
	out := make([]byte, 0, len(line)+len(line)/4)
	for i, c := range line {
		switch {
		case c == '_':
			c = ' '
		case 'A' <= c && c <= 'Z':
			if i > 0 && ('a' <= line[i-1] && line[i-1] <= 'z' || '0' <= line[i-1] && line[i-1] <= '9') {
				out = append(out, ' ')
			}
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return out
}

// in reports whether a pattern has a file: all of a folder with /** at its end, else what path.Match finds.
func in(pattern, file string) bool {
	if dir, all := strings.CutSuffix(pattern, everywhere); all {
		return strings.HasPrefix(file, dir)
	}
	ok, _ := path.Match(pattern, file)
	return ok
}

// root is the repository's, from here.
const root = "../../.."

// tracked are the files of the repository.
func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var files []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, err := os.Lstat(path.Join(root, name)); err == nil { // else it is about to be deleted
			files = append(files, name)
		}
	}
	return files
}
