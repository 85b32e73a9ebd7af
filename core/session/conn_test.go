package session

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

func testConns(t testing.TB) (i, r *Conn) {
	a, b := testPairs(t)
	return NewConn(a, [32]byte{7}, random(1)), NewConn(b, [32]byte{7}, random(2))
}

// body is a relay frame's, as the other side receives it.
func body(frame []byte) []byte { return slices.Clone(frame[1:]) }

func mustBegin(t testing.TB, c *Conn) []byte {
	t.Helper()
	m1, err := c.Begin(0)
	if err != nil || len(m1) != 1+m1Size || m1[0] != 0 {
		t.Fatalf("M1: %d bytes, %v", len(m1), err)
	}
	return body(m1)
}

func mustSeal(t testing.TB, c *Conn, msgs ...[]byte) [][]byte {
	t.Helper()
	return mustSealAt(t, c, 0, msgs...)
}

// answerTo has the responder receive an M1, however many it has answered.
func answerTo(r *Conn, m1 []byte) Result {
	r.pair.guard = guard{}
	return r.Receive(0, m1)
}

// shake runs a whole handshake and has both say their first word.
func shake(t testing.TB, i, r *Conn) {
	t.Helper()
	res := answerTo(r, mustBegin(t, i))
	if len(res.Send) != 1+m2Size || res.Up || res.Err != nil {
		t.Fatalf("upon M1: %d bytes, %+v", len(res.Send), res.Err)
	}
	if res = i.Receive(0, body(res.Send)); !res.Up || res.Err != nil {
		t.Fatal("upon M2:", res.Err)
	}
	if res = deliver(t, mustSeal(t, i), r); !res.Up || !r.Up() {
		t.Fatal("upon M3:", res.Err)
	}
	if res = deliver(t, mustSeal(t, r), i); res.Up || res.Err != nil {
		t.Fatal("upon the responder's first frame:", res.Err)
	}
}

