package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

const (
	noise  = "github.com/flynn/noise"
	safejs = "github.com/hack-pad/safejs"
)

// patch changes one file of a package. No patch changes what an algorithm computes.
type patch struct {
	pkg, file string
	sum       string // SHA-256 of the file that the edits are for, in hexadecimal
	edits     []edit // in the order of the file
}

// edit puts with in the place of the text from, which is in the file once, and of what follows up to the text until.
// Without until, from alone is replaced; with end, everything that follows.
type edit struct{ from, until, with string }

// end stands for the end of the file.
const end = "\x00"

// The client runs without any of this. What core/internal/floors checks is linked says that it stays out.
var patches = []patch{
	// 88 kB of multiples of P-256's base point, which cannot be compressed. crypto/ecdh, of which Masq uses X25519 alone, brings
	// them along. Nothing may generate P-256 keys then.
	{"crypto/internal/fips140/nistec", "p256_table.go", "ba494ee6fc933a189b5dad8cff8d86b8b19786cfdb27929453a4c851cfdc802b", []edit{
		{"// p256PrecomputedEmbed is", end, "var p256PrecomputedEmbed [43 * 32 * 2 * 32]byte\n"},
	}},
	// Int and Prime bring math/big along, and that fmt.
	{"crypto/rand", "util.go", "109920499d49126f14b7d78469d4863035da5c5ad3e4737bf5056a9123fb172c", []edit{
		{"import (", end, ""},
	}},
	// Settings of $GODEBUG, which a browser does not have, that hold for some call stacks only, and counters of their use.
	{"internal/godebug", "godebug.go", "cd492e76ae63872ac4310fc09b2e097229588dbf114d14d713be3f027b0233c8", []edit{
		{"\t\"internal/bisect\"\n", "", ""},
		{"\t\"unsafe\"\n", "", ""},
		{"\tbisect *bisect.Matcher\n", "", ""},
		{"\tregisterMetric(", "}", ""},
		{"\tif v.bisect != nil", "\treturn v.text", ""},
		{"// registerMetric is provided", "// setNewIncNonDefault is", ""},
		{"\t\t\t\t\t\t\tv.bisect, _ = bisect.New(arg[j+1:])\n", "", ""},
		{"type runtimeStderr", end, ""},
	}},
	// One Sprintf brings fmt along.
	{noise, "state.go", "d0c72081ef758739ffb714b0c0519bb1164bf84a3d945e8c063a54c1e46590bb", []edit{
		{`"fmt"`, "", `"strconv"`},
		{`fmt.Sprintf("psk%d", c.PresharedKeyPlacement)`, "", `"psk" + strconv.Itoa(c.PresharedKeyPlacement)`},
	}},
	// AES-GCM, SHA-512 and BLAKE2: Masq's suite is 25519_ChaChaPoly_SHA256.
	{noise, "cipher_suite.go", "3c0098a66edfdafd5f74295e993b4da235aa8b6f9c70f32c37d8dc7acb554bf3", []edit{
		{"\t\"crypto/aes\"\n", "", ""},
		{"\t\"crypto/sha512\"\n", "", ""},
		{"\t\"golang.org/x/crypto/blake2b\"\n\t\"golang.org/x/crypto/blake2s\"\n", "", ""},
		{"// CipherAESGCM is", "// CipherChaChaPoly is", ""},
		{"// HashSHA512 is", end, ""},
	}},
	// fmt, for errors that nobody reads with %+v. The words of the errors stay.
	{safejs, "value.go", "69a679e5a90a869da1a57c51ddf427247c1ca77ec5d763e3f50892571947b174", []edit{
		{`"fmt"`, "", `"errors"`},
		{`fmt.Errorf("invalid type for instanceof: %v", t.Type())`, "", `errors.New("invalid type for instanceof: " + t.Type().String())`},
		{`fmt.Errorf("invalid constructor type for instanceof: %v", err)`, "", `errors.New("invalid constructor type for instanceof: " + err.Error())`},
		{`fmt.Errorf("invalid constructor type for instanceof: %v", prototype.Type())`, "", `errors.New("invalid constructor type for instanceof: " + prototype.Type().String())`},
	}},
	// syscall/js panics with errors and with strings.
	{safejs + "/internal/catch", "catch.go", "693473518b077e0e739bc51fc8ffeda3eb6f94d2f6799a118db42bbeeb34d93e", []edit{
		{`"fmt"`, "", `"errors"`},
		{"\tdefault:\n\t\treturn fmt.Errorf(\"%+v\", value)", "", "\tcase string:\n\t\treturn errors.New(value)\n\tdefault:\n\t\treturn errors.New(\"panic with neither an error nor a string\")"},
	}},
	{safejs + "/internal/stackerr", "stackerr.go", "1b8f8a53fabab1ebe4ae20667161fb350037187d744a3c34c76e43aafb20cb95", []edit{
		{"import (", end, "// WithStack returns err: its stack is for a format that is not linked.\nfunc WithStack(err error) error { return err }\n"},
	}},
}

// apply returns the patched source.
func (p *patch) apply(source []byte) ([]byte, error) {
	name := p.pkg + "/" + p.file
	if sum := sha256.Sum256(source); hex.EncodeToString(sum[:]) != p.sum {
		return nil, fmt.Errorf("%s is another version than the patch is for, its SHA-256 is %x.\n"+
			"Read what has changed in it, adapt its edits in core/internal/slim/patches.go, write this sum there, and run make test and make size", name, sum)
	}
	return p.edit(source)
}

func (p *patch) edit(source []byte) ([]byte, error) {
	var out []byte
	for _, e := range p.edits {
		if n := bytes.Count(source, []byte(e.from)); n != 1 {
			return nil, fmt.Errorf("%s/%s has %d times, behind the edits before, the text %q", p.pkg, p.file, n, e.from)
		}
		before, rest, _ := bytes.Cut(source, []byte(e.from))
		switch e.until {
		case "":
		case end:
			rest = nil
		default:
			at := bytes.Index(rest, []byte(e.until))
			if at < 0 {
				return nil, fmt.Errorf("%s/%s does not have, behind %q, the text %q", p.pkg, p.file, e.from, e.until)
			}
			rest = rest[at:]
		}
		out = append(append(out, before...), e.with...)
		source = rest
	}
	return append(out, source...), nil
}
