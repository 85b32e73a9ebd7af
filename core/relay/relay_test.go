package relay

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

func TestChannelPassesBothWays(t *testing.T) {
	r := newHarness(t, Config{})
	r.join(1, key(1), 0)
	r.want(1, "ok", "JOINED false")
	r.data(1, "into the void")
	r.want(1)
	r.join(2, key(1), 1)
	r.want(2, "ok", "JOINED true")
	r.want(1, "PEER true")
	r.data(1, "to 2")
	r.data(1, "")
	r.data(2, "to 1")
	r.want(2, "DATA to 2", "DATA ")
	r.want(1, "DATA to 1")
	r.step(Closed{2})
	r.want(1, "PEER false")
	r.data(1, "lost")
	r.step(Closed{1})
	r.empty()
	if st := r.s.Stats(); st.Frames != 3 || st.Bytes != 8 || st.Dropped != 2 || st.Joins != 2 || st.Ended[Left] != 2 {
		t.Errorf("counted %+v", st)
	}
}

// TestPassingAllocatesNothing: what is passed on leaves nothing to collect.
func TestPassingAllocatesNothing(t *testing.T) {
	r := newHarness(t, Config{})
	r.join(1, key(1), 0)
	r.join(2, key(1), 1)
	var out Actions
	f := &Frame{Conn: 1, Data: []byte{byte(wire.RelayData), 'x'}}
	n := testing.AllocsPerRun(100, func() {
		r.s.Step(r.now, f, &out)
		if a, ok := out.List[0].(*Send); !ok || a.Conn != 2 || &a.Data[0] != &f.Data[0] {
			t.Fatalf("%+v", out.List)
		}
		out.Reset()
	})
	if n != 0 {
		t.Errorf("%.1f allocations", n)
	}
}

func TestChannelsDoNotMix(t *testing.T) {
	r := newHarness(t, Config{})
	r.join(1, key(1), 0)
	r.join(2, key(2), 1)
	r.want(1, "ok", "JOINED false")
	r.want(2, "ok", "JOINED false")
	r.data(1, "x")
	r.want(2)
}

func TestNewerJoinReplaces(t *testing.T) {
	r := newHarness(t, Config{})
	r.join(1, key(1), 0)
	r.join(2, key(1), 1)
	r.got = map[uint64][]string{}
	r.join(3, key(1), 0)
	r.want(1, "E_REPLACED", "close 4008")
	r.want(3, "ok", "JOINED true")
	r.want(2, "PEER true")
	r.data(1, "from the replaced one")
	r.step(Closed{1})
	r.want(2)
	r.data(2, "hello")
	r.want(3, "DATA hello")
	r.join(4, key(1), 0) // alone on its side again, as often as it likes
	r.join(5, key(1), 1)
	r.want(2, "PEER true", "E_REPLACED", "close 4008")
	r.want(4, "ok", "JOINED true", "PEER true")
	r.step(Closed{4})
	r.step(Closed{5})
	r.empty()
}

func TestMailbox(t *testing.T) {
	r := newHarness(t, Config{})
	r.pair(1, 9, 0)
	r.want(1, "ok", "JOINED false")
	r.pair(2, 9, 1)
	r.want(2, "ok", "JOINED true")
	r.want(1, "PEER true")
	for _, side := range []uint8{0, 1} { // a third party disturbs nobody
		id := uint64(3 + side)
		r.pair(id, 9, side)
		r.want(id, "E_CROWDED", "close 4004")
		r.want(1)
		r.want(2)
	}
	r.data(1, "H0")
	r.want(2, "DATA H0")
	r.step(Closed{2})
	r.want(1, "PEER false", "close 1000")
	r.empty()
}

func TestMailboxEndsAfterTenMinutes(t *testing.T) {
	r := newHarness(t, Config{})
	r.pair(1, 9, 0)
	born := r.now
	for r.now < born+550_000 {
		r.now += 30_000 - 1_000
		r.text(1, "ping")
		r.step(Tick{})
	}
	r.pair(2, 9, 1)
	r.got = map[uint64][]string{}
	r.now = born + 599_999
	r.step(Tick{})
	r.want(1)
	r.now++
	r.step(Tick{})
	r.want(1, "E_EXPIRED", "close 4003")
	r.want(2, "E_EXPIRED", "close 4003")
	r.empty()
}

