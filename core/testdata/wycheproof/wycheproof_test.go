// Package wycheproof runs Project Wycheproof's test vectors (github.com/c2sp/wycheproof) through the primitives that Masq uses, called as
// Masq calls them. It is a module of its own so that the vectors are nothing that Masq depends on. `make vectors` runs it.
package wycheproof

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io/fs"
	"os"
	"regexp"
	"testing"

	"github.com/c2sp/wycheproof"
	"golang.org/x/crypto/chacha20poly1305"
)

// hexBytes is bytes as they stand in the vectors; text that is no string, such as a key in JSON, is taken as nothing.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(text []byte) (err error) {
	var s string
	if json.Unmarshal(text, &s) == nil {
		*h, err = hex.DecodeString(s)
	}
	return err
}

// row is a row of any of the files, with the key of its group.
type row struct {
	ID     int
	Result string
	Size   int

	Key, IV, AAD, Msg, CT, Tag         hexBytes // AEAD
	Public, Private, Shared            hexBytes // X25519
	Sig, PK                            hexBytes // Ed25519
	IKM, Salt, Info, OKM               hexBytes // HKDF
	Seed, EK, M, Ciphertext, SharedKey hexBytes // ML-KEM
}

// UnmarshalJSON reads ML-KEM's c and K, which differ from other names in nothing but their case.
func (r *row) UnmarshalJSON(text []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for name, to := range map[string]any{
		"tcId": &r.ID, "result": &r.Result, "size": &r.Size,
		"key": &r.Key, "iv": &r.IV, "aad": &r.AAD, "msg": &r.Msg, "ct": &r.CT, "tag": &r.Tag, "sig": &r.Sig,
		"ikm": &r.IKM, "salt": &r.Salt, "info": &r.Info, "okm": &r.OKM,
		"seed": &r.Seed, "ek": &r.EK, "m": &r.M, "c": &r.Ciphertext, "K": &r.SharedKey,
	} {
		if err := read(all[name], to); err != nil {
			return err
		}
	}
	for name, to := range map[string]*hexBytes{"public": &r.Public, "private": &r.Private, "shared": &r.Shared} {
		_ = read(all[name], to) // a key in PEM is not applicable
	}
	return nil
}

func read(text json.RawMessage, to any) error {
	if text == nil {
		return nil
	}
	return json.Unmarshal(text, to)
}

// files are all of Wycheproof's on the primitives that Masq uses. A file with a reason is not applicable as a whole.
var files = []struct {
	name     string
	run, not int
	check    func(*row) (ok bool, why string) // why: the row is not applicable
	reason   string
}{
	{"x25519", 518, 0, x25519, ""},
	{"x25519_asn", 0, 537, nil, "keys in ASN.1: Masq's are 32 bytes"},
	{"x25519_jwk", 0, 531, nil, "keys in JSON: Masq's are 32 bytes"},
	{"x25519_pem", 0, 518, nil, "keys in PEM: Masq's are 32 bytes"},
	{"ed25519", 151, 0, verify, ""},
	{"chacha20_poly1305", 316, 9, aead(chacha20poly1305.New), ""},
	{"xchacha20_poly1305", 306, 9, aead(chacha20poly1305.NewX), ""},
	{"mlkem_768", 201, 0, decapsulate, ""},
	{"mlkem_768_encaps", 265, 0, encapsulate, ""},
	{"mlkem_768_keygen_seed", 100, 0, generate, ""},
	{"mlkem_768_semi_expanded_decaps", 0, 9, nil, "decapsulation keys in expanded form: Masq's are made of seeds, and crypto/mlkem takes no others"},
	{"hkdf_sha1", 87, 0, derive(sha1.New), ""},
	{"hkdf_sha256", 86, 0, derive(sha256.New), ""},
	{"hkdf_sha384", 83, 0, derive(sha512.New384), ""},
	{"hkdf_sha512", 83, 0, derive(sha512.New), ""},
}

func TestPublished(t *testing.T) {
	for _, f := range files {
		rows := load(t, f.name+"_test.json")
		run, failed, not := 0, 0, map[string]int{}
		for i := range rows {
			if f.reason != "" {
				not[f.reason]++
				continue
			}
			ok, why := f.check(&rows[i])
			if why != "" {
				not[why]++
				continue
			}
			if run++; !ok {
				failed++
				t.Errorf("%s: row %d does not hold", f.name, rows[i].ID)
			}
		}
		left := 0
		for reason, n := range not {
			left += n
			t.Logf("not applicable: %d in wycheproof/%s: %s", n, f.name, reason)
		}
		t.Logf("published: %d run, %d not applicable, %d failed in wycheproof/%s", run, left, failed, f.name)
		if run != f.run || left != f.not {
			t.Errorf("%s: %d rows run and %d not applicable, not %d and %d", f.name, run, left, f.run, f.not)
		}
	}
}

