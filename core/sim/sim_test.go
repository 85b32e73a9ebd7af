package sim

import (
	"testing"
)

// One short seed of each profile, of the many that masqsim runs.
func TestSeeds(t *testing.T) {
	for _, seed := range []uint64{10, 14, 20, 26, 29, 31, 43, 45, 59} {
		if res := Run(seed, Options{}); !res.OK() {
			t.Errorf("seed %d (%s), make sim SEED=%d:", seed, res.Profile, seed)
			for _, what := range res.Failures {
				t.Error(what)
			}
		}
	}
}

// Devices that say that they are offline from the beginning, although the network works, pair and sync.
func TestEverybodySaysOffline(t *testing.T) {
	for _, seed := range []uint64{10, 31, 33} {
		w := newSimulation(seed, Options{})
		for _, d := range w.devices {
			d.offline = true
		}
		w.live()
		w.verify()
		for _, what := range w.res.Failures {
			t.Errorf("seed %d (%s): %s", seed, w.profile.name, what)
		}
	}
}

// The same seed takes the same steps at the same times.
func TestReplay(t *testing.T) {
	for _, seed := range []uint64{10, 45} {
		a, b := Run(seed, Options{}), Run(seed, Options{})
		if a.Digest != b.Digest || a.Events != b.Events {
			t.Errorf("seed %d: %d events, digest %x; then %d events, digest %x", seed, a.Events, a.Digest, b.Events, b.Digest)
		}
	}
}
