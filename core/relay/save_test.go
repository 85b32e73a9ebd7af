package relay

import (
	"bytes"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// amnesic makes each harness’s Server forget everything before every step but what Save returns.
var amnesic bool

// TestAmnesic repeats the tests of what a Server does with one that forgets.
func TestAmnesic(t *testing.T) {
	amnesic = true
	defer func() { amnesic = false }()
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"ChannelPassesBothWays", TestChannelPassesBothWays}, {"ChannelsDoNotMix", TestChannelsDoNotMix},
		{"NewerJoinReplaces", TestNewerJoinReplaces}, {"Mailbox", TestMailbox},
		{"MailboxEndsAfterTenMinutes", TestMailboxEndsAfterTenMinutes}, {"Abuse", TestAbuse}, {"Hosts", TestHosts},
		{"Timeouts", TestTimeouts}, {"Drain", TestDrain}, {"SameInSameOut", TestSameInSameOut}, {"NothingIsKept", TestNothingIsKept},
	} {
		t.Run(c.name, c.test)
	}
}

// forget replaces the Server by one that knows what was saved, and, for the tests that look at them, has the same counters.
func (r *harness) forget() {
	r.t.Helper()
	old := r.s
	r.s = New(old.cfg)
	r.s.clock, r.s.newest, r.s.stats, r.s.drain = old.clock, old.newest, old.stats, old.drain
	var ids []uint64
	for id := range old.conns {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		saved := old.Save(id)
		if len(saved) > MaxSaved {
			r.t.Fatalf("%d bytes were saved", len(saved))
		}
		if err := r.s.Restore(id, saved, 0); err != nil {
			r.t.Fatalf("connection %d, saved as %x: %v", id, saved, err)
		}
	}
}

func TestRestoreHeard(t *testing.T) {
	r := newHarness(t, Config{})
	r.join(1, key(1), 0)
	r.join(2, key(1), 1)
	r.open(3, channelPath(key(2)))
	old, born := r.s, r.now
	r.s = New(Config{})
	for _, c := range []struct {
		id    uint64
		heard Millis
	}{
		{2, born + 10_000},
		{3, born + 1_000}, // what it said does not take the place of a JOIN
		{1, born - 1_000},
	} {
		if err := r.s.Restore(c.id, old.Save(c.id), c.heard); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []Millis{5_000, 90_000, 100_000} {
		at, ok := r.s.Next()
		if !ok || at != born+want {
			t.Fatalf("next in %d, want %d", at-born, want)
		}
		r.now = at
		r.step(Tick{})
	}
	r.empty()
}

func TestRestoreNameplate(t *testing.T) {
	r := newHarness(t, Config{})
	for id, side := range []byte{0, 1, 1} {
		r.open(uint64(id), wire.NameplatePath("7K2"))
		r.forget()
		r.step(&Frame{Conn: uint64(id), Data: []byte{byte(wire.RelayPair), side}})
		r.forget()
	}
	r.want(0, "ok", "JOINED false", "PEER true")
	r.want(1, "ok", "JOINED true")
	r.want(2, "E_CROWDED", "close 4004")
	r.step(Closed{0})
	r.want(1, "PEER false", "close 1000")
	r.empty()
}

func TestRestoreRefuses(t *testing.T) {
	r := newHarness(t, Config{})
	r.join(1, key(1), 0)
	r.open(2, wire.PairPath([16]byte{1}))
	joined, waiting := r.s.Save(1), r.s.Save(2)
	if r.s.Save(3) != nil {
		t.Error("a connection was saved that there is not")
	}
	const kindAt, sideAt = 9, 43
	younger := bytes.Clone(joined)
	younger[sideAt]++
	younger[len(younger)-1]++
	set := func(b []byte, at int, to byte) []byte { b = bytes.Clone(b); b[at] = to; return b }
	for _, c := range []struct {
		name  string
		conn  uint64
		saved []byte
	}{
		{"a number that is taken", 1, waiting},
		{"a side that is taken", 3, joined},
		{"another time of birth", 3, younger},
		{"nothing", 3, nil},
		{"another form", 3, set(waiting, 0, 3)},
		{"another side", 3, set(joined, sideAt, 2)},
		{"another kind", 3, set(joined, kindAt, 2)},
		{"no nameplate", 3, set(joined, kindAt, 3)},
		{"cut off", 3, joined[:len(joined)-1]},
		{"something behind", 3, append(bytes.Clone(joined), 0)},
		{"a long host", 3, append(bytes.Clone(waiting), make([]byte, maxHost)...)},
	} {
		if err := r.s.Restore(c.conn, c.saved, 0); err != ErrSaved {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	r.step(Closed{1})
	r.step(Closed{2})
	r.empty()
}

// FuzzRestore: what is taken in is what was saved, and it ends like any other.
func FuzzRestore(f *testing.F) {
	s, out := New(Config{}), Actions{}
	for id, path := range []string{channelPath(key(1)), wire.PairPath([16]byte{1}), "/"} {
		s.Step(1, Open{Conn: uint64(id), Path: path, Host: "localhost"}, &out)
	}
	waiting := s.Save(0)
	s.Step(2, &Frame{Conn: 1, Data: []byte{byte(wire.RelayPair), 1}}, &out)
	f.Add(waiting, s.Save(1), uint64(0))
	f.Add(s.Save(1), s.Save(2), uint64(1<<63))
	f.Fuzz(func(t *testing.T, a, b []byte, heard uint64) {
		r := newHarness(t, Config{})
		for id, saved := range [][]byte{a, b} {
			err := r.s.Restore(uint64(id), saved, 0)
			if err == nil && !bytes.Equal(r.s.Save(uint64(id)), saved) {
				t.Fatalf("%x became %x", saved, r.s.Save(uint64(id)))
			}
		}
		_ = r.s.Restore(2, a, heard)
		r.now = heard
		r.step(Tick{})
		for id := range uint64(3) {
			r.step(Closed{id})
		}
		r.empty()
	})
}
