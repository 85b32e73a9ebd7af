package relay

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"reflect"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// harness drives a Server and writes down what each connection gets.
type harness struct {
	t     *testing.T
	s     *Server
	now   Millis
	out   Actions
	got   map[uint64][]string
	nonce map[uint64][32]byte
	log   []string
	bus   func(Action) // takes what is for other nodes
}

// counter is a Rand whose bytes differ from call to call and are the same in every run.
type counter struct{ n byte }

func (c *counter) Read(b []byte) (int, error) {
	for i := range b {
		c.n++
		b[i] = c.n
	}
	return len(b), nil
}

func newHarness(t *testing.T, cfg Config) *harness {
	if cfg.Rand == nil {
		cfg.Rand = new(counter)
	}
	return &harness{t: t, s: New(cfg), now: 1_000_000_000, got: map[uint64][]string{}, nonce: map[uint64][32]byte{}}
}

func (r *harness) step(ev Event) {
	r.t.Helper()
	if amnesic {
		r.forget()
	}
	r.s.Step(r.now, ev, &r.out)
	for _, a := range r.out.List {
		switch a := a.(type) {
		case *Send:
			f, err := wire.ParseRelay(a.Data)
			if err != nil {
				r.t.Fatalf("the server sent %x: %v", a.Data, err)
			}
			if f.Type == wire.RelayHello {
				r.nonce[a.Conn] = f.Nonce
			}
			r.note(a.Conn, describe(f))
		case SendText:
			r.note(a.Conn, a.Text)
		case Joined:
			r.note(a.Conn, "ok")
		case Close:
			r.note(a.Conn, fmt.Sprint("close ", a.Code))
		case Reserved:
			r.note(a.ID, "nameplate "+a.Nameplate)
		case Follow, Unfollow, *Publish:
			r.bus(a)
		}
	}
	r.out.Reset()
}

func (r *harness) note(id uint64, what string) {
	r.got[id] = append(r.got[id], what)
	r.log = append(r.log, fmt.Sprint(id, " ", what))
}

func describe(f wire.RelayFrame) string {
	switch f.Type {
	case wire.RelayHello:
		return "HELLO"
	case wire.RelayData:
		return "DATA " + string(f.Body)
	case wire.RelayJoined:
		return fmt.Sprint("JOINED ", f.Present)
	case wire.RelayPeer:
		return fmt.Sprint("PEER ", f.Present)
	case wire.RelayErr:
		return f.Code.String()
	case wire.RelayRestarting:
		return "RESTARTING"
	}
	return "?"
}

// want checks what a connection got since the last want.
func (r *harness) want(id uint64, what ...string) {
	r.t.Helper()
	if !reflect.DeepEqual(append([]string{}, r.got[id]...), append([]string{}, what...)) {
		r.t.Fatalf("connection %d got %q, want %q", id, r.got[id], what)
	}
	r.got[id] = nil
}

func (r *harness) open(id uint64, path string) {
	r.t.Helper()
	r.step(Open{Conn: id, Path: path, Host: "localhost:6280"})
	r.want(id, "HELLO")
}

func (r *harness) frame(id uint64, f wire.RelayFrame) {
	r.t.Helper()
	r.step(&Frame{Conn: id, Data: wire.AppendRelay(nil, &f)})
}

func (r *harness) text(id uint64, s string) { r.step(&Frame{Conn: id, Data: []byte(s), Text: true}) }

func (r *harness) data(id uint64, body string) {
	r.frame(id, wire.RelayFrame{Type: wire.RelayData, Body: []byte(body)})
}

func key(n byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)) }

func channelPath(k ed25519.PrivateKey) string {
	return wire.ChannelPath([32]byte(k.Public().(ed25519.PublicKey)))
}

func (r *harness) join(id uint64, k ed25519.PrivateKey, side uint8) {
	r.t.Helper()
	r.open(id, channelPath(k))
	r.frame(id, wire.JoinFrame(k, "localhost:6280", r.nonce[id], side))
}

func (r *harness) pair(id uint64, mailbox byte, side uint8) {
	r.t.Helper()
	r.open(id, wire.PairPath([16]byte{mailbox}))
	r.frame(id, wire.RelayFrame{Type: wire.RelayPair, Side: side})
}

// empty checks that nothing is left.
func (r *harness) empty() {
	r.t.Helper()
	s := r.s
	if n := len(s.conns) + len(s.rooms) + s.waiting.Len() + s.joined.Len() + s.mailboxes.Len() + s.nodes.far; n != 0 {
		r.t.Fatalf("%d things are left: %+v", n, s.Stats())
	}
	if _, ok := s.Next(); ok {
		r.t.Fatal("an empty server waits for something")
	}
}
