package main

import (
	"strings"
	"testing"
)

// What "masq up" tells to try is what happens: Notes finds the store at its own port only, and without a manager nobody can press Allow.
func TestToTry(t *testing.T) {
	for name, c := range map[string]struct {
		port     uint16
		headless bool
		want     []string
		not      string
	}{
		"usual":        {6277, false, []string{"1. open http://localhost:6280: Notes asks", ".build/masq open --data d\n", "press Allow", "Keep them in this browser instead"}, "apps allow"},
		"headless":     {6277, true, []string{".build/masq apps allow --data d http://localhost:6280\n"}, "press Allow"},
		"another port": {6300, false, []string{"1. open http://localhost:6280 in two browsers", "2. in the first: Devices", "look for a store at port 6277"}, "Notes asks"},
	} {
		t.Run(name, func(t *testing.T) {
			got := toTry("localhost:6280", c.port, c.headless, ".build/masq", " --data d")
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in\n%s", want, got)
				}
			}
			if strings.Contains(got, c.not) {
				t.Errorf("%q is in\n%s", c.not, got)
			}
			for line := range strings.Lines(got) {
				if len(line) > 121 {
					t.Errorf("too long: %s", line)
				}
			}
		})
	}
}
