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
	// The curves of NIST: crypto/ecdh is there for X25519 alone. P-256 has 88 kB of multiples of its base point, which cannot be compressed.
	{"crypto/ecdh", "nist.go", "1c4f8e4e6d809ab78d22a2255b237cfddb2e957b57c07927ef7fb414ff622953", []edit{
		{"import (", end, ""},
	}},
	{"crypto/ecdh", "ecdh.go", "63e3e45ac9791f633e28bebeed63cee570a1868f2aa1064741e8a302ffc79ec8", []edit{
		{"\t\"crypto/internal/fips140/ecdh\"\n", "", ""},
		{"\tfips      *ecdh.PublicKey\n", "", ""},
		{"\tfips       *ecdh.PrivateKey\n", "", ""},
	}},
	// AES's modes: of crypto/cipher, ChaCha20-Poly1305 needs the interfaces only.
	{"crypto/cipher", "cbc.go", "044961bab9631d5c9a558dbc6e4fd4199c362d60f4887599b119ab296388c9c7", []edit{
		{"import (", end, ""},
	}},
	{"crypto/cipher", "ctr.go", "eab2ecce91dc7ba343ba116709c5656e5cab61bbf96fb359b3908bfd83343fb0", []edit{
		{"import (", end, "const streamBufferSize = 512 // for OFB\n"},
	}},
	{"crypto/cipher", "gcm.go", "8931e5cb0850b287f8910dd848019b7a6cc417f7be8556554f088afe29085c6f", []edit{
		{"import (", end, ""},
	}},
	// The random generator of FIPS 140's mode, made of AES, with its self-test. Go does not start in that mode on WebAssembly. Outside of it
	// the browser's generator is used, which stays.
	{"crypto/internal/fips140/drbg", "rand.go", "51f50927a7e45df77ddacc2fd7b5206f25ed52e0e9896eaa6fa62b677514025f", []edit{
		{"\t\"sync\"\n\t\"sync/atomic\"\n", "", ""},
		{"// getEntropy is very slow", "// Read fills b", ""},
		{"\tif !fips140.Enabled", "var testingReader", "\tsysrand.Read(b)\n}\n\n"},
	}},
	{"crypto/internal/fips140/drbg", "cast.go", "ad39245b1fb02b68daec596472085fb5c3a2e28f567a528a71278bc5cb084f92", []edit{
		{"import (", end, ""},
	}},
	{"crypto/internal/fips140/drbg", "ctrdrbg.go", "b9c7a312c89a1d91490ccc871dce6a3971044a87119978dfd0fd737a71b46990", []edit{
		{"import (", end, ""},
	}},
	{"crypto/internal/fips140/drbg", "entropy_wasm.go", "a15bb33e7ba472cfaea9791b6cba64f52814719319cb97e172ddf133f6fd10eb", []edit{
		{"func getEntropy", end, ""},
	}},
	// The self-tests of FIPS 140 run in its mode only. core/internal/vectors runs published vectors on what is left.
	{"crypto/internal/fips140/hkdf", "cast.go", "6579c46eb9886a6f423bc3b55ff8564c2d46aeb1b5358da4a5d00dad140acef6", []edit{
		{"import (", end, ""},
	}},
	{"crypto/internal/fips140/hmac", "cast.go", "7fc2170a9524b86a66f66ef4be5f77d58f5e5f237de4c703599096d1e23a9bb9", []edit{
		{"import (", end, ""},
	}},
	{"crypto/internal/fips140/sha256", "cast.go", "69d07cca38c33f57bd7f6baa36a4d0c69b21aa4d6a1c1ed9d32dedd196b97b2f", []edit{
		{"import (", end, ""},
	}},
	{"crypto/internal/fips140/sha3", "cast.go", "4fd14d4f9c5265e93ca01389533ff21029a7fa9f6cd4d354db099afa1c591c48", []edit{
		{"import (", end, ""},
	}},
	{"crypto/internal/fips140/sha512", "cast.go", "636a680a20fab95604ac603e337230c7f5ebc06563dda40aa2fdc13d8235c55f", []edit{
		{"import (", end, ""},
	}},
	// The file /dev/urandom brings os along, and the warning about a generator that blocks brings time. The browser's is no file, and does
	// not block.
	{"crypto/internal/sysrand", "rand.go", "76792623691f632274ea7996011bcfd90ddb52a83151f75fe149c255bb69cc1c", []edit{
		{"import (", ")", "import (\n\t_ \"unsafe\"\n"},
		{"var firstUse", "// fatal is", ""},
		{"\tif firstUse", "\tif err := read", ""},
		{"// The urandom fallback", end, ""},
	}},
	// Read, Write and Size take any value, by reflect. Masq uses the byte orders.
	{"encoding/binary", "binary.go", "fc4fab16ee184c5eaafb75c2e2b8728c9dd04228f96ec8d394c9d3110f9c91df", []edit{
		{"\t\"io\"\n\t\"math\"\n\t\"reflect\"\n\t\"slices\"\n\t\"sync\"\n", "", ""},
		{"// Read reads structured", end, ""},
	}},
	// Int and Prime bring math/big along, and that fmt.
	{"crypto/rand", "util.go", "109920499d49126f14b7d78469d4863035da5c5ad3e4737bf5056a9123fb172c", []edit{
		{"import (", end, ""},
	}},
	// Decimal floats, and their table of powers of ten, for println and panic alone. The bits of a number are printed instead. The client
	// prints no floats, but in traces that $GODEBUG asks for.
	{"runtime", "print.go", "28e2bbcd7e43215d955849acc00e9d65e7007ab12e061d853835cfb670ea2810", []edit{
		{"\tvar buf [float64Bytes]byte\n", "}", "\tprinthex(float64bits(v))\n"},
		{"\tvar buf [float32Bytes]byte\n", "}", "\tprintfloat64(float64(v))\n"},
		{"\tvar buf [complex128Bytes]byte\n", "}", "\tprintfloat64(real(c))\n\tprintfloat64(imag(c))\n"},
		{"\tvar buf [complex64Bytes]byte\n", "}", "\tprintcomplex128(complex128(c))\n"},
	}},
	// Quote has tables of what can be printed, for the error about a text that is no number.
	{"strconv", "number.go", "dda43e8c91d95f9dea0c46b2fec6637e5520cae099e40c5965dca0e41bbaab9e", []edit{
		{"Quote(e.Num)", "", "`\"` + e.Num + `\"`"},
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
