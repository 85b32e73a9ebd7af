//go:build !js

// Command gen writes what follows from package table: js/src/codec.gen.ts, the half of the codec that JavaScript has, and
// wasm/client/codec/codec.gen.go. `make generate` runs it.
package main

import (
	"os"

	"github.com/masqdev/masq/wasm/client/codec/table"
)

// files are what is generated, by their paths from the repository's root.
var files = map[string]func() []byte{
	"js/src/codec.gen.ts":            typescript,
	"wasm/client/codec/codec.gen.go": golang,
}

func main() {
	for name, content := range files {
		if err := os.WriteFile(name, content(), 0o644); err != nil {
			_, _ = os.Stderr.WriteString("masq: error: " + err.Error() + "\n")
			os.Exit(1)
		}
	}
}

// typescript returns what the file is to hold, in the format that lint asks for.
func typescript() []byte {
	g := &generator{records: map[string]table.Message{}, enums: map[string]bool{"Verb": true}}
	for _, r := range table.Records {
		g.records[r.Name] = r
	}
	for _, e := range table.Enums {
		g.enums[e.Name] = true
	}
	g.numbers()
	g.types()
	g.writers()
	g.readers()
	return g.out.Bytes()
}
