// Package published holds test vectors of others, as they were published, and counts their rows. Only tests import it.
//
// noise-25519-chachapoly-sha256.json has cacophony's rows of the suite that Masq uses, cpace-x25519-sha512.json the rows of CPace's
// draft for its suite; each names its source. Those of Wycheproof are in the module ../wycheproof. `make vectors` runs them all.
package published

import (
	"embed"
	"testing"
)

//go:embed *.json
var files embed.FS

// Read returns a file.
func Read(t testing.TB, file string) []byte {
	t.Helper()
	text, err := files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Rows counts the rows of a file. What is not applicable has a reason, so that no row is left out unnoticed.
type Rows struct {
	Run, Failed int
	Not         map[string]int // rows that are not applicable, by reason
}

// Leave counts a row as not applicable.
func (r *Rows) Leave(reason string) {
	if r.Not == nil {
		r.Not = map[string]int{}
	}
	r.Not[reason]++
}

// Check counts a row as run.
func (r *Rows) Check(ok bool) {
	r.Run++
	if !ok {
		r.Failed++
	}
}

// Report says how many rows there were, in the form that `make vectors` reads, and fails where they are not as many as expected.
func (r *Rows) Report(t *testing.T, file string, run, not int) {
	t.Helper()
	left := 0
	for reason, n := range r.Not {
		left += n
		t.Logf("not applicable: %d in %s: %s", n, file, reason)
	}
	t.Logf("published: %d run, %d not applicable, %d failed in %s", r.Run, left, r.Failed, file)
	if r.Run != run || left != not {
		t.Errorf("%s: %d rows run and %d not applicable, not %d and %d", file, r.Run, left, run, not)
	}
}
