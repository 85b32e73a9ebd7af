package native

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// from is a connection that comes from an address.
type from struct {
	net.Conn
	addr net.Addr
}

func (c from) RemoteAddr() net.Addr { return c.addr }

// inTown is inBubble with a server that sees connections come from where at says.
func inTown(t *testing.T, opt Options, test func(b *harness, at func(house byte))) {
	opt.PerAddress.Waiting, opt.PerAddress.NewPerMinute = 100, 10_000
	synctest.Test(t, func(t *testing.T) {
		p, house := newPipes(), byte(0)
		b := newHarness(t, opt, p, func() net.Conn {
			here, there := net.Pipe()
			p.conns <- from{there, &net.TCPAddr{IP: net.IPv4(192, 0, 2, house), Port: 1}}
			return here
		})
		defer func() {
			for _, unblock := range b.blocked {
				unblock()
			}
			b.stop()
			synctest.Wait()
			b.end()
		}()
		test(b, func(h byte) { house = h })
	})
}

// kept checks that both budgets are kept and that the sums are right.
func (b *harness) kept() {
	b.t.Helper()
	synctest.Wait()
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	all := 0
	for ip, a := range b.s.addresses {
		sum := 0
		for i, k := range a.holders {
			if sum += k.held; k.held <= 0 || k.place != i || k.held < k.bytes+k.read {
				b.t.Fatalf("a socket at place %d of %d holds %d: %d queued, %d read into", k.place, i, k.held, k.bytes, k.read)
			}
		}
		if sum != a.held || a.held > int(b.s.limits.AddressBytes) {
			b.t.Fatalf("%v holds %d, its sockets %d; %d is allowed", ip, a.held, sum, b.s.limits.AddressBytes)
		}
		all += sum
	}
	if all != b.s.held || all > int(b.s.limits.TotalBytes) {
		b.t.Fatalf("held are %d, by addresses %d; %d is allowed", b.s.held, all, b.s.limits.TotalBytes)
	}
}

// stuck is a pair of which one side takes nothing, while the other sends until it is held back.
func (b *harness) stuck(n byte) (sender *client) {
	x, y := b.couple(key(n))
	b.blocked = append(b.blocked, y.block())
	go func() {
		for range 40 {
			x.data(strings.Repeat("x", 60_000))
		}
	}()
	b.kept()
	return x
}

func (b *harness) ended(why relay.Reason) uint64 { return b.s.Stats().Ended[why] }

// TestBudget: what many receivers of one address leave untaken is bounded, for it and for all; its slowest are dropped for that, and
// nobody who takes what comes, there or elsewhere, notices.
func TestBudget(t *testing.T) {
	const mega = 1 << 20
	for _, c := range []struct {
		name           string
		total, address uint32
		stuck          []int // by house: so many pairs
		dropped        bool
	}{
		{"few of an address are held back, and that is enough", 16 * mega, 2 * mega, []int{8}, false},
		{"many of an address", 16 * mega, mega, []int{24}, true},
		{"many of many addresses", 2 * mega, mega, []int{3, 12, 12, 12}, true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			inTown(t, Options{Limits: relay.Limits{TotalBytes: c.total, AddressBytes: c.address}}, func(b *harness, at func(byte)) {
				at(100)
				x, y := b.couple(key(200))
				at(0)
				v, w := b.couple(key(201))
				n := byte(0)
				for house, pairs := range c.stuck {
					at(byte(house))
					for range pairs {
						b.stuck(n)
						n++
						for _, pair := range [][2]*client{{x, y}, {w, v}} {
							pair[0].data(fmt.Sprint("still here ", n))
							pair[1].want(fmt.Sprint("DATA still here ", n))
						}
					}
				}
				if n := b.ended(relay.OverBudget); n > 0 != c.dropped {
					t.Errorf("%d were dropped", n)
				}
			})
		})
	}
}

// TestFullestAddressPays: when the budget over all is exceeded, only who is at the address that holds most is dropped, whoever it was
// that exceeded it.
func TestFullestAddressPays(t *testing.T) {
	inTown(t, Options{Limits: relay.Limits{TotalBytes: 2 << 20}}, func(b *harness, at func(byte)) {
		for n := range byte(20) {
			at(1)
			b.stuck(n)
		}
		var few []*client
		for n := range byte(10) {
			at(2)
			few = append(few, b.stuck(100+n))
		}
		if b.ended(relay.OverBudget) == 0 {
			t.Error("nobody was dropped")
		}
		for _, x := range few {
			x.none() // no PEER: its receiver is there
		}
	})
}

