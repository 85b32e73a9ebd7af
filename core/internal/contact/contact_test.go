package contact

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

const notes = "https://notes.example"

// exchange runs one from a seed, with what stands in between as told.
func exchange(t *testing.T, seed byte, between func(*Asker, *Store) (commitment, store, share, nonce []byte)) (asker, store *Keys, err error) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{seed})
	a, err := NewAsker(notes, 6277, random)
	if err != nil {
		t.Fatal(err)
	}
	share, nonce := a.Reveal()
	commitment := a.Commitment()
	if between != nil {
		commitment, _, _, _ = between(a, nil)
	}
	s, err := NewStore(notes, 6277, commitment, random)
	if err != nil {
		t.Fatal(err)
	}
	its := s.Share()
	if between != nil {
		_, its, share, nonce = between(a, s)
	}
	if asker, err = a.Take(its); err != nil {
		return nil, nil, err
	}
	store, err = s.Open(share, nonce)
	return asker, store, err
}

func TestExchange(t *testing.T) {
	seen := map[string]bool{}
	for seed := range byte(8) {
		asker, store, err := exchange(t, seed, nil)
		if err != nil || asker.Digits != store.Digits || len(asker.Digits) != 6 || seen[asker.Digits] {
			t.Fatalf("%v: %+v, %+v", err, asker, store)
		}
		seen[asker.Digits] = true
		token := bytes.Repeat([]byte{seed}, 40)
		if got, err := asker.Open(store.Seal(token)); err != nil || !bytes.Equal(got, token) {
			t.Errorf("%x, %v", got, err)
		}
	}
}

// Who stands in between has a key of its own towards each side: the digits differ, and what one side seals the other cannot open.
func TestInBetween(t *testing.T) {
	random := rand.NewChaCha8([32]byte{99})
	mine, err := NewAsker(notes, 6277, random)
	if err != nil {
		t.Fatal(err)
	}
	asker, store, err := exchange(t, 1, func(*Asker, *Store) (commitment, its, share, nonce []byte) {
		share, nonce = mine.Reveal()
		return mine.Commitment(), mine.Share(), share, nonce
	})
	if err != nil || asker.Digits == store.Digits {
		t.Errorf("%v: both have %s", err, store.Digits)
	}
	if _, err := asker.Open(store.Seal(make([]byte, 40))); !errors.Is(err, ErrAuth) {
		t.Errorf("a token for somebody else: %v", err)
	}
}

func TestWrong(t *testing.T) {
	point := make([]byte, ShareSize)
	point[0] = 4
	type between = func(*Asker, *Store) (commitment, store, share, nonce []byte)
	change := func(what int, to func([]byte) []byte) between {
		return func(a *Asker, s *Store) ([]byte, []byte, []byte, []byte) {
			share, nonce := a.Reveal()
			all := [][]byte{a.Commitment(), nil, share, nonce}
			if s != nil {
				all[1] = s.Share()
			}
			all[what] = to(bytes.Clone(all[what]))
			return all[0], all[1], all[2], all[3]
		}
	}
	flip := func(b []byte) []byte {
		if len(b) > 0 {
			b[len(b)-1] ^= 1
		}
		return b
	}
	for name, between := range map[string]between{
		"another commitment":    change(0, flip),
		"the store's share":     change(1, func([]byte) []byte { return point }),
		"no store's share":      change(1, func([]byte) []byte { return nil }),
		"another share":         change(2, flip),
		"another nonce":         change(3, flip),
		"the point at infinity": change(1, func([]byte) []byte { return []byte{0} }),
	} {
		if _, _, err := exchange(t, 1, between); !errors.Is(err, ErrAuth) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A token is sealed once: the key is spent.
func TestSealOnce(t *testing.T) {
	_, store, err := exchange(t, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	store.Seal(make([]byte, 40))
	defer func() {
		if recover() == nil {
			t.Error("sealed twice under one nonce")
		}
	}()
	store.Seal(make([]byte, 40))
}