func TestAbuse(t *testing.T) {
	k := key(1)
	path, mailbox := channelPath(k), wire.PairPath([16]byte{1})
	sign := func(host string, side uint8) func(*harness) wire.RelayFrame {
		return func(r *harness) wire.RelayFrame {
			return wire.JoinFrame(k, host, r.nonce[1], side)
		}
	}
	bad := sign("localhost", 0)
	good := sign("localhost:6280", 0)
	raw := func(b ...byte) func(*harness) { return func(r *harness) { r.step(&Frame{Conn: 1, Data: b}) } }
	send := func(f func(*harness) wire.RelayFrame) func(*harness) { return func(r *harness) { r.frame(1, f(r)) } }
	for _, c := range []struct {
		name, path string
		do         func(*harness)
		want       string
		why        Reason
	}{
		{"signed for another host", path, send(bad), "E_AUTH", BadSignature},
		{"signed by another key", path, func(r *harness) {
			r.frame(1, wire.JoinFrame(key(2), "localhost:6280", r.nonce[1], 0))
		}, "E_AUTH", BadSignature},
		{"signed for the other side", path, func(r *harness) {
			f := good(r)
			f.Side = 1
			r.frame(1, f)
		}, "E_AUTH", BadSignature},
		{"replayed with another nonce", path, func(r *harness) {
			f := good(r)
			r.step(Closed{1})
			r.open(1, path)
			r.frame(1, f)
		}, "E_AUTH", BadSignature},
		{"PAIR on a channel", path, raw(7, 0), "E_FRAME", OutOfPlace},
		{"JOIN on a mailbox", mailbox, send(good), "E_FRAME", OutOfPlace},
		{"DATA before JOIN", path, raw(0, 1), "E_FRAME", OutOfPlace},
		{"a frame of the server's", path, raw(4, 1), "E_FRAME", OutOfPlace},
		{"nothing at all", path, raw(), "E_FRAME", BadFrame},
		{"garbage", path, raw(99, 1, 2), "E_FRAME", BadFrame},
		{"a text", path, func(r *harness) { r.text(1, "Ping") }, "E_FRAME", BadText},
		{"an empty text", path, func(r *harness) { r.text(1, "") }, "E_FRAME", BadText},
		{"a large frame", path, raw(make([]byte, wire.MaxFrame+1)...), "E_TOOBIG", TooBig},
		{"a second JOIN", path, func(r *harness) {
			f := good(r)
			r.frame(1, f)
			r.want(1, "ok", "JOINED false")
			r.frame(1, f)
		}, "E_FRAME", OutOfPlace},
		{"slow, says the driver", path, func(r *harness) { r.step(Fail{1, Slow}) }, "E_SLOW", Slow},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newHarness(t, Config{})
			r.open(1, c.path)
			c.do(r)
			code := r.got[1][0]
			r.want(1, c.want, fmt.Sprint("close ", reasons[c.why].code.CloseCode()))
			if code != c.want || r.s.Stats().Ended[c.why] != 1 {
				t.Errorf("%s, counted %v", code, r.s.Stats().Ended)
			}
			r.empty()
			r.text(1, "ping") // what still comes from a closed connection is ignored
			r.step(Closed{1})
			r.want(1)
		})
	}
}

func TestHosts(t *testing.T) {
	path := channelPath(key(1))
	for _, c := range []struct {
		hosts []string
		host  string
		ok    bool
	}{
		{nil, "localhost", true},
		{nil, "127.0.0.1:1234", true},
		{nil, "[::1]:1234", true},
		{nil, "sync.example.org", false},
		{nil, "", false},
		{[]string{"sync.example.org"}, "sync.example.org", true},
		{[]string{"sync.example.org"}, "SYNC.example.org:8443", true},
		{[]string{"sync.example.org"}, "localhost", false},
		{[]string{"sync.example.org"}, "sync.example.org.evil.example", false},
		{[]string{"sync.example.org:8443"}, "sync.example.org:8443", true},
		{[]string{"sync.example.org:8443"}, "sync.example.org", false},
		{[]string{"a.example", "b.example"}, "b.example", true},
		{[]string{"a.example"}, strings.Repeat("a", 1000), false},
	} {
		r := newHarness(t, Config{Hosts: c.hosts})
		r.step(Open{Conn: 1, Path: path, Host: c.host})
		if c.ok {
			r.want(1, "HELLO")
		} else {
			r.want(1, "HELLO", "E_AUTH", "close 4002")
			r.empty()
		}
	}
	r := newHarness(t, Config{})
	r.step(Open{Conn: 1, Path: "/v1/channel/x", Host: "localhost"})
	r.want(1, "HELLO", "E_FRAME", "close 4009")
}