// deliver hands frames over and returns the last result.
func deliver(t testing.TB, frames [][]byte, to *Conn) (res Result) {
	t.Helper()
	for _, f := range frames {
		if res = to.Receive(0, body(f)); res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	return res
}

// connected is two links with a session.
func connected(t testing.TB) (i, r *Conn) {
	i, r = testConns(t)
	shake(t, i, r)
	return i, r
}

func credit(n uint32) []byte { return wire.AppendCredit(nil, n) }

func dataOf(size int) []byte {
	return wire.AppendData(nil, &wire.Data{Records: bytes.Repeat([]byte{0xda}, size)})
}

func expectMessages(t testing.TB, from, to *Conn, msgs ...[]byte) {
	t.Helper()
	var got []byte
	for _, f := range mustSeal(t, from, msgs...) {
		res := to.Receive(0, body(f))
		if res.Err != nil {
			t.Fatal(res.Err)
		}
		got = append(got, res.Messages...)
	}
	if !bytes.Equal(got, slices.Concat(msgs...)) {
		t.Fatalf("%d bytes of messages arrived as %d", len(slices.Concat(msgs...)), len(got))
	}
}

func TestHandshakeAndTraffic(t *testing.T) {
	i, r := connected(t)
	for n := range uint32(20) {
		expectMessages(t, i, r, credit(n), credit(n+1))
		expectMessages(t, r, i, credit(n), dataOf(int(n)*1000))
	}
	if i.Pending() || r.Pending() {
		t.Error("an attempt is left")
	}
}

func TestBothSpeakBeforeAnythingArrives(t *testing.T) {
	i, r := testConns(t)
	res := answerTo(r, mustBegin(t, i))
	i.Receive(0, body(res.Send))
	first := mustSeal(t, i, credit(1))
	if len(first) != 1 {
		t.Fatal("M3 and its message are", len(first), "frames")
	}
	if res = deliver(t, first, r); !res.Up || !bytes.Equal(res.Messages, credit(1)) {
		t.Fatal("M3's message is lost")
	}
	if out := mustSeal(t, i); out != nil {
		t.Error("an empty frame after the first")
	}
}

func TestResponderNeitherBeginsNorSpeaksUnconfirmed(t *testing.T) {
	i, r := testConns(t)
	if m1, err := r.Begin(0); m1 != nil || err != nil {
		t.Error("the responder begins")
	}
	answerTo(r, mustBegin(t, i))
	if _, err := r.Seal(0, nil, credit(1)); err != ErrDown || r.Up() {
		t.Error("the responder speaks before M3:", err)
	}
}

// TestTampering flips one bit of every byte of each of the handshake's messages and of a frame.
func TestTampering(t *testing.T) {
	t.Run("M1", func(t *testing.T) {
		i, r := testConns(t)
		m1 := mustBegin(t, i)
		for at := 4; at < len(m1); at++ { // the tag, before it, is only a name
			if res := answerTo(r, flip(m1, at)); res.Send != nil || res.Up || res.Err != nil || r.Pending() {
				t.Fatalf("byte %d: %+v", at, res)
			}
		}
	})
	t.Run("M2", func(t *testing.T) {
		i, r := testConns(t)
		for at := 0; at < m2Size; at += 1 + at/64 {
			res := answerTo(r, mustBegin(t, i))
			if res = i.Receive(0, flip(body(res.Send), at)); res.Up || i.Up() || at >= 4 && res.Err != ErrHandshake || at >= 4 == i.Pending() {
				t.Fatalf("byte %d: %+v", at, res)
			}
		}
	})
	t.Run("M3", func(t *testing.T) {
		i, r := testConns(t)
		for at := 0; at < 4+1+256+16; at += 1 + at/16 {
			res := answerTo(r, mustBegin(t, i))
			i.Receive(0, body(res.Send))
			if res = r.Receive(0, flip(body(mustSeal(t, i)[0]), at)); res.Up || r.Up() || at >= 4 == r.Pending() {
				t.Fatalf("byte %d: %+v", at, res)
			}
		}
	})
	t.Run("frame", func(t *testing.T) {
		i, r := connected(t)
		for at := 0; at < 4+1+256+16; at += 1 + at/16 {
			shake(t, i, r)
			res := r.Receive(0, flip(body(mustSeal(t, i, credit(1))[0]), at))
			if at < 4 { // another attempt's: ignored, and then missing
				res = r.Receive(0, body(mustSeal(t, i, credit(2))[0]))
			}
			if !res.Down || res.Err != ErrSession || res.Messages != nil || r.Up() {
				t.Fatalf("byte %d: %+v", at, res)
			}
		}
	})
}

func flip(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 1 << (at % 8)
	return b
}

func TestOrder(t *testing.T) {
	for name, pick := range map[string][]int{
		"replay": {0, 0}, "reorder": {1, 0}, "gap": {0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			i, r := connected(t)
			frames := [][]byte{mustSeal(t, i, credit(0))[0], mustSeal(t, i, credit(1))[0], mustSeal(t, i, credit(2))[0]}
			var res Result
			for _, n := range pick {
				if res = r.Receive(0, body(frames[n])); res.Err != nil {
					break
				}
			}
			if !res.Down || res.Err != ErrSession {
				t.Fatalf("%+v", res)
			}
			if res = r.Receive(0, body(frames[2])); res.Down || res.Err != nil || res.Messages != nil {
				t.Error("the dropped session still does something")
			}
		})
	}
}

func TestReflectedFrameIsRefused(t *testing.T) {
	i, _ := connected(t)
	if res := i.Receive(0, body(mustSeal(t, i, credit(1))[0])); !res.Down {
		t.Error("took its own frame")
	}
}

func TestWrongSecrets(t *testing.T) {
	a, b := seedKey(t, 1), seedKey(t, 2)
	if !mustPair(t, keysOf(a, b, 9)).Initiator() {
		a, b = b, a
	}
	stranger := seedKey(t, 3)
	for _, c := range []struct {
		name      string
		responder Keys
		channel   [32]byte
		answers   bool
	}{
		{"another circle's secret", keysOf(b, a, 8), [32]byte{7}, true},
		{"another initiator expected", keysOf(b, stranger, 9), [32]byte{7}, false},
		{"another responder", keysOf(stranger, a, 9), [32]byte{7}, false},
		{"another channel", keysOf(b, a, 9), [32]byte{6}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := NewConn(mustPair(t, keysOf(a, b, 9)), [32]byte{7}, random(1))
			p := mustPair(t, c.responder)
			p.initiator = false
			r := NewConn(p, c.channel, random(2))
			res := answerTo(r, mustBegin(t, i))
			if (res.Send != nil) != c.answers || res.Err != nil {
				t.Fatalf("M1 answered: %v, %v", res.Send != nil, res.Err)
			}
			if c.answers {
				if res = i.Receive(0, body(res.Send)); res.Up || res.Err != ErrHandshake || i.Pending() {
					t.Fatalf("%+v", res)
				}
			}
		})
	}
}

