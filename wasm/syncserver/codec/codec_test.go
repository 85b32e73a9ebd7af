package codec

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// platform holds connections as js/cloudflare/channel.mjs does: by their place, with what is attached to each.
type platform struct {
	t     *testing.T
	cfg   relay.Config
	now   relay.Millis
	saved [][]byte // nil: ended
	heard []relay.Millis
	got   []string // since the last want
	nonce [32]byte // of the last HELLO
	next  uint32
}

func newPlatform(t *testing.T) *platform { return &platform{t: t, now: 1_700_000_000_000} }

// turn tells of an event at a connection, by its place among all that there ever were.
func (p *platform) turn(event byte, conn int, data []byte) {
	p.t.Helper()
	in, places, at := []byte{0}, []int{}, 0
	for i, saved := range p.saved {
		if i == conn {
			at = len(places)
		}
		if saved != nil {
			in = wire.AppendU64(wire.AppendLV(in, saved), p.heard[i])
			places = append(places, i)
		}
	}
	in[0] = byte(len(places))
	if event == evOpen {
		at, places = len(places), append(places, conn)
		p.saved, p.heard = append(p.saved, nil), append(p.heard, 0)
	}
	out, err := Turn(p.cfg, p.now, append(append(in, event, byte(at)), data...), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r := wire.NewReader(out)
	p.next = r.U32()
	for r.Len() > 0 {
		action, conn, data := r.U8(), places[r.U8()], r.LV32(1<<20)
		p.take(action, conn, data)
	}
	if r.Done() != nil {
		p.t.Fatalf("malformed: %x", out)
	}
}

func (p *platform) take(action byte, conn int, data []byte) {
	switch action {
	case acSend:
		f, err := wire.ParseRelay(data)
		if err != nil {
			p.t.Fatal(err)
		}
		switch f.Type {
		case wire.RelayHello:
			p.nonce = f.Nonce
			data = data[:1]
		case wire.RelayData:
			data = append([]byte("DATA "), f.Body...)
			p.got = append(p.got, fmt.Sprintf("%d %s", conn, data))
			return
		}
		p.got = append(p.got, fmt.Sprintf("%d %s", conn, hex.EncodeToString(data)))
	case acText:
		p.got = append(p.got, fmt.Sprintf("%d %s", conn, data))
	case acClose:
		p.got = append(p.got, fmt.Sprintf("%d close %d", conn, int(data[0])<<8|int(data[1])))
	case acKeep:
		p.saved[conn] = data
		if len(data) == 0 {
			p.saved[conn] = nil
		}
	}
}

func (p *platform) want(what ...string) {
	p.t.Helper()
	if !reflect.DeepEqual(append([]string{}, p.got...), append([]string{}, what...)) {
		p.t.Fatalf("got %q, want %q", p.got, what)
	}
	p.got = nil
}

func (p *platform) open(path, host string) int {
	p.t.Helper()
	p.turn(evOpen, len(p.saved), []byte(path+"\x00"+host))
	return len(p.saved) - 1
}

func (p *platform) join(k ed25519.PrivateKey, side uint8) int {
	p.t.Helper()
	conn := p.open(wire.ChannelPath([32]byte(k.Public().(ed25519.PublicKey))), "localhost")
	f := wire.JoinFrame(k, "localhost", p.nonce, side)
	p.turn(evBinary, conn, wire.AppendRelay(nil, &f))
	return conn
}

var channelKey = ed25519.NewKeyFromSeed(make([]byte, 32))

func TestChannel(t *testing.T) {
	p := newPlatform(t)
	a := p.open(wire.ChannelPath([32]byte(channelKey.Public().(ed25519.PublicKey))), "localhost")
	p.want("0 01")
	if p.next != 5_000 {
		t.Errorf("next in %d", p.next)
	}
	p.turn(evText, a, []byte("ping"))
	p.want("0 pong")
	p.turn(evClosed, a, nil)
	a = p.join(channelKey, 0)
	p.want("1 01", "1 0300")
	b := p.join(channelKey, 1)
	p.want("2 01", "2 0301", "1 0401")
	p.turn(evBinary, a, []byte("\x00hello"))
	p.want("2 DATA hello")
	c := p.join(channelKey, 0)
	p.want("3 01", "1 0508", "1 close 4008", "3 0301", "2 0401")
	if p.saved[a] != nil {
		t.Error("what ended is kept")
	}
	p.turn(evBinary, b, []byte("\x00you"))
	p.want("3 DATA you")
	p.turn(evClosed, b, nil)
	p.want("3 0400")
	p.turn(evClosed, c, nil)
	p.want()
	if p.next != none {
		t.Errorf("an empty channel waits %d ms", p.next)
	}
}

// TestSilence: who was silent is found out by what comes next; who was heard by the platform, or speaks now, is not silent.
func TestSilence(t *testing.T) {
	p := newPlatform(t)
	a, b := p.join(channelKey, 0), p.join(channelKey, 1)
	p.got = nil
	p.now += 89_000
	p.heard[b] = p.now
	p.now += 2_000
	p.turn(evBinary, a, []byte("\x00late"))
	p.want("1 DATA late")
	p.now += 90_000
	p.turn(evTick, 0, nil)
	p.want("1 0503", "1 close 4003", "0 0400", "0 0503", "0 close 4003")
}

func TestDeadIsFoundAtOpen(t *testing.T) {
	p := newPlatform(t)
	p.join(channelKey, 0)
	p.got = nil
	p.now += 90_000
	p.join(channelKey, 1)
	p.want("1 01", "0 0503", "0 close 4003", "1 0300")
}

func TestUnknownSavedIsClosed(t *testing.T) {
	p := newPlatform(t)
	p.join(channelKey, 0)
	p.got = nil
	p.saved[0][0] = 99 // of a later version
	p.turn(evTick, 0, nil)
	p.want("0 close 1012")
	if p.saved[0] != nil {
		t.Error("it is kept")
	}
}

func TestMalformed(t *testing.T) {
	for _, in := range [][]byte{
		{}, {0}, {0, evTick}, {1, 0}, {0, evOpen, 0, 'x'}, {0, evOpen, 1, 0}, {0, 0, 0}, {0, 9, 0},
	} {
		if out, err := Turn(relay.Config{}, 1, in, nil); err != ErrInput {
			t.Errorf("%x: %x, %v", in, out, err)
		}
	}
}

func TestConfig(t *testing.T) {
	got, err := Config(" a.example  b.example:8443 ", "2=500 8=1000")
	want := relay.Config{Hosts: []string{"a.example", "b.example:8443"}, Limits: relay.Limits{Join: 500, Mailbox: 1000}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"x", "2", "=5", "12=1", "2=-1", "2=4294967296", "258=1"} {
		if _, err := Config("", bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzTurn(f *testing.F) {
	f.Add([]byte{0, evOpen, 0, 'x', 0, 'y'})
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		out, err := Turn(relay.Config{}, 1, in, []byte("front"))
		if err == nil && !bytes.HasPrefix(out, []byte("front")) || !bytes.Equal(in, before) {
			t.Fatalf("%x", out)
		}
	})
}