func TestTimeouts(t *testing.T) {
	r := newHarness(t, Config{})
	r.open(1, channelPath(key(1)))
	if at, ok := r.s.Next(); !ok || at != r.now+5_000 {
		t.Fatal("next tick", at, ok)
	}
	r.now += 4_999
	r.text(1, "ping") // a ping does not take the place of a JOIN
	r.step(Tick{})
	r.want(1, "pong")
	r.now++
	r.step(Tick{})
	r.want(1, "E_EXPIRED", "close 4003")

	r.join(2, key(1), 0)
	r.join(3, key(1), 1)
	r.want(2, "ok", "JOINED false", "PEER true")
	r.want(3, "ok", "JOINED true")
	r.now += 60_000
	r.text(3, "ping")
	r.want(3, "pong")
	r.now += 29_999
	r.step(Tick{})
	r.want(2)
	r.now++
	r.step(Tick{})
	r.want(2, "E_EXPIRED", "close 4003")
	r.want(3, "PEER false")
	r.now -= 3_600_000 // a clock that is set back ends nothing
	r.step(Tick{})
	r.want(3)
	r.now += 2 * 3_600_000
	r.step(Tick{})
	r.want(3, "E_EXPIRED", "close 4003")
	r.empty()
}

// TestClockSetBack: time goes on at once when the clock is set back, and Next is in the clock's time.
func TestClockSetBack(t *testing.T) {
	r := newHarness(t, Config{})
	r.join(1, key(1), 0)
	r.want(1, "ok", "JOINED false")
	r.now += 30_000
	r.step(Tick{})
	r.now -= 3_600_000
	r.step(Tick{})
	if at, ok := r.s.Next(); !ok || at != r.now+60_000 {
		t.Errorf("next in %d ms", int64(at-r.now))
	}
	r.now += 59_999
	r.step(Tick{})
	r.want(1)
	r.now++
	r.step(Tick{})
	r.want(1, "E_EXPIRED", "close 4003")
	r.empty()
}

func TestHelloSaysTimeAndLimits(t *testing.T) {
	s := New(Config{Limits: Limits{FrameBytes: 1 << 30, Mailbox: 7}})
	var out Actions
	s.Step(1234, Open{1, channelPath(key(1)), "localhost"}, &out)
	f, err := wire.ParseRelay(out.List[0].(*Send).Data)
	if err != nil || f.Time != 1234 || f.Nonce == [32]byte{} {
		t.Fatalf("%+v, %v", f, err)
	}
	got := map[wire.RelayLimitID]uint32{}
	for _, l := range f.Limits {
		got[l.ID] = l.Value
	}
	want := map[wire.RelayLimitID]uint32{1: 65536, 2: 5000, 3: 30000, 4: 90000, 5: 1 << 20, 6: 10000, 7: 8 << 20, 8: 7, 9: 16 << 10, 10: 256 << 20, 11: 16 << 20}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("limits %v", got)
	}
}

func TestDrain(t *testing.T) {
	r := newHarness(t, Config{})
	r.join(1, key(1), 0)
	r.join(2, key(1), 1)
	r.pair(3, 1, 0)
	r.open(4, channelPath(key(2)))
	r.got = map[uint64][]string{}
	r.step(Drain{ReconnectIn: 1000, TryFor: 60_000})
	for id := uint64(1); id <= 4; id++ {
		r.want(id, "RESTARTING", "close 1012")
	}
	r.step(Open{Conn: 5, Path: channelPath(key(1)), Host: "localhost"})
	r.want(5, "RESTARTING", "close 1012")
	r.empty()
}

// TestSameInSameOut: nothing may depend on a map's order, or the simulator could not repeat a run.
func TestSameInSameOut(t *testing.T) {
	run := func() []string {
		r := newHarness(t, Config{})
		for i := range uint64(40) {
			r.join(i, key(byte(i/2)), uint8(i%2))
		}
		for i := range uint64(20) {
			r.pair(100+i, byte(i), 0)
		}
		r.now += 90_000
		r.step(Tick{})
		return r.log
	}
	first := run()
	for range 5 {
		if !reflect.DeepEqual(run(), first) {
			t.Fatal("two runs differ")
		}
	}
}

// TestNothingIsKept walks all that can be reached from a Server and looks for names of channels that have ended.
func TestNothingIsKept(t *testing.T) {
	r := newHarness(t, Config{})
	k := key(1)
	name := k.Public().(ed25519.PublicKey)
	mailbox := [16]byte{0xa5}
	holds := func() bool {
		return reaches(reflect.ValueOf(r.s), string(name), map[uintptr]bool{}) ||
			reaches(reflect.ValueOf(r.s), string(mailbox[:]), map[uintptr]bool{})
	}
	r.join(1, k, 0)
	r.join(2, k, 1)
	r.pair(3, 0xa5, 0)
	if !holds() {
		t.Fatal("the walk does not find what is there")
	}
	r.data(1, "x")
	r.join(4, k, 0)
	r.pair(5, 0xa5, 0)
	r.open(6, channelPath(k))
	for _, id := range []uint64{2, 4, 3, 6} {
		r.step(Closed{id})
	}
	r.empty()
	if holds() {
		t.Error("the name of a channel that has ended is still there")
	}
}

