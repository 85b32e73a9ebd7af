package replica

import (
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// withGap has two full devices with the same vector of which one lacks a record that it covers. The phone, an application peer, wrote "phone" over
// "old", and it alone brought the second device what the third wrote over that: by hearsay.
func withGap(t *testing.T) (first, second, third, phone *harness) {
	first, second, third, phone = newHarness(t, 1, true), newHarness(t, 2, true), newHarness(t, 3, true), newHarness(t, 4, true)
	phone.guest = true
	first.put(1, "k", "old")
	third.put(1, "t", "third")
	sync(first, second)
	sync(first, third)
	sync(first, phone)
	phone.put(2, "k", "phone")
	phone.give(first, 1)
	phone.give(third, 1)
	third.put(3, "k", "third")
	third.give(phone, 1)
	phone.put(4, "x", "phone")
	phone.give(first, 2)
	phone.give(second, 1)
	sync(first, second)
	if !first.Vector().Same(second.Vector()) || first.all() != second.all() || first.get("k") != "third" {
		t.Fatalf("%v with %q\n%v with %q", first.Vector(), first.all(), second.Vector(), second.all())
	}
	return first, second, third, phone
}

// What hearsay has replaced on the device that brings it does not come from there. Until the hearsay is confirmed, replaced or denied, there is no
// sum: it would be another one than that of a device with the same vector that had the record before.
func TestNoSumWhileHearsayLeavesAGap(t *testing.T) {
	for _, c := range []struct {
		name        string
		then        func(first, second, third *harness)
		known, same bool
	}{
		{"nobody says more", func(_, _, _ *harness) {}, false, false},
		{"others say more", func(first, second, _ *harness) {
			first.put(9, "y", "1")
			sync(first, second)
			second.put(9, "z", "1")
			sync(first, second)
		}, false, false},
		{"confirmed", func(first, second, third *harness) { third.give(first, 3); third.give(second, 3) }, true, true},
		{"confirmed by a full device", func(first, second, third *harness) { third.give(first, 3); first.give(second, 3) }, true, true},
		{"written over", func(first, second, _ *harness) { second.put(9, "k", "new"); sync(first, second) }, true, true},
		{"deleted", func(first, second, _ *harness) { second.del(9, "k"); sync(first, second) }, true, true},
		{"denied", func(first, second, third *harness) {
			for _, g := range []*harness{first, second} {
				less := wire.Vector{{Writer: third.writer.id, Tails: []wire.Tail{{Seq: third.Vector().Of(third.writer.id).Last() - 1}}}}
				g.do(func() error { _, _, err := g.Join(less, third.source(3, true)); return err })
			}
		}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, second, third, _ := withGap(t)
			c.then(first, second, third)
			for _, when := range []string{"in memory", "opened again", "after a checkpoint", "after a checkpoint and opened again"} {
				first.commit()
				second.commit()
				a, b := first.DurableSum(), second.DurableSum()
				switch {
				case a == nil:
					t.Fatalf("%s: the first has no sum", when)
				case (b != nil) != c.known, b != nil && (*a == *b) != c.same:
					t.Errorf("%s: %x and %x, of %q and %q", when, a, b, first.all(), second.all())
				}
				if when == "opened again" {
					second.save()
				} else {
					second.reopen()
				}
			}
		})
	}
}

// Who gets all of it from a device with a gap has one, too, and who gets it from one without has none.
func TestGapIsPassedOn(t *testing.T) {
	for i, want := range []bool{true, false} {
		first, second, _, _ := withGap(t)
		fourth := newHarness(t, 5, true)
		[]*harness{first, second}[i].give(fourth, 1)
		fourth.commit()
		if fourth.get("k") != "third" || (fourth.DurableSum() != nil) != want {
			t.Errorf("%d: the sum of %q is %x", i, fourth.all(), fourth.DurableSum())
		}
	}
}

// A fresh copy of a device without a gap has none.
func TestFreshCopyMendsAGap(t *testing.T) {
	first, second, _, _ := withGap(t)
	c := second.copying()
	c.take(first)
	c.over()
	c.harness.commit()
	if a, b := first.DurableSum(), second.DurableSum(); a == nil || b == nil || *a != *b {
		t.Errorf("%x and %x, of %q and %q", a, b, first.all(), second.all())
	}
}

// A dropped namespace has no gap.
func TestDroppedGap(t *testing.T) {
	first, second, _, _ := withGap(t)
	second.do(func() error { _, err := second.Drop(); return err })
	second.save()
	second.reopen()
	first.give(second, 1)
	second.commit()
	if a, b := first.DurableSum(), second.DurableSum(); a == nil || b == nil || *a != *b {
		t.Errorf("%x and %x, of %q and %q", a, b, first.all(), second.all())
	}
}
