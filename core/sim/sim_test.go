package sim

import (
	"testing"
)

// A few seeds of the many that masqsim runs.
func TestSeeds(t *testing.T) {
	for seed := uint64(1); seed <= 8; seed++ {
		if res := Run(seed, nil); !res.OK() {
			t.Errorf("seed %d (%s), make sim SEED=%d:", seed, res.Profile, seed)
			for _, what := range res.Failures {
				t.Error(what)
			}
		}
	}
}

// The same seed takes the same steps at the same times.
func TestReplay(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		a, b := Run(seed, nil), Run(seed, nil)
		if a.Digest != b.Digest || a.Events != b.Events {
			t.Errorf("seed %d: %d events, digest %x; then %d events, digest %x", seed, a.Events, a.Digest, b.Events, b.Digest)
		}
	}
}
