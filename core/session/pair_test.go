package session

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"io"
	mathrand "math/rand/v2"
	"testing"
)

// random is a random source that a test can repeat.
func random(seed byte) io.Reader { return mathrand.NewChaCha8([32]byte{seed}) }

func seedKey(t testing.TB, seed byte) *ecdh.PrivateKey {
	return mustKey(t, bytes.Repeat([]byte{seed}, 32))
}

func keysOf(self, peer *ecdh.PrivateKey, secret byte) Keys {
	return Keys{Self: self, Peer: [32]byte(peer.PublicKey().Bytes()), Secret: [32]byte{secret}}
}

func mustPair(t testing.TB, k Keys) *Pair {
	p, err := NewPair(k)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// testPairs is two devices, the initiator first.
func testPairs(t testing.TB) (initiator, responder *Pair) {
	a, b := seedKey(t, 1), seedKey(t, 2)
	initiator, responder = mustPair(t, keysOf(a, b, 9)), mustPair(t, keysOf(b, a, 9))
	if !initiator.Initiator() {
		initiator, responder = responder, initiator
	}
	return initiator, responder
}

func TestPair(t *testing.T) {
	a, b := testPairs(t)
	if a.Initiator() == b.Initiator() || a.Side() != 0 || b.Side() != 1 {
		t.Error("not one initiator, on side 0")
	}
	if a.auth != b.auth || a.rdv != b.rdv || a.offset != b.offset || a.auth == a.rdv {
		t.Error("the two do not derive the same")
	}
	if !a.ChannelKey(5).Equal(b.ChannelKey(5)) || a.ChannelKey(5).Equal(b.ChannelKey(6)) {
		t.Error("channel keys are not of a pair and a day")
	}
	x, y := seedKey(t, 1), seedKey(t, 2)
	if other := mustPair(t, keysOf(x, y, 8)); other.auth == a.auth || other.rdv == a.rdv {
		t.Error("another circle's secret gives the same keys")
	}
}

func TestDay(t *testing.T) {
	const day = daySeconds * 1000
	p := &Pair{offset: 3600} // its day begins at 23:00 UTC
	change := uint64(20_000*day - 3600*1000)
	for _, c := range []struct {
		name       string
		now        uint64
		day, other uint64
		near       bool
	}{
		{"middle of the day", change + day/2, 20_000, 0, false},
		{"last ms", change - 1, 19_999, 20_000, true},
		{"first ms", change, 20_000, 19_999, true},
		{"ten minutes before", change - nearMillis, 19_999, 20_000, true},
		{"more than that before", change - nearMillis - 1, 19_999, 0, false},
		{"just under ten minutes after", change + nearMillis - 1, 20_000, 19_999, true},
		{"ten minutes after", change + nearMillis, 20_000, 0, false},
		{"no time", 0, 0, 0, false},
	} {
		other, near := p.OtherDay(c.now)
		if d := p.Day(c.now); d != c.day || other != c.other || near != c.near {
			t.Errorf("%s: day %d, other %d, %v", c.name, d, other, near)
		}
	}
}

// lowOrder holds points that any X25519 with them maps to zero (RFC 7748, section 6.1; the same as in Wycheproof's x25519 tests).
var lowOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

func TestLowOrderPoints(t *testing.T) {
	self := seedKey(t, 1)
	for _, point := range lowOrder {
		raw, _ := hex.DecodeString(point)
		if _, err := NewPair(Keys{Self: self, Peer: [32]byte(raw)}); err != ErrKeys {
			t.Errorf("%s: taken as a peer's key", point)
		}
		ring := &keyring{static: self}
		if _, err := ring.GenerateKeypair(random(1)); err != nil {
			t.Fatal(err)
		}
		for _, name := range [][]byte{staticName, ephemeralName} {
			if _, err := ring.DH(name, raw); err == nil {
				t.Errorf("%s: multiplied with %s", point, name)
			}
		}
		i, r := testConns(t)
		m1 := mustBegin(t, i)
		copy(m1[headSize:], raw)
		if res := answerTo(r, m1); res.Send != nil || res.Err != nil || r.Pending() {
			t.Errorf("%s: M1 with it was answered", point)
		}
	}
}

func TestUnusableKeys(t *testing.T) {
	self := seedKey(t, 1)
	for name, k := range map[string]Keys{
		"none": {}, "own as the peer's": keysOf(self, self, 1),
	} {
		if _, err := NewPair(k); err != ErrKeys {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&keyring{}).DH(ephemeralName, make([]byte, 32)); err == nil {
		t.Error("a product without a key")
	}
}
