//go:build !js

package main

import (
	"bytes"
	"os"
	"testing"
)

func TestGeneratedIsCurrent(t *testing.T) {
	for name, content := range files {
		got, err := os.ReadFile("../../../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, content()) {
			t.Errorf("%s is not what the table says: make generate", name)
		}
	}
}
