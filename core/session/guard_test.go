package session

import (
	"slices"
	"testing"
)

// A relay that keeps an M1 and says it again, or makes them up, has a device compute little.
func TestM1IsAnsweredAtARate(t *testing.T) {
	for name, c := range map[string]struct {
		next   func(n int, m1 []byte, i *Conn) []byte
		each   uint64 // ms between two
		anew   bool   // on another connection each time
		answer int    // at most, of 100
	}{
		"one again and again":            {func(_ int, m1 []byte, _ *Conn) []byte { return m1 }, 1, false, 1},
		"one again, slowly":              {func(_ int, m1 []byte, _ *Conn) []byte { return m1 }, 60_000, false, 1},
		"one again, on new connections":  {func(_ int, m1 []byte, _ *Conn) []byte { return m1 }, 60_000, true, 1},
		"one again with other tags":      {func(n int, m1 []byte, _ *Conn) []byte { return append([]byte{byte(n)}, m1[1:]...) }, 60_000, false, 1},
		"real ones, faster than devices": {func(_ int, _ []byte, i *Conn) []byte { m1, _ := i.Begin(0); return m1[1:] }, 1, false, answerBurst + 1},
		"real ones, as devices do":       {func(_ int, _ []byte, i *Conn) []byte { m1, _ := i.Begin(0); return m1[1:] }, answerEvery, false, 100},
	} {
		i, r := testConns(t)
		m1, answered := mustBegin(t, i), 0
		for n := range 100 {
			if c.anew {
				r = NewConn(r.pair, [32]byte{7}, random(2))
			}
			if res := r.Receive(1+uint64(n)*c.each, slices.Clone(c.next(n, m1, i))); res.Send != nil {
				answered++
			}
		}
		if answered > c.answer || answered == 0 || c.answer == 100 && answered != 100 {
			t.Errorf("%s: %d answered", name, answered)
		}
	}
}

// What is made up is looked at as seldom as what is real.
func TestMadeUpM1IsReadAtARate(t *testing.T) {
	i, r := testConns(t)
	m1 := mustBegin(t, i)
	for range answerBurst {
		if r.Receive(1, flip(m1, 40)).Send != nil {
			t.Fatal("answered what nobody said")
		}
	}
	if r.Receive(1, slices.Clone(m1)).Send != nil {
		t.Error("read beyond the rate")
	}
	if r.Receive(1+answerEvery, slices.Clone(m1)).Send == nil {
		t.Error("not read at the rate")
	}
}

// The memory of what was answered has an end. Behind that, the rate holds.
func TestGuardIsBounded(t *testing.T) {
	var g guard
	for n := range 3 * seenMost {
		g.answered([]byte{byte(n), byte(n >> 8), 31: 0})
	}
	if len(g.seen) != seenMost || !g.knows([]byte{255, 5, 31: 0}) || g.knows([]byte{0, 0, 31: 0}) {
		t.Errorf("remembers %d", len(g.seen))
	}
}
