package roster

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

const relayA, relayB = "wss://a.example", "wss://b.example:8443/masq"

type device struct {
	ik ed25519.PrivateKey
	Member
}

// dev makes the n-th device, always the same one.
func dev(n int) device {
	seed := make([]byte, 32)
	seed[0], seed[1] = byte(n), byte(n>>8)
	ik := ed25519.NewKeyFromSeed(seed)
	d := device{ik: ik, Member: Member{Kind: Store, Name: fmt.Sprintf("Device %d", n)}}
	copy(d.IK[:], ik.Public().(ed25519.PublicKey))
	d.NK = [32]byte{31: byte(n), 30: byte(n >> 8), 29: 1}
	return d
}

func circle(t testing.TB, d device, relays ...string) *Roster {
	t.Helper()
	r, err := New(d.ik, [32]byte{1, 2, 3}, d.Member, relays)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func add(t testing.TB, r *Roster, by, who device) []byte {
	t.Helper()
	raw, err := r.SignAdd(by.ik, who.Member, Accept(who.ik, r.ID(), who.Member))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func load(t testing.TB, b []byte) *Roster {
	t.Helper()
	r, err := Load(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(r *Roster) string {
	var out []string
	for _, m := range r.Members() {
		out = append(out, m.Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func sync(t testing.TB, from, to *Roster) {
	t.Helper()
	for _, e := range from.Behind(to.Heads()) {
		if err := to.Add(e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewCircle(t *testing.T) {
	d := dev(1)
	r := circle(t, d, relayA, relayB)
	m, ok := r.Member(d.IK)
	d.Member.Entry = r.ID()
	if !ok || m != d.Member || r.Len() != 2 || len(r.Heads()) != 1 || r.Root() != [32]byte{1, 2, 3} {
		t.Errorf("got %+v, %d entries, heads %x", m, r.Len(), r.Heads())
	}
	if got := r.Relays(); !slices.Equal(got, []string{relayA, relayB}) {
		t.Errorf("relays %q", got)
	}
	if r := circle(t, d); r.Len() != 1 || r.Relays() != nil {
		t.Error("a circle without relays has more than its genesis")
	}
	if _, ok := r.Member(dev(2).IK); ok {
		t.Error("a stranger is a member")
	}
}

func TestNewRefuses(t *testing.T) {
	d := dev(1)
	for name, c := range map[string]struct {
		change func(m *Member)
		relays []string
		want   error
	}{
		"another's ik":   {func(m *Member) { m.IK = dev(2).IK }, nil, ErrEntry},
		"no name":        {func(m *Member) { m.Name = "" }, nil, ErrEntry},
		"kind 0":         {func(m *Member) { m.Kind = 0 }, nil, ErrVersion},
		"nine relays":    {func(*Member) {}, slices.Repeat([]string{relayA}, 9), ErrEntry},
		"no relay's URL": {func(*Member) {}, []string{"https://a.example"}, ErrEntry},
	} {
		m := d.Member
		c.change(&m)
		if _, err := New(d.ik, [32]byte{}, m, c.relays); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Three devices add and change things apart, and say the same once they have the same entries.
func TestConverges(t *testing.T) {
	a, b, c, d := dev(1), dev(2), dev(3), dev(4)
	ra := circle(t, a, relayA)
	add(t, ra, a, b)
	rb := load(t, ra.Encode())
	add(t, ra, a, c)
	add(t, rb, b, d)
	if _, err := ra.SignRelays(a.ik, []string{relayB}); err != nil {
		t.Fatal(err)
	}
	if _, err := rb.SignRelays(b.ik, []string{relayA, relayB}); err != nil {
		t.Fatal(err)
	}
	rc, err := Open(ra.Genesis())
	if err != nil {
		t.Fatal(err)
	}
	sync(t, ra, rb)
	sync(t, rb, ra)
	sync(t, rb, rc)
	sync(t, ra, rc)
	for name, r := range map[string]*Roster{"b": rb, "c": rc, "loaded": load(t, rc.Encode())} {
		if names(r) != "Device 1, Device 2, Device 3, Device 4" || !slices.Equal(r.Members(), ra.Members()) {
			t.Errorf("%s: members %s", name, names(r))
		}
		if !slices.Equal(r.Heads(), ra.Heads()) || !slices.Equal(r.Relays(), ra.Relays()) {
			t.Errorf("%s: heads or relays differ", name)
		}
		if len(r.Behind(ra.Heads())) != 0 || len(ra.Behind(nil)) != r.Len() {
			t.Errorf("%s: behind is wrong", name)
		}
	}
	if len(ra.Heads()) != 3 { // three RELAYS, which nothing stands behind
		t.Errorf("%d heads, want 3", len(ra.Heads()))
	}
	revoke(t, ra, a, b)
	if len(ra.Heads()) != 3 || len(ra.Notice(b.IK, nil)) != 6 {
		t.Error("a REVOKE does not stand behind the RELAYS that hold and what its target signed")
	}
	if len(ra.Behind([]ID{{9}, rb.Heads()[0]})) == ra.Len() {
		t.Error("an unknown head hides a known one")
	}
}

type addCase struct {
	raw  []byte
	want error
}

// addCases are entries for the roster base.
func addCases(t testing.TB) (base *Roster, cases map[string]addCase) {
	a, b, c := dev(1), dev(2), dev(3)
	base = circle(t, a)
	head := base.Heads()
	addBody := func(prev []ID, m Member, acceptance [64]byte) []byte {
		return append(appendMember(appendPrev(nil, prev), &m), acceptance[:]...)
	}
	good := addBody(head, b.Member, Accept(b.ik, base.ID(), b.Member))
	relays := func(urls ...string) []byte {
		body := append(wire.AppendU32(appendPrev(nil, head), 7), byte(len(urls)))
		for _, u := range urls {
			body = wire.AppendLV(body, []byte(u))
		}
		return body
	}
	changed := func(f func(m *Member)) []byte {
		m := b.Member
		f(&m)
		return addBody(head, m, Accept(b.ik, base.ID(), m))
	}
	other := circle(t, c)
	flipped := sign(a.ik, base.ID(), typeAdd, good)
	flipped[len(flipped)-1] ^= 1
	return base, map[string]addCase{
		"good":                     {sign(a.ik, base.ID(), typeAdd, good), nil},
		"good relays":              {sign(a.ik, base.ID(), typeRelays, relays(relayA)), nil},
		"no relays":                {sign(a.ik, base.ID(), typeRelays, relays()), nil},
		"nothing":                  {nil, ErrEntry},
		"bit flipped":              {flipped, ErrEntry},
		"cut":                      {flipped[:len(flipped)-1], ErrEntry},
		"one byte more":            {append(sign(a.ik, base.ID(), typeAdd, good), 0), ErrEntry},
		"left over in the body":    {sign(a.ik, base.ID(), typeAdd, append(bytes.Clone(good), 0)), ErrEntry},
		"signed by a stranger":     {sign(b.ik, base.ID(), typeAdd, good), ErrEntry},
		"signed for another":       {sign(a.ik, other.ID(), typeAdd, good), ErrEntry},
		"another genesis":          {other.Genesis(), ErrCircle},
		"unknown prev":             {sign(a.ik, base.ID(), typeAdd, addBody([]ID{{1}}, b.Member, [64]byte{})), ErrMissing},
		"no prev":                  {sign(a.ik, base.ID(), typeAdd, addBody(nil, b.Member, [64]byte{})), ErrEntry},
		"prev twice":               {sign(a.ik, base.ID(), typeAdd, addBody([]ID{head[0], head[0]}, b.Member, [64]byte{})), ErrEntry},
		"17 prev":                  {sign(a.ik, base.ID(), typeAdd, addBody(make([]ID, 17), b.Member, [64]byte{})), ErrEntry},
		"not accepted":             {sign(a.ik, base.ID(), typeAdd, addBody(head, b.Member, [64]byte{})), ErrEntry},
		"accepted elsewhere":       {sign(a.ik, base.ID(), typeAdd, addBody(head, b.Member, Accept(b.ik, other.ID(), b.Member))), ErrEntry},
		"accepted by another":      {sign(a.ik, base.ID(), typeAdd, addBody(head, b.Member, Accept(a.ik, base.ID(), b.Member))), ErrEntry},
		"ik of a member":           {sign(a.ik, base.ID(), typeAdd, addBody(head, a.Member, Accept(a.ik, base.ID(), a.Member))), ErrEntry},
		"nk of a member":           {sign(a.ik, base.ID(), typeAdd, changed(func(m *Member) { m.NK = a.NK })), ErrEntry},
		"bidi name":                {sign(a.ik, base.ID(), typeAdd, changed(func(m *Member) { m.Name = "a\u202eb" })), ErrEntry},
		"kind 3":                   {sign(a.ik, base.ID(), typeAdd, changed(func(m *Member) { m.Kind = 3 })), ErrVersion},
		"relays: not a URL":        {sign(a.ik, base.ID(), typeRelays, relays("x")), ErrEntry},
		"relays: nine":             {sign(a.ik, base.ID(), typeRelays, relays(slices.Repeat([]string{relayA}, 9)...)), ErrEntry},
		"a NOTE":                   {sign(a.ik, base.ID(), typeNote, append(appendPrev(nil, head), make([]byte, 256)...)), nil},
		"a NOTE that is too long":  {sign(a.ik, base.ID(), typeNote, append(appendPrev(nil, head), make([]byte, 257)...)), ErrEntry},
		"a stranger's NOTE":        {sign(b.ik, base.ID(), typeNote, appendPrev(nil, head)), ErrEntry},
		"unknown type":             {sign(a.ik, base.ID(), 9, []byte("what is to come")), ErrVersion},
		"unknown type, stranger":   {sign(b.ik, base.ID(), 9, nil), ErrEntry},
		"unknown type, not signed": {append(wire.AppendLV([]byte{9}, nil), make([]byte, 96)...), ErrEntry},
		"too long":                 {sign(a.ik, base.ID(), 9, make([]byte, wire.MaxRosterEntry)), ErrEntry},
		"genesis too long":         {sign(a.ik, ID{}, typeGenesis, make([]byte, 1000)), ErrEntry},
	}
}

func TestAddRefuses(t *testing.T) {
	base, cases := addCases(t)
	for name, c := range cases {
		r := load(t, base.Encode())
		if err := r.Add(c.raw); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if want := 1; c.want != nil && (r.Len() != want || names(r) != "Device 1") {
			t.Errorf("%s: refused, and yet %d entries", name, r.Len())
		}
		if err := r.Add(c.raw); err != c.want {
			t.Errorf("%s, again: %v, want %v", name, err, c.want)
		}
	}
}

// A signer that is a member only elsewhere in the set does not make an entry count, else the order would.
func TestSignerBehindTheEntry(t *testing.T) {
	a, b, c := dev(1), dev(2), dev(3)
	r := circle(t, a)
	genesis := r.Heads()
	add(t, r, a, b)
	acc := Accept(c.ik, r.ID(), c.Member)
	body := append(appendMember(appendPrev(nil, genesis), &c.Member), acc[:]...)
	if err := r.Add(sign(b.ik, r.ID(), typeAdd, body)); err != ErrEntry {
		t.Errorf("got %v", err)
	}
	add(t, r, b, c)
	if names(r) != "Device 1, Device 2, Device 3" {
		t.Error(names(r))
	}
}

// Two members add the same device at once, or two devices with the same nk: the set holds both, every device counts the
// same one, and what the other one signs goes on to count.
func TestTwoAddsAtOnce(t *testing.T) {
	a, b, c, d := dev(1), dev(2), dev(3), dev(4)
	d.NK = c.NK
	for name, second := range map[string]device{"same device": c, "same nk": d} {
		ra := circle(t, a)
		add(t, ra, a, b)
		rb := load(t, ra.Encode())
		add(t, ra, a, c)
		second.Name = "Second"
		add(t, rb, b, second)
		sync(t, ra, rb)
		sync(t, rb, ra)
		if len(ra.Members()) != 3 || !slices.Equal(ra.Members(), rb.Members()) || ra.Len() != 4 {
			t.Errorf("%s: %s against %s", name, names(ra), names(rb))
		}
		add(t, ra, c, dev(5))
		sync(t, ra, rb)
		if len(rb.Members()) != 4 {
			t.Errorf("%s: %s", name, names(rb))
		}
	}
}

func TestRelaysHighestHolds(t *testing.T) {
	a, b := dev(1), dev(2)
	ra := circle(t, a, relayA)
	add(t, ra, a, b)
	rb := load(t, ra.Encode())
	for range 2 {
		if _, err := rb.SignRelays(b.ik, []string{relayB}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ra.SignRelays(a.ik, nil); err != nil {
		t.Fatal(err)
	}
	sync(t, rb, ra)
	sync(t, ra, rb)
	for _, r := range []*Roster{ra, rb} {
		if !slices.Equal(r.Relays(), []string{relayB}) {
			t.Errorf("%q hold", r.Relays())
		}
	}
}

// A roster that was full before there were places is read whole, and goes on.
func TestFull(t *testing.T) {
	a, b := dev(1), dev(2)
	r := circle(t, a)
	add(t, r, a, b)
	own := r.Heads()
	for i := range wire.MaxRoster - 10 { // heads, all of the same past
		body := append(wire.AppendU32(appendPrev(nil, own), uint32(i+1)), 0)
		if err := r.Add(sign(a.ik, r.ID(), typeRelays, body)); err != nil {
			t.Fatal(err)
		}
	}
	for n := 3; r.Len() < wire.MaxRoster; n++ {
		add(t, r, b, dev(n))
	}
	full := load(t, r.Encode())
	if full.Len() != wire.MaxRoster || !slices.Equal(full.Members(), r.Members()) || len(full.Members()) != 10 || full.Encode()[0] != format {
		t.Error(full.Len(), names(full))
	}
	add(t, full, a, dev(99))
	revoke(t, full, b, a)
	if len(full.Members()) != 10 || full.Len() > wire.MaxRoster+1 {
		t.Error(full.Len(), names(full))
	}
}

func TestLoadRefuses(t *testing.T) {
	a := dev(1)
	r := circle(t, a, relayA)
	good := r.Encode()
	entries := r.Behind(nil)
	with := func(list ...[]byte) []byte {
		b := wire.AppendU16([]byte{1}, uint16(len(list)))
		for _, e := range list {
			b = wire.AppendLV(b, e)
		}
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":         {nil, ErrEntry},
		"none":            {with(), ErrEntry},
		"a newer format":  {append([]byte{2}, good[1:]...), ErrVersion},
		"cut":             {good[:len(good)-1], ErrEntry},
		"left over":       {append(bytes.Clone(good), 0), ErrEntry},
		"no genesis":      {with(entries[1]), ErrEntry},
		"other order":     {with(entries[1], entries[0]), ErrEntry},
		"genesis twice":   {with(entries[0], entries[0]), ErrEntry},
		"relays twice":    {with(entries[0], entries[1], entries[1]), ErrEntry},
		"of a newer Masq": {with(entries[0], sign(a.ik, r.ID(), 9, nil)), ErrVersion},
	} {
		if _, err := Load(c.b); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

type nameCase struct {
	name  string
	valid bool
	clean string
}

func deviceNames() []nameCase {
	return []nameCase{
		{"Anna's laptop", true, "Anna's laptop"},
		{"手机 📱", true, "手机 📱"},
		{"", false, "Device"},
		{strings.Repeat("é", 40), true, strings.Repeat("é", 40)},
		{strings.Repeat("é", 41), false, strings.Repeat("é", 40)},
		{"a\nb", false, "a b"},
		{"a\x00b\x7f", false, "a b"},
		{"evil\u202egnp.exe", false, "evilgnp.exe"},
		{"\u2066\u200f\u061c", false, "Device"},
		{"bad\xff\xfeutf8", false, "badutf8"},
		{"\t  two   spaces \r\n", false, "two spaces"},
		{"\u0085", false, "Device"},
		{"\u200b", false, "Device"}, // nothing to be seen
		{"\u3164", false, "Device"},
		{"\u2060\u2060", false, "Device"},
		{"\u00ad", false, "Device"},
		{"\ufeff", false, "Device"},
		{"\u034f\ufe0f", false, "Device"},
		{"\u2800", false, "Device"},
		{"\u115f\u1160\uffa0", false, "Device"},
		{"\U000e0061", false, "Device"},
		{"\u2003", false, "Device"},
		{"\u0301\u0302", false, "Device"}, // only marks
		{"e\u0301", true, "e\u0301"},
		{"Laptop\u200b", false, "Laptop"}, // the same to the eye
		{"Lap\u00adtop", false, "Laptop"},
		{"Lap\u200dtop", false, "Laptop"},
		{"Laptop\ufe0f", false, "Laptop"},
		{"two\u2028lines", false, "two lines"},
		{"👩\u200d💻", true, "👩\u200d💻"}, // where they show
		{"❤\ufe0f\u200d🔥", true, "❤\ufe0f\u200d🔥"},
		{"می\u200cخواهم", true, "می\u200cخواهم"},
		{"क्\u200dष", true, "क्\u200dष"},
		{"👩\u200d\u200d💻", false, "👩\u200d💻"},
	}
}

func TestNames(t *testing.T) {
	for _, c := range deviceNames() {
		if got := ValidName(c.name); got != c.valid {
			t.Errorf("ValidName(%q) = %v", c.name, got)
		}
		if got := CleanName(c.name); got != c.clean || !ValidName(got) {
			t.Errorf("CleanName(%q) = %q, want %q", c.name, got, c.clean)
		}
	}
}

type urlCase struct {
	url         string
	valid, safe bool
}

func relayURLs() []urlCase {
	return []urlCase{
		{"wss://relay.example.org", true, true},
		{"wss://relay.example.org:8443/a/b-c", true, true},
		{"ws://192.168.1.2:8080", true, false},
		{"ws://localhost:6278", true, true},
		{"ws://dev.localhost", true, true},
		{"ws://127.0.0.1:1", true, true},
		{"ws://127.255.2.3", true, true},
		{"ws://[::1]:9", true, true},
		{"wss://[2001:db8::1]", true, true},
		{"ws://127.0.0.1.evil.example", true, false},
		{"ws://localhost.evil.example", true, false},
		{"ws://notlocalhost", true, false},
		{"ws://127.0.0.256", true, false},
		{"ws://127.0.1", true, false},
		{"wss://a.example/", false, false},
		{"wss://a.example/x/", false, false},
		{"wss://a.example/../x", false, false},
		{"wss://a.example/%2e%2e", false, false},
		{"wss://a.example//x", true, true},
		{"wss://a.example?x", false, false},
		{"wss://a.example#x", false, false},
		{"wss://u@a.example", false, false},
		{"wss://A.example", false, false},
		{"WSS://a.example", false, false},
		{"wss://a.example:443", false, false},
		{"ws://a.example:80", false, false},
		{"wss://a.example:0443", false, false},
		{"wss://a.example:", false, false},
		{"wss://a.example:65536", false, false},
		{"wss://a.example:x", false, false},
		{"wss://", false, false},
		{"wss:a.example", false, false},
		{"https://a.example", false, false},
		{"", false, false},
		{"wss://[::1", false, false},
		{"wss://[zz]", false, false},
		{"wss://a b", false, false},
		{"wss://a.example/\u00e9", false, false},
		{"wss://" + strings.Repeat("a", MaxRelayURL), false, false},
	}
}

func TestRelayURLs(t *testing.T) {
	for _, c := range relayURLs() {
		if got := ValidRelay(c.url); got != c.valid {
			t.Errorf("ValidRelay(%q) = %v", c.url, got)
		}
		if got := SafeRelay(c.url); got != c.safe {
			t.Errorf("SafeRelay(%q) = %v", c.url, got)
		}
	}
}

func FuzzEntry(f *testing.F) {
	a, b := dev(1), dev(2)
	r := circle(f, a, relayA)
	add(f, r, a, b)
	for _, e := range r.Behind(nil) {
		f.Add(e)
	}
	f.Add(sign(a.ik, r.ID(), 9, []byte("?")))
	had := r.Len()
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := parse(raw); err == nil && (e.typ == typeGenesis || e.typ == typeAdd) && !signedName(e.member.Name) {
			t.Fatal("a bad name was taken")
		}
		_, _ = Open(raw)
		_ = r.Add(raw)
		if r.Len() != had {
			t.Fatal("an entry was forged")
		}
	})
}

func FuzzLoad(f *testing.F) {
	a, b := dev(1), dev(2)
	r := circle(f, a, relayA)
	f.Add(r.Encode())
	add(f, r, a, b)
	f.Add(r.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Load(b); err == nil && !bytes.Equal(r.Encode(), b) {
			t.Fatal("not the one form")
		}
	})
}

func FuzzCleanName(f *testing.F) {
	f.Add("a\u202e b\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if c := CleanName(s); !ValidName(c) || CleanName(c) != c {
			t.Fatalf("%q", c)
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	a := dev(1)
	r := circle(b, a, relayA)
	for n := range 4 {
		add(b, r, a, dev(n+2))
	}
	enc := r.Encode()
	for b.Loop() {
		load(b, enc)
	}
}
