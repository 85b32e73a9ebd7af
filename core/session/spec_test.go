package session

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/testdata/vectors"
	"github.com/masqdev/masq/core/wire"
)

var outcomes = map[error]string{ErrKeys: "keys", ErrSession: "session", ErrHandshake: "handshake"}

func TestVectors(t *testing.T) {
	out := pairVectors(t)
	out = append(out, dayVectors()...)
	out = append(out, handshakeVectors(t)...)
	out = append(out, frameVectors(t)...)
	vectors.Check(t, "session.json", "What a pair derives, the handshake, and the frames behind it", out)
}

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func pairVectors(t *testing.T) []vectors.Vector {
	var out []vectors.Vector
	pair := func(name string, self, peer []byte, secret byte) {
		k := Keys{Self: mustKey(t, self), Peer: [32]byte(peer), Secret: [32]byte(fill(secret, 32))}
		p, err := NewPair(k)
		v := vectors.Vector{Name: name, Rule: "R2.2", Op: "session.pair", Outcome: vectors.Outcome(err, outcomes), In: vectors.Fields{
			"nk_private": vectors.Hex(self), "peer_nk": vectors.Hex(peer), "circle_secret": vectors.Hex(k.Secret[:]),
		}}
		if err == nil {
			v.Out = vectors.Fields{
				"k_auth": vectors.Hex(p.auth[:]), "k_rdv": vectors.Hex(p.rdv[:]), "day_offset": p.offset, "initiator": p.Initiator(), "side": p.Side(),
				"chan_of_day_20000": vectors.Hex(p.ChannelKey(20_000).Public().(ed25519.PublicKey)),
				"chan_of_day_20001": vectors.Hex(p.ChannelKey(20_001).Public().(ed25519.PublicKey)),
			}
		}
		out = append(out, v)
	}
	for i := range byte(3) {
		a, b := fill(1+i, 32), fill(0x21+i, 32)
		pair(fmt.Sprint("pair ", i), a, mustKey(t, b).PublicKey().Bytes(), 9+i)
		pair(fmt.Sprint("pair ", i, ", the other device"), b, mustKey(t, a).PublicKey().Bytes(), 9+i)
	}
	a := fill(1, 32)
	pair("a device with itself", a, mustKey(t, a).PublicKey().Bytes(), 9)
	for _, point := range []string{"\x00", "\x01"} {
		pair(fmt.Sprintf("a point of low order, %x", point), a, append([]byte(point), make([]byte, 31)...), 9)
	}
	return out
}

func dayVectors() []vectors.Vector {
	const day = daySeconds * 1000
	p := &Pair{offset: 3600} // its day begins at 23:00 UTC
	change := uint64(20_000*day - 3600*1000)
	var out []vectors.Vector
	for i, now := range []uint64{
		change + day/2, change - 1, change, change - nearMillis, change - nearMillis - 1, change + nearMillis - 1, change + nearMillis, 0, 1_800_000_000_000,
	} {
		v := vectors.Vector{
			Name: fmt.Sprint("day ", i), Rule: "R3.9", Op: "session.day", Outcome: vectors.OK,
			In: vectors.Fields{"day_offset": p.offset, "now": vectors.U64(now)}, Out: vectors.Fields{"day": p.Day(now)},
		}
		if other, near := p.OtherDay(now); near {
			v.Out["other_day"] = other
		}
		out = append(out, v)
	}
	return out
}

// knownPair is two Conns with given keys and randomness, the initiator first, and what they are made from.
func knownPair(t *testing.T) (i, r *Conn, in vectors.Fields) {
	a, b := fill(0x11, 32), fill(0x22, 32)
	if bytes.Compare(mustKey(t, a).PublicKey().Bytes(), mustKey(t, b).PublicKey().Bytes()) > 0 {
		a, b = b, a
	}
	secret, channel, tag, kemSeed, kemRandom := fill(0x33, 32), fill(0x44, 32), fill(0x55, 4), fill(0x66, 64), fill(0x99, 32)
	eI, eR := fill(0x77, 32), fill(0x88, 32)
	pair := func(self, peer *ecdh.PrivateKey) *Pair {
		k := keysOf(self, peer, 0)
		copy(k.Secret[:], secret)
		return mustPair(t, k)
	}
	ka, kb := mustKey(t, a), mustKey(t, b)
	i = NewConn(pair(ka, kb), [32]byte(channel), bytes.NewReader(slices.Concat(tag, kemSeed, eI)))
	r = NewConn(pair(kb, ka), [32]byte(channel), bytes.NewReader(eR))
	r.kem = func(ek *mlkem.EncapsulationKey768) (secret, ct []byte) {
		secret, ct, err := mlkemtest.Encapsulate768(ek, kemRandom)
		if err != nil {
			t.Fatal(err)
		}
		return secret, ct
	}
	return i, r, vectors.Fields{
		"initiator_nk_private": vectors.Hex(a), "responder_nk_private": vectors.Hex(b), "circle_secret": vectors.Hex(secret),
		"chan": vectors.Hex(channel), "tag": vectors.Hex(tag), "initiator_mlkem_seed": vectors.Hex(kemSeed),
		"initiator_ephemeral_private": vectors.Hex(eI), "responder_ephemeral_private": vectors.Hex(eR), "responder_mlkem_randomness": vectors.Hex(kemRandom),
	}
}