func load(t *testing.T, name string) (rows []row) {
	t.Helper()
	text, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		NumberOfTests int
		TestGroups    []struct {
			PublicKey struct{ PK hexBytes }
			Tests     []row
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(name, err)
	}
	for _, g := range file.TestGroups {
		for _, r := range g.Tests {
			r.PK = g.PublicKey.PK
			rows = append(rows, r)
		}
	}
	if len(rows) != file.NumberOfTests {
		t.Fatalf("%s has %d rows, not %d", name, len(rows), file.NumberOfTests)
	}
	return rows
}

func (r *row) valid() bool { return r.Result == "valid" }

// x25519 is as core/session and core/pairing do it. A product of nothing but zeros is refused, which Wycheproof leaves open.
func x25519(r *row) (bool, string) {
	private, err := ecdh.X25519().NewPrivateKey(r.Private)
	if err != nil {
		return r.Result == "invalid", ""
	}
	public, err := ecdh.X25519().NewPublicKey(r.Public)
	if err != nil {
		return r.Result == "invalid", ""
	}
	shared, err := private.ECDH(public)
	if zeros := make([]byte, len(r.Shared)); bytes.Equal(r.Shared, zeros) {
		return err != nil && !r.valid(), ""
	}
	return err == nil && r.Result != "invalid" && bytes.Equal(shared, r.Shared), ""
}

func verify(r *row) (bool, string) {
	return ed25519.Verify([]byte(r.PK), r.Msg, r.Sig) == r.valid(), ""
}

// aead is as core/vault and core/session do it, with nonces of a fixed size.
func aead(with func([]byte) (cipher.AEAD, error)) func(*row) (bool, string) {
	return func(r *row) (bool, string) {
		c, err := with(r.Key)
		if err != nil {
			return false, ""
		}
		if len(r.IV) != c.NonceSize() {
			return false, "nonces of another size: Masq's are arrays"
		}
		sealed := append(bytes.Clone(r.CT), r.Tag...)
		plain, err := c.Open(nil, r.IV, sealed, r.AAD)
		if !r.valid() {
			return err != nil, ""
		}
		return err == nil && bytes.Equal(plain, r.Msg) && bytes.Equal(c.Seal(nil, r.IV, r.Msg, r.AAD), sealed), ""
	}
}

func decapsulate(r *row) (bool, string) {
	key, err := mlkem.NewDecapsulationKey768(r.Seed)
	if err != nil {
		return !r.valid(), ""
	}
	shared, err := key.Decapsulate(r.Ciphertext)
	if err != nil {
		return !r.valid(), ""
	}
	return r.valid() && bytes.Equal(shared, r.SharedKey) && bytes.Equal(key.EncapsulationKey().Bytes(), r.EK), ""
}

func encapsulate(r *row) (bool, string) {
	key, err := mlkem.NewEncapsulationKey768(r.EK)
	if err != nil {
		return !r.valid(), ""
	}
	shared, ciphertext, err := mlkemtest.Encapsulate768(key, r.M)
	if err != nil {
		return !r.valid(), ""
	}
	return r.valid() && bytes.Equal(shared, r.SharedKey) && bytes.Equal(ciphertext, r.Ciphertext), ""
}

// generate compares the encapsulation key. The other one stays a seed.
func generate(r *row) (bool, string) {
	key, err := mlkem.NewDecapsulationKey768(r.Seed)
	return err == nil && r.valid() && bytes.Equal(key.EncapsulationKey().Bytes(), r.EK) && bytes.Equal(key.Bytes(), r.Seed), ""
}

func derive(with func() hash.Hash) func(*row) (bool, string) {
	return func(r *row) (bool, string) {
		out, err := hkdf.Key(with, r.IKM, r.Salt, string(r.Info), r.Size)
		if !r.valid() {
			return err != nil, ""
		}
		return err == nil && bytes.Equal(out, r.OKM), ""
	}
}

// TestSameVersion: the primitives tested here are those that Masq is built with.
func TestSameVersion(t *testing.T) {
	version := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(regexp.MustCompile(`golang\.org/x/crypto v\S+`).Find(text))
	}
	if ours, masqs := version("go.mod"), version("../../../go.mod"); ours == "" || ours != masqs {
		t.Errorf("%q here, %q there: go get in this folder", ours, masqs)
	}
}
