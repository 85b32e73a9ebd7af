package peer

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/session"
)

// invent has a node add devices to a namespace's roster that there are not.
func (n *node) invent(count int) {
	dom := n.e.namespaces[0].peers
	for i := range count {
		_, ik, _ := ed25519.GenerateKey(rand.Reader)
		nk, _ := ecdh.X25519().GenerateKey(rand.Reader)
		m := roster.Member{
			IK: [32]byte(ik.Public().(ed25519.PublicKey)), NK: [32]byte(nk.PublicKey().Bytes()), Kind: roster.Embedded, Name: fmt.Sprint("x", i),
		}
		if _, err := dom.roster.SignAdd(n.e.self.ik, m, roster.Accept(ik, dom.roster.ID(), m)); err != nil {
			break
		}
	}
	dom.changed(nil)
	n.step(Tick{})
	n.m.run()
}

// An application peer that makes up devices does not decide how many sockets others open, nor which.
func TestInventedDevicesGetNoSockets(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	laptop, desktop := h.nodes[0], h.nodes[1]
	laptop.addApp(notes, "Notes")
	h.pair(laptop, desktop)
	phone := h.add("Phone", notes)
	h.pairFor(laptop, phone, forPhone)
	h.until("all know each other", func() bool { return len(phone.names()) == 2 })
	phone.invent(200)
	most := 0
	for range 12 {
		h.wait(60_000)
		most = max(most, len(laptop.conns), len(desktop.conns), len(phone.conns))
	}
	if most > placesMost {
		t.Errorf("%d sockets", most)
	}
	for _, d := range laptop.e.devices {
		if (d.name == "Desktop" || d.name == "Phone") != (d.repl != nil) {
			t.Errorf("%q: in session: %v", d.name, d.repl != nil)
		}
	}
	laptop.putIn(notes, "k", "1")
	h.until("a change", func() bool { return phone.get("k") == "1" && desktop.in(notes) == "k=1" })
	tablet := h.add("Tablet", notes)
	h.pairFor(laptop, tablet, forPhone)
	h.until("one that is paired", func() bool { return tablet.get("k") == "1" })
}

// Who may be met has a place at once, when there are more devices than places, too: a device whose data is being moved to the circle meets
// nobody until that is done, and an application that is not synced has no devices.
func TestPlacesOfThoseThatCameBack(t *testing.T) {
	h := newStores(t, "Laptop")
	laptop := h.nodes[0]
	laptop.addApp(notes, "Notes")
	phone := h.add("Phone", notes)
	h.pairFor(laptop, phone, forPhone)
	phone.invent(40)
	tablet := h.add("Tablet", notes)
	for i := range 4 * longTail { // more than is at hand
		tablet.put(fmt.Sprint("k", i%1000), fmt.Sprint(i))
	}
	tablet.crash()
	h.wait(5000)
	h.pairFor(laptop, tablet, forPhone)
	for _, on := range []bool{false, true} {
		laptop.must(Op{App: notes, Do: Prefer{On: on}})
		h.until(fmt.Sprint("on: ", on), func() bool { return (phone.to(laptop) != nil) == on })
	}
}

// Devices that are out keep nobody from meeting, however many they are, and hear in the end that they are out.
func TestDevicesThatAreOutGetPlacesLast(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	laptop, desktop := h.nodes[0], h.nodes[1]
	laptop.addApp(notes, "Notes")
	h.pair(laptop, desktop)
	phone := h.add("Phone", notes)
	h.pairFor(laptop, phone, forPhone)
	h.until("desktop knows the phone", func() bool { return slices.Equal(desktop.peerNames(notes), []string{"Phone"}) })
	phone.invent(200)
	h.wait(60_000)
	h.cutOff(phone, true)
	h.wait(120_000)
	laptop.must(Op{Do: Revoke{Device: phone.id()}})
	h.wait(600_000)
	tablet := h.add("Tablet", notes)
	h.pairFor(laptop, tablet, forPhone)
	h.wait(10_000)
	for _, n := range h.nodes {
		if n != phone && len(n.e.devices) <= 100 {
			t.Fatalf("%s has %d devices", n.name, len(n.e.devices))
		}
	}
	if desktop.to(tablet) == nil || tablet.to(desktop) == nil {
		t.Error("the desktop and the tablet have not met")
	}
	h.cutOff(phone, false)
	start := h.now
	for phone.status.Err != ERevoked && h.now < start+24*3600_000 {
		h.wait(60_000)
	}
	t.Logf("the phone hears of it after %d minutes", (h.now-start)/60_000)
	if phone.status.Err != ERevoked {
		t.Error("the phone has not heard that it is out")
	}
}

// However many members are heard, others have places too: two for members that are not, one for devices that are out.
func TestPlacesThatAreKept(t *testing.T) {
	c := newCrowd(t, 1, 10, 30, 9)
	others := c.of[0][1:]
	for _, want := range []struct{ heard, rest, out, getHeard, getRest, getOut int }{
		{20, 9, 9, 13, 2, 1},
		{20, 9, 0, 14, 2, 0},
		{20, 1, 9, 14, 1, 1},
		{20, 0, 9, 15, 0, 1},
		{3, 20, 9, 3, 12, 1},
		{3, 3, 9, 3, 3, 9},
		{30, 0, 0, 16, 0, 0},
	} {
		cl := claims{turn: 1, heard: others[:want.heard], rest: others[want.heard:][:want.rest], out: c.fake[0][:want.out]}
		heard, rest, out := 0, 0, 0
		for _, d := range cl.choose() {
			switch {
			case slices.Contains(cl.heard, d):
				heard++
			case slices.Contains(cl.rest, d):
				rest++
			default:
				out++
			}
		}
		if heard != want.getHeard || rest != want.getRest || out != want.getOut {
			t.Errorf("%+v: %d, %d and %d have places", want, heard, rest, out)
		}
	}
}

