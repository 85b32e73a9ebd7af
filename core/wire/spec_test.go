package wire

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/testdata/vectors"
)

var outcomes = map[error]string{ErrMalformed: "malformed"}

func TestVectors(t *testing.T) {
	vectors.Check(t, "relay.json", "Frames between a device and the Sync Server, JOIN's signature, paths", relayVectors())
	vectors.Check(t, "messages.json", "Messages inside a session", messageVectors(t))
	vectors.Check(t, "records.json", "Records, their keys and contexts", recordVectors())
	vectors.Check(t, "version-vectors.json", "Version vectors: their bytes, what they cover, join and meet", versionVectors())
}

func relayVectors() []vectors.Vector {
	var out []vectors.Vector
	frame := func(name string, b []byte) {
		f, err := ParseRelay(b)
		v := vectors.Vector{Name: name, Rule: "R3.5", Op: "relay.frame", In: vectors.Fields{"frame": vectors.Hex(b)}, Outcome: vectors.Outcome(err, outcomes)}
		if err == nil {
			v.Out = frameFields(&f)
		}
		out = append(out, v)
	}
	for i, f := range relayFrames() {
		b := AppendRelay(nil, &f)
		frame(fmt.Sprintf("frame %d, type %d", i, f.Type), b)
		if f.Type != RelayData {
			frame(fmt.Sprintf("frame %d, a byte left over", i), append(bytes.Clone(b), 0))
			frame(fmt.Sprintf("frame %d, a byte too few", i), b[:len(b)-1])
		}
	}
	refused := malformedFrames()
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		frame(name, refused[name])
	}
	frame("HELLO of another version", append([]byte{byte(RelayHello), 2}, "whatever"...))
	out = append(out, joinVectors()...)
	return append(append(out, pathVectors()...), hostVectors()...)
}

// frameFields are what a frame of its type has.
func frameFields(f *RelayFrame) vectors.Fields {
	m := vectors.Fields{"type": f.Type}
	switch f.Type {
	case RelayData:
		m["body"] = vectors.Hex(f.Body)
	case RelayHello:
		if m["version"] = f.Version; f.Version != RelayVersion {
			break
		}
		limits := []vectors.Fields{}
		for _, l := range f.Limits {
			limits = append(limits, vectors.Fields{"id": l.ID, "value": l.Value})
		}
		m["nonce"], m["time"], m["limits"] = vectors.Hex(f.Nonce[:]), vectors.U64(f.Time), limits
	case RelayJoin:
		m["side"], m["sig"] = f.Side, vectors.Hex(f.Sig[:])
	case RelayJoined, RelayPeer:
		m["present"] = f.Present
	case RelayErr:
		m["code"] = f.Code
	case RelayRestarting:
		m["reconnect_in"], m["try_for"] = f.ReconnectIn, f.TryFor
	case RelayPair:
		m["side"] = f.Side
	}
	return m
}

func joinVectors() []vectors.Vector {
	seed := bytes.Repeat([]byte{7}, 32)
	key := ed25519.NewKeyFromSeed(seed)
	channel := [32]byte(key.Public().(ed25519.PublicKey))
	nonce := [32]byte{1, 31: 2}
	var out []vectors.Vector
	for _, c := range []struct {
		host string
		side uint8
	}{{"sync.example.org", 0}, {"sync.example.org", 1}, {"localhost:6280", 0}, {"[::1]:6280", 1}} {
		sig := SignJoin(key, c.host, nonce, c.side)
		out = append(out, vectors.Vector{
			Name: fmt.Sprintf("JOIN at %s, side %d", c.host, c.side), Rule: "R3.7", Op: "relay.join", Outcome: vectors.OK,
			In:  vectors.Fields{"seed": vectors.Hex(seed), "host": c.host, "nonce": vectors.Hex(nonce[:]), "side": c.side},
			Out: vectors.Fields{"chan": vectors.Hex(channel[:]), "signed": vectors.Hex(JoinMessage(c.host, nonce, channel, c.side)), "sig": vectors.Hex(sig[:])},
		})
	}
	const host = "sync.example.org:8443"
	good := SignJoin(key, host, nonce, 1)
	check := func(name, host string, nonce, channel [32]byte, side uint8) {
		outcome := "auth"
		if VerifyJoin(channel, host, nonce, side, good[:]) {
			outcome = vectors.OK
		}
		out = append(out, vectors.Vector{
			Name: name, Rule: "R3.7", Op: "relay.join-check", Outcome: outcome, In: vectors.Fields{
				"chan": vectors.Hex(channel[:]), "host": host, "nonce": vectors.Hex(nonce[:]), "side": side, "sig": vectors.Hex(good[:]),
			},
		})
	}
	check("JOIN that holds", host, nonce, channel, 1)
	check("JOIN for another host", "sync.example.com:8443", nonce, channel, 1)
	check("JOIN for the host without its port", "sync.example.org", nonce, channel, 1)
	check("JOIN for another nonce", host, [32]byte{2}, channel, 1)
	check("JOIN for another channel", host, nonce, [32]byte{3}, 1)
	check("JOIN for the other side", host, nonce, channel, 0)
	return out
}

