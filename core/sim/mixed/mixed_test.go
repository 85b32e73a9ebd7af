package mixed_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/sim/mixed"
	"github.com/masqdev/masq/core/sim/mixed/driver"
)

// Devices of one version live through all that a seed does, and sync throughout.
func TestOneVersion(t *testing.T) {
	for _, seed := range []uint64{3, 9} {
		res := mixed.Run(seed, driver.Version, driver.Version, mixed.Options{Same: true})
		for _, what := range res.Failures {
			t.Errorf("seed %d: %s", seed, what)
		}
		if res.Writes < 100 {
			t.Errorf("seed %d: %d writes", seed, res.Writes)
		}
	}
}

// Two versions that sync with each other are noticed: by what is passed on, by what nobody says, by a pairing, and by a disk.
func TestNotApart(t *testing.T) {
	missing := []string{"which only the other version had", `(new) says ""`, "pairs with", "the old version opens the disk"}
	for seed := uint64(20); seed < 50 && len(missing) > 0; seed++ {
		res := mixed.Run(seed, driver.Version, driver.Version, mixed.Options{})
		if res.OK() {
			t.Errorf("seed %d: nothing is noticed", seed)
		}
		all := strings.Join(res.Failures, "\n")
		missing = slices.DeleteFunc(missing, func(what string) bool { return strings.Contains(all, what) })
	}
	if len(missing) > 0 {
		t.Errorf("not noticed: %q", missing)
	}
}

// Where two versions sync, it is noticed that the old one opens a disk that the new one has written to, and nothing else is.
func TestTogether(t *testing.T) {
	for _, seed := range []uint64{3, 9} {
		res := mixed.Run(seed, driver.Version, driver.Version, mixed.Options{Together: true})
		for _, what := range res.Failures {
			if !strings.Contains(what, "the old version opens the disk") {
				t.Errorf("seed %d: %s", seed, what)
			}
		}
		if len(res.Failures) == 0 || res.Apart == 0 {
			t.Errorf("seed %d: nothing is noticed, the two met %d times", seed, res.Apart)
		}
	}
}

// The same seed takes the same steps.
func TestReplay(t *testing.T) {
	run := func() mixed.Result { return mixed.Run(3, driver.Version, driver.Version, mixed.Options{Same: true}) }
	if a, b := run(), run(); a.Digest != b.Digest || a.Steps != b.Steps {
		t.Errorf("%d steps, digest %x; then %d steps, digest %x", a.Steps, a.Digest, b.Steps, b.Digest)
	}
}
