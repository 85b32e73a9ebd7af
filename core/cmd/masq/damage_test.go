package main

import (
	"fmt"
	"testing"
)

// TestDamagedInWords: what is said of values that cannot be read.
func TestDamagedInWords(t *testing.T) {
	var many damaged
	for i := range 40 {
		many.add([]string{fmt.Sprint("k", i)})
		many.add([]string{fmt.Sprint("k", i)}) // the next page begins with it
	}
	for _, c := range []struct {
		d    *damaged
		want string
	}{
		{&damaged{1, []string{"k"}}, `1 value of app cannot be read: "k"`},
		{&damaged{2, []string{"k", "l\x1b[2J"}}, `2 values of app cannot be read: "k" "l\x1b[2J"`},
		{&damaged{70, nil}, `70 values of app cannot be read`},
		{&many, `40 values of app cannot be read: "k0" "k1" "k2" "k3" "k4" "k5" "k6" "k7" "k8" "k9" "k10" "k11" "k12" "k13" "k14" "k15" and 24 more`},
	} {
		if got := c.d.in("app"); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if err := (&damaged{}).err("app"); err != nil {
		t.Error(err)
	}
}