func pathVectors() []vectors.Vector {
	var out []vectors.Vector
	kinds := map[RelayKind]string{ChannelKind: "channel", PairKind: "mailbox", NameplateKind: "nameplate"}
	channel, mailbox := ChannelPath([32]byte{0: 0xff, 31: 1}), PairPath([16]byte{15: 2})
	for _, p := range append([]string{channel, "/sync" + channel, mailbox, "/a/v1/b" + mailbox, "/v1/pair/7K2", "/v1/pair/00000000"}, badPaths()...) {
		v := vectors.Vector{Name: "path " + p, Rule: "R3.2", Op: "relay.path", In: vectors.Fields{"path": p}, Outcome: "refused"}
		if kind, name := ParseRelayPath(p); kind != 0 {
			v.Outcome, v.Out = vectors.OK, vectors.Fields{"kind": kinds[kind], "name": vectors.Hex(name)}
		}
		out = append(out, v)
	}
	return out
}

func hostVectors() []vectors.Vector {
	var out []vectors.Vector
	for _, h := range []string{
		"localhost", "LOCALHOST:80", "notes.localhost:6280", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:6280", "localhost.example.org",
		"127.0.0.1.example.org", "127.1", "127.0.0.01", "128.0.0.1", "[::2]:1", "127.0.0.256",
	} {
		out = append(out, vectors.Vector{
			Name: "host " + h, Rule: "R3.4", Op: "relay.loopback", In: vectors.Fields{"host": h}, Outcome: vectors.OK,
			Out: vectors.Fields{"loopback": IsLoopbackHost(h)},
		})
	}
	return out
}

func messageVectors(t *testing.T) []vectors.Vector {
	var out []vectors.Vector
	message := func(name string, b []byte) {
		v := vectors.Vector{Name: name, Rule: "R5.1", Op: "session.message", In: vectors.Fields{"message": vectors.Hex(b)}}
		typ, fields, rest, err := NextMessage(b)
		if typ == MsgWriters {
			v.Rule = "R6.25"
		}
		if err == nil && len(rest) > 0 {
			t.Fatal(name)
		}
		var parsed any
		if err == nil {
			parsed, err = parseMessage(typ, fields)
		}
		if v.Outcome = vectors.Outcome(err, outcomes); err == nil {
			v.Out = messageFields(typ, parsed)
		}
		out = append(out, v)
	}
	for _, s := range sampleMessages() {
		message(s.name, s.bytes)
	}
	message("unknown type", []byte("\xee\x00\x00\x00\x01x"))
	message("header cut", []byte("\x01\x00\x00\x00"))
	message("fields cut", []byte("\x01\x00\x00\x00\x02x"))
	message("longer than a message may be", []byte("\x01\xff\xff\xff\xff"))
	for _, c := range malformedMessages() {
		if len(c.fields) > 64<<10 { // the limits themselves: too long for a file
			continue
		}
		message("fields: "+c.name, AppendLV32([]byte{byte(c.typ)}, []byte(c.fields)))
	}
	return out
}