func handshakeVectors(t *testing.T) []vectors.Vector {
	i, r, in := knownPair(t)
	m1 := mustBegin(t, i)
	m2 := body(r.Receive(0, bytes.Clone(m1)).Send)
	i.Receive(0, bytes.Clone(m2))
	heads := wire.AppendRosterHeads(nil, &wire.RosterHeads{Heads: [][32]byte{{1}}, Name: "Laptop"})
	var frames []vectors.Fields
	for n, msgs := range [][]byte{nil, heads, heads, credit(7), wire.AppendBye(nil, wire.Bye{Reason: wire.ByeClosing}), credit(8), dataOf(3000)} {
		from, to := i, r
		if n%2 == 1 {
			from, to = r, i
		}
		var list [][]byte
		if msgs != nil {
			list = [][]byte{msgs}
		}
		sealed := mustSeal(t, from, list...)
		if len(sealed) != 1 {
			t.Fatal("not one frame")
		}
		frames = append(frames, vectors.Fields{"from_initiator": from == i, "messages": vectors.Hex(msgs), "body": vectors.Hex(body(sealed[0]))})
		if res := deliver(t, sealed, to); !bytes.Equal(res.Messages, msgs) {
			t.Fatal("messages changed on the way")
		}
	}
	out := []vectors.Vector{{
		Name: "handshake", Rule: "R4.2", Op: "session.handshake", In: in, Outcome: vectors.OK,
		Out: vectors.Fields{"m1": vectors.Hex(m1), "m2": vectors.Hex(m2), "frames": frames},
	}}
	for _, c := range []struct {
		name string
		at   int
	}{{"M1 with another ephemeral key", headSize}, {"M1 with another encapsulation key", headSize + 40}, {"M1 with another tag at its end", m1Size - 1}} {
		bad := flip(m1, c.at)
		_, r, in := knownPair(t)
		if res := answerTo(r, bytes.Clone(bad)); res.Send != nil || r.Pending() {
			t.Fatal(c.name, "was taken")
		}
		in["m1"] = vectors.Hex(bad)
		out = append(out, vectors.Vector{Name: c.name, Rule: "R4.8", Op: "session.m1", In: in, Outcome: "handshake"})
	}
	for _, c := range []struct {
		name string
		at   int
	}{{"M2 with another ciphertext", headSize}, {"M2 with another ephemeral key", headSize + mlkem.CiphertextSize768}, {"M2 with another tag at its end", m2Size - 1}} {
		bad := flip(m2, c.at)
		i, _, in := knownPair(t)
		mustBegin(t, i)
		res := i.Receive(0, bytes.Clone(bad))
		in["m2"] = vectors.Hex(bad)
		out = append(out, vectors.Vector{Name: c.name, Rule: "R4.2", Op: "session.m2", In: in, Outcome: vectors.Outcome(res.Err, outcomes)})
	}
	return out
}

func frameVectors(t *testing.T) []vectors.Vector {
	var out []vectors.Vector
	for _, n := range []int{0, 1, 256, 257, 272, 273, 1000, 4096, 4097, 4200, 59392, 59393, 61439, 61440} {
		out = append(out, vectors.Vector{
			Name: fmt.Sprint("padding of ", n), Rule: "R4.11", Op: "session.pad", Outcome: vectors.OK,
			In: vectors.Fields{"size": n}, Out: vectors.Fields{"padded": pad(n)},
		})
	}
	for _, c := range unpackings() {
		v := vectors.Vector{
			Name: "frames: " + c.name, Rule: "R4.10", Op: "session.frames", Outcome: "session", In: vectors.Fields{"frames": vectors.HexList(c.frames)},
		}
		if c.want != nil {
			v.Outcome, v.Out = vectors.OK, vectors.Fields{"messages": vectors.Hex(c.want)}
		}
		out = append(out, v)
	}
	return append(append(out, rekeyVector()), refusedFrames(t)...)
}

// rekeyVector is one direction alone: the key, the counter and the ciphertext of each of four frames.
func rekeyVector() vectors.Vector {
	key := [32]byte(fill(0xab, 32))
	way := newOneWay(key)
	var frames []vectors.Fields
	for n := range uint64(4) {
		plain := binary.BigEndian.AppendUint64(nil, n)
		frames = append(frames, vectors.Fields{"n": n, "plain": vectors.Hex(plain), "sealed": vectors.Hex(way.seal(nil, plain, []byte("ad")))})
	}
	return vectors.Vector{
		Name: "rekey", Rule: "R4.12", Op: "session.rekey", Outcome: vectors.OK,
		In: vectors.Fields{"key": vectors.Hex(key[:]), "ad": vectors.Hex([]byte("ad"))}, Out: vectors.Fields{"frames": frames},
	}
}

// refusedFrames end the session behind the handshake of knownPair, as the first frame of the initiator.
func refusedFrames(t *testing.T) []vectors.Vector {
	var out []vectors.Vector
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
	}{
		{"as it is", func(b []byte) []byte { return b }},
		{"a bit of the ciphertext", func(b []byte) []byte { return flip(b, headSize) }},
		{"the last bit", func(b []byte) []byte { return flip(b, len(b)-1) }},
		{"another type", func(b []byte) []byte { return flip(b, 4) }},
		{"cut", func(b []byte) []byte { return b[:len(b)-1] }},
	} {
		i, r, in := knownPair(t)
		i.Receive(0, body(answerTo(r, mustBegin(t, i)).Send))
		bad := c.change(body(mustSeal(t, i, credit(1))[0]))
		res := r.Receive(0, bytes.Clone(bad))
		in["body"] = vectors.Hex(bad)
		v := vectors.Vector{Name: "first frame: " + c.name, Rule: "R4.12", Op: "session.first-frame", In: in, Outcome: vectors.Outcome(res.Err, outcomes)}
		if res.Err == nil {
			v.Out = vectors.Fields{"messages": vectors.Hex(res.Messages)}
		}
		out = append(out, v)
	}
	return out
}
