//go:build !js

// The browser's client has one curve: see core/internal/slim.

package session

import (
	"crypto/ecdh"
	"crypto/rand"
	"testing"
)

func TestKeyOfAnotherCurve(t *testing.T) {
	foreign, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPair(Keys{Self: foreign, Peer: [32]byte{9}}); err != ErrKeys {
		t.Error(err)
	}
}