// TestRaces has attempts cross in the ways that a relay with reconnecting sockets makes them cross.
func TestRaces(t *testing.T) {
	t.Run("begun again before M2", func(t *testing.T) {
		i, r := testConns(t)
		old := answerTo(r, mustBegin(t, i))
		now := answerTo(r, mustBegin(t, i))
		if res := i.Receive(0, body(old.Send)); res.Up || res.Err != nil || !i.Pending() {
			t.Fatalf("the old M2: %+v", res)
		}
		if res := i.Receive(0, body(now.Send)); !res.Up {
			t.Fatalf("the new M2: %+v", res)
		}
		if res := deliver(t, mustSeal(t, i), r); !res.Up {
			t.Fatal("no session")
		}
	})
	t.Run("begun again before M3 arrives", func(t *testing.T) {
		i, r := testConns(t)
		i.Receive(0, body(answerTo(r, mustBegin(t, i)).Send))
		oldM3 := mustSeal(t, i, credit(1))
		now := answerTo(r, mustBegin(t, i))
		if res := r.Receive(0, body(oldM3[0])); res.Up || res.Err != nil || !r.Pending() {
			t.Fatalf("the old M3: %+v", res)
		}
		i.Receive(0, body(now.Send))
		if res := deliver(t, mustSeal(t, i), r); !res.Up {
			t.Fatal("no session")
		}
		expectMessages(t, r, i, credit(3))
	})
	t.Run("the old session goes on until the new one is confirmed", func(t *testing.T) {
		i, r := connected(t)
		now := answerTo(r, mustBegin(t, i))
		expectMessages(t, i, r, credit(1))
		expectMessages(t, r, i, credit(2))
		late := mustSeal(t, r, credit(3))
		i.Receive(0, body(now.Send))
		if res := i.Receive(0, body(late[0])); res.Err != nil || res.Messages != nil || !i.Up() {
			t.Fatalf("a frame of the old session: %+v", res)
		}
		if res := deliver(t, mustSeal(t, i, credit(4)), r); !res.Up || !bytes.Equal(res.Messages, credit(4)) {
			t.Fatalf("M3: %+v", res)
		}
		expectMessages(t, r, i, credit(5))
	})
	t.Run("one side lost everything", func(t *testing.T) {
		for _, lost := range []string{"initiator", "responder"} {
			i, r := connected(t)
			map[string]*Conn{"initiator": i, "responder": r}[lost].Drop()
			shake(t, i, r)
			expectMessages(t, i, r, credit(1))
			expectMessages(t, r, i, credit(1))
		}
	})
	t.Run("an old M1 replayed", func(t *testing.T) {
		i, r := testConns(t)
		m1 := mustBegin(t, i)
		i.Receive(0, body(r.Receive(0, slices.Clone(m1)).Send))
		deliver(t, mustSeal(t, i), r)
		if res := r.Receive(0, m1); res.Up || res.Err != nil {
			t.Fatalf("%+v", res)
		}
		expectMessages(t, i, r, credit(1))
		expectMessages(t, r, i, credit(1))
		if res := r.Tick(HandshakeTimeout); res.Err != nil || res.Down || r.Pending() || !r.Up() {
			t.Fatalf("%+v", res)
		}
	})
}

