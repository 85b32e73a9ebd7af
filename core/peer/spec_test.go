package peer

import (
	"bytes"
	"testing"

	"github.com/masqdev/masq/core/testdata/vectors"
)

// TestVectors derives what a circle's secret gives an application.
func TestVectors(t *testing.T) {
	secret := [32]byte(bytes.Repeat([]byte{0x33}, 32))
	e := &Engine{}
	e.circle = &domain{e: e, secret: secret}
	var out []vectors.Vector
	for _, app := range []string{"https://notes.example", "http://localhost:5173", "org.example.notes", ""} {
		n := &namespace{e: e, app: app}
		ns, nsSecret := n.ns(), e.circle.derive("masq/1 ns-secret"+app)
		out = append(out, vectors.Vector{
			Name: "application " + app, Rule: "R2.1", Op: "keys.namespace", Outcome: vectors.OK,
			In:  vectors.Fields{"circle_secret": vectors.Hex(secret[:]), "app": app},
			Out: vectors.Fields{"ns": vectors.Hex(ns[:]), "ns_secret": vectors.Hex(nsSecret[:])},
		})
	}
	vectors.Check(t, "keys.json", "The names and secrets of namespaces", out)
}