// TestSlowest: who takes the longest for what it holds is the slowest.
func TestSlowest(t *testing.T) {
	type receiver struct{ held, took, ms int }
	for name, all := range map[string][]receiver{ // the first is the slowest
		"nothing taken, and all of it":   {{60_000, 0, 5_000}, {60_000, 60_000, 5_000}},
		"long, and just begun":           {{60_000, 0, 5_000}, {60_000, 0, 10}},
		"much, and little":               {{60_000, 0, 5_000}, {100, 0, 5_000}},
		"a trickle, and a stream":        {{60_000, 8_000, 8_000}, {600_000, 80_000_000, 8_000}},
		"little for long, much just now": {{2_000, 0, 9_000}, {60_000, 0, 10}},
	} {
		a, now := new(address), nowMillis()
		for _, r := range all {
			a.holders = append([]*socket{{holding: holding{held: r.held, took: r.took, since: now - uint64(r.ms)}}}, a.holders...)
		}
		if want := a.holders[len(a.holders)-1]; a.slowest() != want {
			t.Errorf("%s: %+v", name, a.slowest().holding)
		}
	}
}

// TestBegunFrames: frames that have begun and do not go on are bounded, too.
func TestBegunFrames(t *testing.T) {
	inTown(t, Options{Limits: relay.Limits{AddressBytes: 1 << 20}}, func(b *harness, at func(byte)) {
		at(100)
		x, y := b.couple(key(200))
		for n, head := range []string{
			"\x82\xfe\xea\x60\x00\x00\x00\x00\x00",         // 60,000 bytes, of which one comes
			"\x02\xfe\xea\x60\x00\x00\x00\x00\x00",         // a piece of a message
			"\x82\xfe",                                     // half a header
			"\x02\x81\x00\x00\x00\x00\x00\x80\xfe\x4e\x20", // a piece that has come and a second one's header
		} {
			at(byte(n))
			for i := range byte(40) {
				c := b.join(key(byte(n)*40+i), 0)
				c.want("JOINED false")
				io.WriteString(c.conn.NetConn(), head)
				b.kept()
			}
			x.data("still here")
			y.want("DATA still here")
		}
		if n := b.ended(relay.OverBudget); n < 2*20 {
			t.Errorf("%d were dropped", n)
		}
	})
}

// TestTricklingReceiverIsDropped: a receiver that takes a little now and then is slow when that is less than limits.SlowBytes in the time
// of limits.Slow; one that takes more is not, however much is queued for it.
func TestTricklingReceiverIsDropped(t *testing.T) {
	for _, c := range []struct {
		bytes int // a second
		slow  bool
	}{{1_000, true}, {4_000, false}} {
		t.Run(fmt.Sprint(c.bytes), func(t *testing.T) {
			inBubble(t, Options{Limits: relay.Limits{Dead: 600_000}}, func(b *harness) {
				x, _ := b.couple(key(1))
				y := b.raw(channelPath(key(1)))
				hello := make([]byte, 2+42+5*11)
				io.ReadFull(y, hello)
				f, err := wire.ParseRelay(hello[2:])
				if err != nil {
					t.Fatal(err)
				}
				join := wire.JoinFrame(key(1), host, f.Nonce, 1)
				io.WriteString(y, frame(0x82, string(wire.AppendRelay(nil, &join))))
				x.want("PEER true")
				go func() {
					for range 40 {
						x.data(strings.Repeat("x", 10_000))
					}
				}()
				start := time.Now()
				for time.Since(start) < time.Minute {
					time.Sleep(time.Second)
					if _, err := io.ReadFull(y, make([]byte, c.bytes)); err != nil {
						break
					}
				}
				synctest.Wait()
				if took := time.Since(start); b.ended(relay.Slow) == 1 != c.slow || c.slow && took > 21*time.Second {
					t.Errorf("slow: %d, after %v", b.ended(relay.Slow), took)
				}
				y.Close()
			})
		})
	}
}

// TestHoldingAddsUp: whatever happens, what is held is what is there, and within the budgets.
func TestHoldingAddsUp(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			limits := relay.Limits{TotalBytes: 1 << 20, AddressBytes: 400_000, QueueBytes: 150_000}
			inTown(t, Options{Limits: limits}, func(b *harness, at func(byte)) { doAnything(b, at, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func doAnything(b *harness, at func(byte), rng *rand.Rand) {
	var all []*client
	for range 150 {
		at(byte(rng.IntN(4)))
		c := func() *client { return all[rng.IntN(len(all))] }
		switch n := rng.IntN(8); {
		case n == 0 || len(all) == 0:
			all = append(all, b.join(key(byte(rng.IntN(12))), uint8(rng.IntN(2))))
		case n == 1:
			b.blocked = append(b.blocked, c().block())
		case n == 2 && len(b.blocked) > 0:
			b.blocked[0]()
			b.blocked = b.blocked[1:]
		case n == 3:
			go io.WriteString(c().conn.NetConn(), "\x82\xfe\xea\x60\x00\x00\x00\x00\x00")
		case n == 4:
			go c().conn.Close()
		case n == 5:
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
		default:
			to, body := c(), strings.Repeat("x", []int{10, 5_000, 20_000, 65_000}[rng.IntN(4)])
			go to.data(body)
		}
		b.kept()
	}
}
