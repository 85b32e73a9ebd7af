package roster

import "testing"

func TestFamily(t *testing.T) {
	store, phone, tablet, watch, other, stranger := dev(1), peer(5), peer(6), peer(7), peer(8), peer(9)
	r := OpenNamespace(ns, store.IK)
	signFull(t, r, store, store)
	add(t, r, store, phone)
	apart := OpenNamespace(ns, store.IK)
	sync(t, r, apart)
	add(t, r, phone, tablet)
	add(t, r, tablet, watch)
	add(t, r, store, other)
	for who, want := range map[*device]device{&phone: phone, &tablet: phone, &watch: phone, &other: other, &store: store, &stranger: stranger} {
		if r.Family(who.IK) != want.IK {
			t.Errorf("%s is not of the family of %s", who.Name, want.Name)
		}
	}
	add(t, apart, store, tablet)
	sync(t, apart, r)
	if r.Family(tablet.IK) != tablet.IK || r.Family(watch.IK) != tablet.IK {
		t.Error("whom a full device lets in, too, is of a peer's family")
	}
	revoke(t, r, store, phone)
	revoke(t, r, store, tablet)
	if r.Has(watch.IK) || r.Family(watch.IK) != tablet.IK || r.Family(phone.IK) != phone.IK {
		t.Error("who falls with a peer is of no family")
	}
}