// messageFields are a message's fields by the names of core/PROTOCOL.md.
func messageFields(typ MessageType, parsed any) vectors.Fields {
	m := vectors.Fields{"type": typ}
	switch p := parsed.(type) {
	case RosterHeads:
		m["heads"], m["name"], m["version"] = vectors.Keys(p.Heads), p.Name, p.Version
	case [][]byte:
		m["entries"] = vectors.HexList(p)
	case []Namespace:
		list := []vectors.Fields{}
		for _, n := range p {
			list = append(list, vectors.Fields{"number": n.Number, "ns": vectors.Hex(n.NS[:]), "on": n.On, "app": n.App, "name": n.Name})
		}
		m["namespaces"] = list
	case VectorMsg:
		m["number"], m["vector"], m["incarnation"] = p.Number, vectorFields(p.Vector), vectors.Hex(p.Incarnation[:])
		m["cursor"] = vectors.Fields{"incarnation": vectors.Hex(p.Cursor.Incarnation[:]), "position": vectors.U64(p.Cursor.Position)}
	case Data:
		m["number"], m["position"], m["records"] = p.Number, vectors.U64(p.Position), vectors.Hex(p.Records)
	case End:
		m["number"], m["position"], m["vector"] = p.Number, vectors.U64(p.Position), vectorFields(p.Vector)
		addSum(m, p.Sum)
		lost := []any{}
		for _, id := range p.Lost {
			lost = append(lost, vectors.U64(id))
		}
		m["lost"] = lost
	case uint32:
		m["bytes"] = p
	case uint16:
		m["number"] = p
	case Ack:
		m["number"], m["position"] = p.Number, vectors.U64(p.Position)
	case Have:
		m["number"], m["vector"], m["nk"] = p.Number, vectorFields(p.Vector), vectors.Hex(p.NK[:])
		addSum(m, p.Sum)
	case Writers:
		list := []vectors.Fields{}
		for _, w := range p.List {
			list = append(list, vectors.Fields{
				"id": vectors.U64(w.ID), "nk": vectors.Hex(w.NK[:]), "nonce": vectors.U64(w.Nonce), "block": vectors.U64(w.Block),
				"opening": vectors.Hex(w.Opening[:]), "reserved": vectors.U64(w.Reserved), "signature": vectors.Hex(w.Sig[:]),
			})
		}
		m["number"], m["writers"] = p.Number, list
	case Bye:
		m["reason"], m["code"] = p.Reason, p.Code
	case NamespaceRoster:
		m["number"] = p.Number
		if typ == MsgNamespaceHeads {
			m["heads"] = vectors.Keys(p.Heads)
		} else {
			m["entries"] = vectors.HexList(p.Entries)
		}
	}
	return m
}

func addSum(m vectors.Fields, s *Sum) {
	if m["sum"] = ""; s != nil {
		m["sum"] = vectors.Hex(s[:])
	}
}

func vectorFields(v Vector) []vectors.Fields {
	out := []vectors.Fields{}
	for _, e := range v {
		tails := []vectors.Fields{}
		for _, t := range e.Tails {
			tails = append(tails, vectors.Fields{"seq": vectors.U64(t.Seq), "hash": vectors.Hex(t.Hash[:])})
		}
		out = append(out, vectors.Fields{"writer": vectors.U64(e.Writer), "settled": vectors.U64(e.Settled), "blocks": tails})
	}
	return out
}

func dotFields(list []Dot) []vectors.Fields {
	out := []vectors.Fields{}
	for _, d := range list {
		out = append(out, vectors.Fields{"writer": vectors.U64(d.Writer), "seq": vectors.U64(d.Seq)})
	}
	return out
}