func reaches(v reflect.Value, needle string, seen map[uintptr]bool) bool {
	switch v.Kind() {
	case reflect.String:
		return strings.Contains(v.String(), needle)
	case reflect.Interface:
		return !v.IsNil() && reaches(v.Elem(), needle, seen)
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return false
		}
		seen[v.Pointer()] = true
		return reaches(v.Elem(), needle, seen)
	case reflect.Slice:
		v = v.Slice3(0, v.Cap(), v.Cap()) // what was cut off may still be there
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return bytes.Contains(v.Bytes(), []byte(needle))
		}
		fallthrough
	case reflect.Array:
		var plain []byte
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.Uint8 {
				plain = append(plain, byte(e.Uint()))
			} else if reaches(e, needle, seen) {
				return true
			}
		}
		return bytes.Contains(plain, []byte(needle))
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if reaches(it.Key(), needle, seen) || reaches(it.Value(), needle, seen) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if reaches(v.Field(i), needle, seen) {
				return true
			}
		}
	}
	return false
}

// FuzzServer lets connections do anything in any order. Whatever they do, what one gets is well formed, DATA reaches only
// joined connections, and when all have gone nothing is left.
func FuzzServer(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 2, 0, 1, 1, 2, 1, 3, 0, 4, 1})
	f.Add([]byte{0, 0, 0, 1, 2, 0, 2, 1, 5, 200, 6, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newHarness(t, Config{})
		paths := []string{channelPath(key(1)), wire.PairPath([16]byte{1}), "/"}
		next := uint64(0)
		for i := 0; i+1 < len(script) && i < 400; i += 2 {
			arg := script[i+1]
			id := uint64(arg % 8)
			switch script[i] % 8 {
			case 0:
				r.step(Open{Conn: next, Path: paths[arg%3], Host: "localhost"})
				next++
			case 1:
				r.frame(id, wire.RelayFrame{Type: wire.RelayPair, Side: arg >> 3 & 1})
			case 2:
				side := arg >> 3 & 1
				r.frame(id, wire.JoinFrame(key(1), "localhost", r.nonce[id], side))
			case 3:
				r.data(id, "x")
			case 4:
				r.step(&Frame{Conn: id, Data: script[i:], Text: arg&1 == 1})
			case 5:
				r.now += uint64(arg) * 1000
				r.step(Tick{})
			case 6:
				r.step(Closed{id})
			case 7:
				r.step(Fail{id, TooBig})
			}
		}
		for id := range next {
			r.step(Closed{id})
		}
		r.empty()
	})
}

// FuzzHeard lets another node say anything. Whatever it says, what a device gets is well formed, and when it has gone nothing is left.
func FuzzHeard(f *testing.F) {
	for kind := range byte(msgSaid + 1) {
		f.Add(kind, wire.AppendU32(append(wire.AppendU64(nil, 1), 1), 5))
	}
	f.Fuzz(func(t *testing.T, kind byte, said []byte) {
		r := newHarness(t, Config{Node: 1})
		r.bus = func(Action) {}
		r.step(Linked{Up: true})
		r.join(1, key(1), 0)
		topic := r.s.conns[1].room.topic
		here := append(wire.AppendU64(wire.AppendU64([]byte{msgHere}, 2), 1), 1)
		here = append(wire.AppendU32(wire.AppendU64(here, 1), 0), 0)
		for _, message := range [][]byte{here, append(wire.AppendU64([]byte{kind}, 2), said...)} {
			for _, topic := range []string{topic, nodesTopic, plateTopic} {
				r.step(&Heard{topic, message})
			}
		}
		r.step(Closed{1})
		r.now += 1_000_000
		r.step(Tick{})
		r.empty2()
	})
}

func TestNameplateIsAMailbox(t *testing.T) {
	r := newHarness(t, Config{})
	for id := range uint64(3) {
		r.open(id, wire.NameplatePath("7K2"))
		r.frame(id, wire.RelayFrame{Type: wire.RelayPair, Side: uint8(id % 2)})
	}
	r.want(0, "ok", "JOINED false", "PEER true")
	r.want(1, "ok", "JOINED true")
	r.want(2, "E_CROWDED", "close 4004")
	r.step(Closed{0})
	r.want(1, "PEER false", "close 1000")
	r.empty()
}