// More devices than places: all meet all the same, and everything comes to everybody.
func TestMoreDevicesThanPlaces(t *testing.T) {
	h := newStores(t, "Laptop")
	laptop := h.nodes[0]
	laptop.addApp(notes, "Notes")
	for i := range placesMost + 1 {
		h.pairFor(laptop, h.add(fmt.Sprint("Phone ", i), notes), forPhone)
	}
	met := func() bool {
		for _, n := range h.nodes {
			if len(n.conns) > placesMost {
				t.Fatalf("%s has %d sockets", n.name, len(n.conns))
			}
			if slices.ContainsFunc(n.e.devices, func(d *device) bool { return d.lastHeard == 0 }) || len(n.e.devices) < len(h.nodes)-1 {
				return false
			}
		}
		return true
	}
	start := h.now
	for !met() && h.now < start+24*3600_000 {
		h.wait(60_000)
	}
	t.Logf("all have met after %d minutes", (h.now-start)/60_000)
	if !met() {
		t.Fatal("not all have met in a day")
	}
	for i, n := range h.nodes[1:] {
		n.put(fmt.Sprint("k", i), "1")
	}
	h.wait(60_000)
	for i, n := range h.nodes[1:] {
		if n.all() != h.nodes[1].all() {
			t.Errorf("phone %d has not the same", i)
		}
	}
}

// crowd is devices that take turns with each other.
type crowd struct {
	of   [][]*device // what the i-th device has of the j-th; where they are the same, nil
	fake [][]*device // what it has of others that there are not
	met  [][]int     // in which turn the i-th and the j-th last met; 0: never
}

// newCrowd makes stores of a circle, application peers, and devices that these have made up.
func newCrowd(t *testing.T, seed byte, stores, peers, fakes int) *crowd {
	random := mathrand.NewChaCha8([32]byte{seed})
	keys := make([]*ecdh.PrivateKey, stores+peers+fakes)
	for i := range keys {
		b := make([]byte, 32)
		random.Read(b)
		keys[i], _ = ecdh.X25519().NewPrivateKey(b)
	}
	circle, guests := &domain{}, &domain{namespace: &namespace{}}
	c := &crowd{}
	for i := range stores + peers {
		all := make([]*device, len(keys))
		for j := range keys {
			if j == i {
				continue
			}
			dom := guests
			if max(i, j) < stores {
				dom = circle
			}
			pair, err := session.NewPair(session.Keys{Self: keys[i], Peer: [32]byte(keys[j].PublicKey().Bytes())})
			if err != nil {
				t.Fatal(err)
			}
			all[j] = &device{pair: pair, domain: dom, family: [32]byte{byte(min(j, stores+peers))}}
		}
		c.of, c.fake = append(c.of, all[:stores+peers]), append(c.fake, all[stores+peers:])
		c.met = append(c.met, make([]int, stores+peers))
	}
	return c
}

// turn has all take their turn, and returns the longest for which a pair has not met. Those that there are not may be heard: somebody
// has their keys.
func (c *crowd) turn(n int, live bool) (longest int) {
	var chosen [][]*device
	for i := range c.of {
		cl := claims{turn: uint64(n)}
		if live {
			cl.heard = slices.Clone(c.fake[i])
		} else {
			cl.rest = slices.Clone(c.fake[i])
		}
		for j, d := range c.of[i] {
			switch {
			case d == nil:
			case c.met[i][j] > 0 && n-c.met[i][j] < heardFor/turnMillis:
				cl.heard = append(cl.heard, d)
			default:
				cl.rest = append(cl.rest, d)
			}
		}
		chosen = append(chosen, cl.choose())
	}
	for i := range c.of {
		for j, d := range c.of[i] {
			if d == nil {
				continue
			}
			if slices.Contains(chosen[i], d) && slices.Contains(chosen[j], c.of[j][i]) {
				c.met[i][j] = n
			}
			longest = max(longest, n-c.met[i][j])
		}
	}
	return longest
}

// Every pair meets, again and again, however many others there are. Where all have places for each other, they never part.
func TestEveryPairMeets(t *testing.T) {
	for name, c := range map[string]struct {
		stores, peers, fakes int
		live                 bool
		within               int // turns
	}{
		"a few":                              {3, 10, 0, false, 0},
		"many stores":                        {20, 0, 0, false, 36},
		"many peers":                         {2, 20, 0, false, 36},
		"both":                               {10, 12, 0, false, 72},
		"a few, and many that there are not": {3, 4, 100, false, 0},
		"many, and many that there are not":  {8, 8, 40, false, 72},
		"a few, and many that are heard":     {3, 4, 100, true, 6},
	} {
		w := newCrowd(t, 1, c.stores, c.peers, c.fakes)
		longest := 0
		for n := range 144 { // a day
			longest = max(longest, w.turn(1+n, c.live))
		}
		if t.Logf("%s: apart for %d turns at most", name, longest); longest > c.within {
			t.Errorf("%s: apart for %d turns", name, longest)
		}
	}
}