func TestIgnored(t *testing.T) {
	i, r := testConns(t)
	up, up2 := connected(t)
	for _, c := range []*Conn{i, r, up, up2} {
		for _, b := range [][]byte{nil, {}, {1, 2, 3, 4}, {1, 2, 3, 4, typeM1}, {1, 2, 3, 4, typeM2}, {1, 2, 3, 4, typeTransport, 5},
			{1, 2, 3, 4, 0x77}, make([]byte, wire.MaxFrame)} {
			was := c.Up()
			if res := c.Receive(0, b); res.Send != nil || res.Up || res.Down || res.Err != nil || c.Up() != was {
				t.Errorf("%x: %+v", b[:min(len(b), 8)], res)
			}
		}
	}
}

func TestTimeouts(t *testing.T) {
	const before, at = HandshakeTimeout - 1, HandshakeTimeout
	t.Run("no M2", func(t *testing.T) {
		i, _ := testConns(t)
		mustBegin(t, i)
		if res := i.Tick(before); res.Err != nil || i.Deadline() != at {
			t.Fatal("early", i.Deadline())
		}
		if res := i.Tick(at); res.Err != ErrTimeout || i.Pending() || i.Deadline() != 0 {
			t.Fatalf("%+v", res)
		}
	})
	t.Run("no M3", func(t *testing.T) {
		i, r := testConns(t)
		answerTo(r, mustBegin(t, i))
		if r.Tick(before); !r.Pending() || r.Deadline() != at {
			t.Fatal("early")
		}
		if res := r.Tick(at); res.Err != nil || r.Pending() {
			t.Fatalf("%+v", res)
		}
	})
	t.Run("the responder never speaks", func(t *testing.T) {
		i, r := testConns(t)
		i.Receive(0, body(answerTo(r, mustBegin(t, i)).Send))
		if res := i.Tick(before); res.Down || i.Deadline() != at {
			t.Fatal("early")
		}
		if res := i.Tick(at); !res.Down || res.Err != ErrTimeout || i.Up() {
			t.Fatalf("%+v", res)
		}
	})
}

// One side keeps the session alive, or neither does, and it ends.
func TestKeepAlive(t *testing.T) {
	i, r := connected(t)
	for now := uint64(KeepAlive); now < 20*KeepAlive; now += KeepAlive {
		if i.Deadline() != now || i.Tick(now-1).Send != nil {
			t.Fatalf("not at %d, but at %d", now, i.Deadline())
		}
		res := i.Tick(now)
		if len(res.Send) != 1+headSize+wire.MinFramePlain+overhead || i.Tick(now).Send != nil {
			t.Fatalf("at %d: %+v", now, res)
		}
		if got := r.Receive(now, body(res.Send)); !got.Taken || got.Messages == nil || len(got.Messages) != 0 || got.Err != nil {
			t.Fatalf("at %d the other has %+v", now, got)
		}
		if res := r.Tick(now); res.Send == nil || i.Receive(now, body(res.Send)).Err != nil {
			t.Fatalf("at %d from the responder: %+v", now, res)
		}
	}
	const last = 19 * KeepAlive
	for _, c := range []*Conn{i, r} {
		c.Tick(last + KeepAlive)
		if res := c.Tick(last + Silence - 1); res.Down || c.Deadline() != last+Silence {
			t.Errorf("down at %d, or before: %+v", c.Deadline(), res)
		}
		if res := c.Tick(last + Silence); !res.Down || res.Err != ErrTimeout {
			t.Errorf("nothing was heard: %+v", res)
		}
	}
}

