// Package vectors holds the protocol's test vectors, for Masq's own tests and for other implementations, and compares them with
// what the packages do.
//
// Each file is an object {"about", "vectors"}; a vector is described at Vector. Only tests import this package: TestVectors of a
// package makes its vectors with the package's real code, and Check compares them with the file. `go test -run TestVectors -update`
// writes the file anew, which is right only where the protocol itself has changed.
package vectors

import (
	"bytes"
	"embed"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
)

//go:embed *.json
var files embed.FS

var update = flag.Bool("update", false, "write the package's vectors anew: only when the protocol itself has changed")

// A Vector is one case. In and Out hold text, numbers below 2^53, booleans, and lists and objects of these. Bytes are text as Hex
// makes it; 64-bit numbers are decimal text.
type Vector struct {
	Name    string `json:"name"`    // unique in its file
	Rule    string `json:"rule"`    // the rule of core/PROTOCOL.md that it covers
	Op      string `json:"op"`      // what is done; core/PROTOCOL.md, "Vectors"
	In      Fields `json:"in"`      // what goes in
	Outcome string `json:"outcome"` // OK, or which error
	Out     Fields `json:"out,omitempty"`
}

// Fields are the inputs of a vector, or what comes out.
type Fields map[string]any

// OK is the outcome of what is no error.
const OK = "ok"

// Outcome is OK without an error, else the name that names has for it. It panics on an error without a name.
func Outcome(err error, names map[error]string) string {
	if err == nil {
		return OK
	}
	name, ok := names[err]
	if !ok {
		panic("vectors: an error without a name: " + err.Error())
	}
	return name
}

// shortestRun is how many equal bytes Hex writes as a run.
const shortestRun = 32

// Hex writes bytes as hexadecimal digits. A run of 32 or more equal bytes is written as one of them, "*" and how many, set apart
// from its neighbours by "+": "01+00*250+02".
func Hex(b []byte) string {
	var parts []string
	plain := 0
	for i := 0; i < len(b); {
		n := 1
		for i+n < len(b) && b[i+n] == b[i] {
			n++
		}
		if n >= shortestRun {
			if plain < i {
				parts = append(parts, hex.EncodeToString(b[plain:i]))
			}
			parts = append(parts, hex.EncodeToString(b[i:i+1])+"*"+strconv.Itoa(n))
			plain = i + n
		}
		i += n
	}
	if plain < len(b) {
		parts = append(parts, hex.EncodeToString(b[plain:]))
	}
	return strings.Join(parts, "+")
}

// HexList is Hex of each.
func HexList(list [][]byte) []string {
	out := make([]string, 0, len(list))
	for _, b := range list {
		out = append(out, Hex(b))
	}
	return out
}

// Keys is Hex of each key or id.
func Keys(list [][32]byte) []string {
	out := make([]string, 0, len(list))
	for i := range list {
		out = append(out, Hex(list[i][:]))
	}
	return out
}

// U64 writes a 64-bit number.
func U64(v uint64) string { return strconv.FormatUint(v, 10) }

// Check compares what a package makes with the file of that name. With -update it writes the file.
func Check(t *testing.T, file, about string, list []Vector) {
	t.Helper()
	names := map[string]bool{}
	for i := range list {
		v := &list[i]
		if v.Name == "" || names[v.Name] || v.Rule == "" || v.Op == "" || v.In == nil || v.Outcome == "" {
			t.Fatalf("%s: vector %d, %q: a name that stands twice, or a field that is empty", file, i, v.Name)
		}
		names[v.Name] = true
	}
	made := encode(t, about, list)
	if *update {
		if err := os.WriteFile("../testdata/vectors/"+file, []byte(strings.Join(made, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	committed, failed := strings.Split(string(text), "\n"), 0
	if len(committed) != len(made) {
		t.Errorf("%s has %d lines, and this package makes %d", file, len(committed), len(made))
	}
	for i, line := range made {
		if i < len(committed) && committed[i] != line {
			failed++
			t.Errorf("%s, line %d: this package makes %.300s", file, i+1, line)
		}
	}
	t.Logf("vectors: %d in %s, %d failed", len(list), file, failed)
}

// encode writes a line for each vector, so that a change of one is a change of one line. It returns the lines.
func encode(t *testing.T, about string, list []Vector) []string {
	t.Helper()
	line := func(v any) string {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
	lines := []string{`{"about":` + line(about) + `,"vectors":[`}
	for i := range list {
		comma := ","
		if i == len(list)-1 {
			comma = ""
		}
		lines = append(lines, line(&list[i])+comma)
	}
	return append(lines, "]}", "")
}