func recordVectors() []vectors.Vector {
	var out []vectors.Vector
	records := func(name string, b []byte) {
		recs, err := ParseRecords(b)
		v := vectors.Vector{Name: name, Rule: "R6.3", Op: "data.records", In: vectors.Fields{"records": vectors.Hex(b)}, Outcome: vectors.Outcome(err, outcomes)}
		if err == nil {
			list := []vectors.Fields{}
			for i := range recs {
				list = append(list, recordFields(&recs[i]))
			}
			v.Out = vectors.Fields{"records": list}
		}
		out = append(out, v)
	}
	samples := sampleRecords()
	for i := range samples[:4] {
		records(fmt.Sprint("record ", i), AppendRecord(nil, &samples[i]))
	}
	records("a batch of three", appendRecords(samples[4:]))
	records("none", nil)
	for _, c := range malformedRecords() {
		if len(c.in) < 20_000 { // the limits of a batch: too long for a file
			records(c.name, c.in)
		}
	}
	context := []Dot{
		{1, 5000}, {3, 4096}, {5, BlockOnly | 8200}, {7, 4100}, {7, BlockOnly | 12290}, {7, BlockOnly | 16390}, {9, BlockOnly - 1},
	}
	for _, d := range []Dot{
		{1, 4999}, {1, 5000}, {1, 5001}, {2, 4096}, {0, 4096}, {10, 4096}, {3, 4096}, {3, 4097}, {9, BlockOnly - 1}, {5, 4096}, {5, 8191},
		{5, 8192}, {5, 8200}, {5, 8201}, {5, 12288}, {7, 4096}, {7, 4101}, {7, 8192}, {7, 12288}, {7, 12290}, {7, 12291}, {7, 16390}, {7, 16391},
	} {
		out = append(out, vectors.Vector{
			Name: fmt.Sprintf("context and dot %d, %d", d.Writer, d.Seq), Rule: "R6.5", Op: "data.sees", Outcome: vectors.OK,
			In: vectors.Fields{"context": dotFields(context), "dot": dotFields([]Dot{d})[0]}, Out: vectors.Fields{"sees": Sees(context, d)},
		})
	}
	for i, k := range []string{"", "a", " ", "\x00", "a\x00b", "日本/ü", "\xff", "\xed\xa0\x80", "\xc0\x80"} {
		out = append(out, vectors.Vector{
			Name: fmt.Sprint("key ", i), Rule: "R6.8", Op: "data.key", In: vectors.Fields{"key": vectors.Hex([]byte(k))}, Outcome: vectors.OK,
			Out: vectors.Fields{"valid": ValidKey(k)},
		})
	}
	return out
}

func recordFields(r *Record) vectors.Fields {
	return vectors.Fields{
		"kind": r.Kind, "more": r.More, "hearsay": r.Hearsay, "abridged": r.Abridged, "dot": dotFields([]Dot{r.Dot})[0], "time": vectors.U64(r.Time), "context": dotFields(r.Context), "key": r.Key,
		"value": vectors.Hex(r.Value),
	}
}

func versionVectors() []vectors.Vector {
	var out []vectors.Vector
	add := func(name, rule, op string, in, o vectors.Fields) {
		out = append(out, vectors.Vector{Name: name, Rule: rule, Op: op, In: in, Outcome: vectors.OK, Out: o})
	}
	for _, c := range malformedVectors() {
		v, err := ParseVector(c.in)
		p := vectors.Vector{Name: c.name, Rule: "R6.12", Op: "data.vector", In: vectors.Fields{"vector": vectors.Hex(c.in)}, Outcome: vectors.Outcome(err, outcomes)}
		if err == nil {
			p.Out = vectors.Fields{"vector": vectorFields(v)}
		}
		out = append(out, p)
	}
	e := Vector{{Writer: 1, Settled: 5000, Tails: tails(5100, 3*testBlock+7, 9*testBlock-1)}}
	for _, seq := range []uint64{4096, 5000, 5001, 5100, 5101, 8192, 12287, 12288, 12295, 12296, 32768, 36863, 36864} {
		add(fmt.Sprint("covers ", seq), "R6.12", "data.covers", vectors.Fields{"vector": vectorFields(e), "dot": dotFields([]Dot{{1, seq}})[0]},
			vectors.Fields{"covers": e.Covers(Dot{1, seq})})
	}
	both := func(name string, a, b Vector) {
		in := vectors.Fields{"a": vectorFields(a), "b": vectorFields(b)}
		add("join: "+name, "R6.14", "data.join", in, vectors.Fields{"vector": vectorFields(a.Join(b))})
		add("meet: "+name, "R6.15", "data.meet", in, vectors.Fields{"vector": vectorFields(a.Meet(b))})
	}
	for _, c := range joinsAndMeets() {
		both(c.name, c.a, c.b)
		both(c.name+", the other way", c.b, c.a)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 20 {
		both(fmt.Sprint("at random ", i), randomVector(r), randomVector(r))
	}
	return out
}