// A session is renewed behind 120 s of traffic, and each hour in any case; the responder asks for it an eighth later.
func TestRenewalByTime(t *testing.T) {
	const minute, hour = 60_000, 60 * 60_000
	for name, c := range map[string]struct {
		at    uint64   // when the initiator says
		msgs  [][]byte // this
		renew [2]uint64
		end   uint64
	}{
		"data at once":                   {0, [][]byte{dataOf(1)}, [2]uint64{2 * minute, 135_000}, 10 * minute},
		"data, later":                    {minute, [][]byte{dataOf(1)}, [2]uint64{3 * minute, minute + 135_000}, 11 * minute},
		"what every session begins with": {29_999, [][]byte{credit(1)}, [2]uint64{hour, hour + hour/8}, 2 * hour},
		"something else, later":          {30_000, [][]byte{credit(1)}, [2]uint64{150_000, 165_000}, 630_000},
		"only that it lives":             {minute, nil, [2]uint64{hour, hour + hour/8}, 2 * hour},
		"data, when it is old":           {hour - 1, [][]byte{dataOf(1)}, [2]uint64{hour, hour - 1 + 135_000}, hour - 1 + 10*minute},
	} {
		i, r := connected(t)
		for _, f := range mustSealAt(t, i, c.at, c.msgs...) {
			r.Receive(c.at, body(f))
		}
		for k, conn := range []*Conn{i, r} {
			at := func(now uint64) Result { // the other side lives, and so does this one
				conn.live.sentAt, conn.live.heardAt = now, now
				return conn.Tick(now)
			}
			if at(c.renew[k]-1).Renew || !at(c.renew[k]).Renew || at(c.renew[k]).Renew {
				t.Errorf("%s: side %d is not renewed once, at %d", name, k, c.renew[k])
			}
			if conn.Deadline() > c.end || at(c.end-1).Down {
				t.Errorf("%s: side %d ends before %d", name, k, c.end)
			}
			if _, err := conn.Seal(c.end, nil, credit(1)); err != ErrSpent {
				t.Errorf("%s: side %d seals when spent: %v", name, k, err)
			}
			if res := at(c.end); !res.Down || res.Err != ErrSpent || conn.Up() {
				t.Errorf("%s: side %d: %+v", name, k, res)
			}
		}
	}
}

func mustSealAt(t testing.TB, c *Conn, now uint64, msgs ...[]byte) [][]byte {
	t.Helper()
	out, err := c.Seal(now, nil, msgs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRenewAndSpent(t *testing.T) {
	t.Run("a frame that comes too late", func(t *testing.T) {
		const start = 1000
		i, r := connected(t)
		r.Receive(start, body(mustSealAt(t, i, start, dataOf(1))[0]))
		if res := r.Receive(start+600_000, body(mustSeal(t, i, credit(1))[0])); !res.Down || res.Err != ErrSpent {
			t.Errorf("%+v", res)
		}
	})
	t.Run("by frames", func(t *testing.T) {
		i, r := connected(t) // two frames so far
		for range renewFrames - 3 {
			deliver(t, mustSeal(t, i, credit(1)), r)
		}
		if i.Tick(0).Renew {
			t.Error("early")
		}
		deliver(t, mustSeal(t, r, credit(1)), i)
		if !i.Tick(0).Renew || r.Tick(0).Renew {
			t.Error("not both directions counted, or the responder is as early")
		}
		for range renewFrames / 8 {
			deliver(t, mustSeal(t, i, credit(1)), r)
		}
		if !r.Tick(0).Renew {
			t.Error("the responder does not ask")
		}
		i.live.frames, r.live.frames = spentFrames-1, spentFrames-1
		deliver(t, mustSeal(t, i, credit(1)), r)
		if !i.Tick(0).Down || !r.Tick(0).Down {
			t.Error("goes on after 2^16 frames")
		}
	})
	t.Run("by bytes", func(t *testing.T) {
		i, r := connected(t)
		big := dataOf(wire.MaxValue)
		for !i.Tick(0).Renew {
			deliver(t, mustSeal(t, i, big), r)
		}
		if got := i.live.bytes; got < renewBytes || got > renewBytes+2<<20 || got != r.live.bytes {
			t.Errorf("after %d bytes, the other counts %d", got, r.live.bytes)
		}
	})
}

type brokenRandom struct{ left int }

var errRandom = errors.New("no randomness")

func (b *brokenRandom) Read(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errRandom
	}
	return len(p), nil
}

func TestBrokenRandom(t *testing.T) {
	a, b := testPairs(t)
	for left := 0; left < 4+64+32; left += 5 {
		c := NewConn(a, [32]byte{7}, &brokenRandom{left})
		if m1, err := c.Begin(0); m1 != nil || !errors.Is(err, errRandom) || c.Pending() {
			t.Fatalf("M1 from %d random bytes: %v", left, err)
		}
	}
	r := NewConn(b, [32]byte{7}, &brokenRandom{31})
	i, _ := testConns(t)
	if res := answerTo(r, mustBegin(t, i)); !errors.Is(res.Err, errRandom) || res.Send != nil || r.Pending() {
		t.Fatalf("%+v", res)
	}
}
