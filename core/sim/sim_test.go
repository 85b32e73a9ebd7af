package sim

import (
	"strings"
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

// A member that lies, and a Sync Server that does, harm nobody: a few seeds of the many that masqsim runs, with the kinds of lies that
// are about sessions.
func TestHostile(t *testing.T) {
	for _, c := range []struct {
		lies  string
		seeds []uint64
	}{
		{"silence,bye,unknown,rename,replay", []uint64{3, 4}},
		{"ack,credit,handshakes,namespaces", []uint64{5, 6}},
		{"relay-double,relay-replay,relay-flip,relay-peer,relay-close,relay-restart", []uint64{7, 10}},
	} {
		for _, seed := range c.seeds {
			res := Run(seed, Options{Hostile: true, Lies: strings.Split(c.lies, ",")})
			for _, what := range res.Failures {
				t.Errorf("make sim SEED=%d HOSTILE=1 LIES=%s: %s", seed, c.lies, what)
			}
		}
	}
}

// Sessions are renewed for as long as they have traffic. That the oracle looks while one is does not make the mesh restless.
func TestLooksWhileRenewing(t *testing.T) {
	begin := func() *simulation {
		w := newSimulation(10, Options{})
		w.live()
		w.heal()
		w.pairRest()
		w.waitQuiet()
		u := w.devices[0].user
		u.writeKeys(u.d.run, notes, []string{w.key(0)}, func(*write) {}) // from the first DATA on it is 120 s
		w.waitQuiet()
		return w
	}
	w := begin()
	w.runUntil(w.now + 20*second)
	w.runWhile(func() bool { return w.quiet() == "" })
	renewal := w.now
	w = begin()
	w.runUntil(renewal - 15*second) // waitQuiet takes that long if all is quiet
	w.checkStatus()
	for _, what := range w.res.Failures {
		t.Error(what)
	}
}

// A session that ends over and over is no renewal.
func TestSeesSessionsThatDoNotStay(t *testing.T) {
	w := newSimulation(10, Options{})
	w.live()
	w.heal()
	w.pairRest()
	w.waitQuiet()
	var drop func()
	drop = func() {
		for _, l := range w.net.standing() {
			l.drop()
		}
		w.after(8*second, drop)
	}
	drop()
	w.runWhile(func() bool { return w.quiet() == "" })
	if w.unrest() == "" {
		t.Error("sessions that last for some seconds pass as renewed")
	}
}

// The same seed takes the same steps at the same times, and does the same work.
func TestReplay(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		opt  Options
	}{{seed: 10}, {seed: 45}, {seed: 9, opt: Options{Hostile: true, Lies: strings.Split("data-plain,data-reach,writers,have-self,relay-double,bye", ",")}}} {
		a, b := Run(c.seed, c.opt), Run(c.seed, c.opt)
		if a.Digest != b.Digest || a.Events != b.Events || a.Most != b.Most {
			t.Errorf("seed %d: %d events, digest %x, %+v; then %d events, digest %x, %+v",
				c.seed, a.Events, a.Digest, a.Most, b.Events, b.Digest, b.Most)
		}
	}
}

// A device that was not heard for 30 days is named by those who ran on 7 of them, and by nobody else: one that comes back, and one that does not.
func TestMonthsApart(t *testing.T) {
	for _, seed := range []uint64{15, 25, 65} {
		res := Run(seed, Options{})
		for _, what := range res.Failures {
			t.Errorf("make sim SEED=%d: %s", seed, what)
		}
		if res.Counts["overdue"] == 0 {
			t.Errorf("seed %d: nobody is said to be overdue", seed)
		}
	}
}
