package roster

import "testing"

func TestFamilies(t *testing.T) {
	store, phone, tablet, watch, other := dev(1), peer(5), peer(6), peer(7), peer(8)
	r := OpenNamespace(ns, store.IK)
	signFull(t, r, store, store)
	add(t, r, store, phone)
	apart := OpenNamespace(ns, store.IK)
	sync(t, r, apart)
	add(t, r, phone, tablet)
	add(t, r, tablet, watch)
	add(t, r, store, other)
	families := r.Families()
	for who, want := range map[*device]device{&phone: phone, &tablet: phone, &watch: phone, &other: other} {
		if families[who.IK] != want.IK {
			t.Errorf("%s is not of the family of %s", who.Name, want.Name)
		}
	}
	if _, ok := families[store.IK]; ok {
		t.Error("a full device is in a family")
	}
	add(t, apart, store, tablet)
	sync(t, apart, r)
	if families = r.Families(); families[tablet.IK] != tablet.IK {
		t.Error("whom a full device lets in, too, is of a peer's family")
	}
}
