package native

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

func TestHeads(t *testing.T) {
	for _, c := range []struct {
		name, head string
		want       head
		bad        bool
	}{
		{"small", "\x82\x85abcd", head{opBinary, true, 5, [4]byte([]byte("abcd"))}, false},
		{"16-bit length", "\x81\xfe\x01\x02abcd", head{opText, true, 0x102, [4]byte([]byte("abcd"))}, false},
		{"64-bit length", "\x02\xff\x00\x00\x00\x00\x00\x01\x00\x00abcd", head{opBinary, false, 0x10000, [4]byte([]byte("abcd"))}, false},
		{"more than can be", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xffabcd", head{opContinuation, false, 1<<64 - 1, [4]byte([]byte("abcd"))}, false},
		{"ping", "\x89\xfdabcd", head{opPing, true, 125, [4]byte([]byte("abcd"))}, false},
		{"not masked", "\x82\x05abcd", head{}, true},
		{"reserved bit", "\xc2\x85abcd", head{}, true},
		{"reserved opcode", "\x83\x85abcd", head{}, true},
		{"reserved control opcode", "\x8b\x85abcd", head{}, true},
		{"long ping", "\x89\xfe\x00\x7eabcd", head{}, true},
		{"close in pieces", "\x08\x82abcd", head{}, true},
	} {
		if n := headSize([]byte(c.head)); n != len(c.head) {
			t.Errorf("%s: %d bytes of header, want %d", c.name, n, len(c.head))
		}
		if h, err := parseHead([]byte(c.head)); c.bad != (err != nil) || !c.bad && h != c.want {
			t.Errorf("%s: %+v, %v", c.name, h, err)
		}
	}
}

func TestUnmask(t *testing.T) {
	mask := [4]byte{1, 2, 40, 80}
	for n := range 100 {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(i) ^ mask[i%4]
		}
		unmask(p, mask)
		for i := range p {
			if p[i] != byte(i) {
				t.Fatalf("byte %d of %d is %d", i, n, p[i])
			}
		}
	}
}

func TestOwnFrames(t *testing.T) {
	for _, c := range []struct {
		n    int
		head string
	}{
		{0, "\x82\x00"}, {125, "\x82\x7d"}, {126, "\x82\x7e\x00\x7e"}, {0xffff, "\x82\x7e\xff\xff"}, {0x10000, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
	} {
		payload := bytes.Repeat([]byte("x"), c.n)
		if got := appendFrame(nil, opBinary, payload); string(got) != c.head+string(payload) {
			t.Errorf("%d bytes: %q", c.n, got[:min(12, len(got))])
		}
		b := new(body)
		copy(b.data(c.n), payload)
		if got := b.frame(c.n); string(got) != c.head+string(payload) {
			t.Errorf("%d bytes in a body: %q", c.n, got[:min(12, len(got))])
		}
	}
	if got := appendClose(appendClose(nil, 0), 4006); string(got) != "\x88\x00\x88\x02\x0f\xa6" {
		t.Errorf("close frames %q", got)
	}
}

func TestCloseAnswers(t *testing.T) {
	for payload, want := range map[string]uint16{
		"": 0, "\x03": 1002, "\x03\xe8": 1000, "\x03\xe9bye": 1001, "\x03\xed": 1002, "\x03\xe7": 1002, "\x0b\xb7": 1002, "\x0b\xb8": 3000, "\x13\x88": 1002,
	} {
		if got := closeAnswer([]byte(payload)); got != want {
			t.Errorf("%q: %d, want %d", payload, got, want)
		}
	}
}

// frame is a client's frame, with a mask of zeros; the first byte is as it goes on the wire.
func frame(first byte, payload string) string {
	b := appendHead(nil, 0, len(payload))
	b[0], b[1] = first, b[1]|0x80
	return string(b) + "\x00\x00\x00\x00" + payload
}

// TestPieces: messages in several frames, and what may not be in them.
func TestPieces(t *testing.T) {
	errFrame := "\x82\x02" + string([]byte{byte(wire.RelayErr), byte(wire.RelayEFrame)}) + "\x88\x02\x0f\xa9"
	tooBig := "\x82\x02" + string([]byte{byte(wire.RelayErr), byte(wire.RelayETooBig)}) + "\x88\x02\x0f\xa6"
	pair, joined := frame(0x82, string([]byte{byte(wire.RelayPair), 0})), "\x82\x02"+string([]byte{byte(wire.RelayJoined), 0})
	half := strings.Repeat("x", wire.MaxFrame/2+1)
	for name, c := range map[string]struct{ send, want string }{
		"text in three":             {frame(0x01, "pi") + frame(0x00, "n") + frame(0x80, "g"), "\x81\x04pong"},
		"a ping between":            {frame(0x01, "pi") + frame(0x89, "!") + frame(0x80, "ng"), "\x8a\x01!\x81\x04pong"},
		"pieces of nothing":         {frame(0x01, "") + frame(0x00, "") + frame(0x80, "ping"), "\x81\x04pong"},
		"garbage in two":            {frame(0x02, "c") + frame(0x80, "d"), errFrame},
		"another message between":   {frame(0x01, "pi") + frame(0x81, "ping"), "\x88\x02\x03\xea"},
		"nothing to go on with":     {frame(0x80, "ping"), "\x88\x02\x03\xea"},
		"over the limit together":   {pair + frame(0x02, half) + frame(0x80, half), joined + tooBig},
		"long, of a stranger's":     {frame(0x82, half[:wire.MaxJoin+1])[:2+4], errFrame},
		"long together, of theirs":  {frame(0x02, half[:wire.MaxJoin]) + frame(0x80, "x"), errFrame},
		"over the limit, of theirs": {frame(0x82, half+half)[:2+8+4], tooBig},
		"a close frame":             {frame(0x88, "\x03\xe9"), "\x88\x02\x03\xe9"},
		"a close frame, then more":  {frame(0x88, "") + frame(0x81, "ping"), "\x88\x00"},
		"a pong, which is for none": {frame(0x8a, "x") + frame(0x81, "ping"), "\x81\x04pong"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{}, func(b *harness) {
				conn := b.raw(wire.PairPath([16]byte{1}))
				hello := make([]byte, 2)
				io.ReadFull(conn, hello)
				io.CopyN(io.Discard, conn, int64(hello[1]))
				go io.WriteString(conn, c.send)
				got := make([]byte, len(c.want))
				if _, err := io.ReadFull(conn, got); string(got) != c.want {
					t.Errorf("got %q (%v), want %q", got, err, c.want)
				}
				conn.Close()
			})
		})
	}
}

// TestByteByByte: frames that come in the smallest pieces that a network can make.
func TestByteByByte(t *testing.T) {
	inBubble(t, Options{}, func(b *harness) {
		conn := b.raw(channelPath(key(1)))
		hello := make([]byte, 2)
		io.ReadFull(conn, hello)
		io.CopyN(io.Discard, conn, int64(hello[1]))
		go func() {
			for _, one := range []byte(frame(0x81, "ping") + frame(0x8a, strings.Repeat("x", 125)) + frame(0x81, "ping")) {
				conn.Write([]byte{one}) // a pipe: until it is read
			}
		}()
		for range 2 {
			got := make([]byte, 6)
			if _, err := io.ReadFull(conn, got); string(got) != "\x81\x04pong" {
				t.Errorf("got %q, %v", got, err)
			}
		}
		conn.Close()
	})
}

// TestBatches: what is queued goes out in as few writes as its size allows.
func TestBatches(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		want  []int // messages in each batch
	}{
		{nil, nil},
		{[]int{1}, []int{1}},
		{slices.Repeat([]int{256}, 100), []int{100}},
		{slices.Repeat([]int{1000}, 100), []int{61, 39}},
		{[]int{wire.MaxFrame, 1, 2, wire.MaxFrame, wire.MaxFrame}, []int{1, 2, 1, 1}},
	} {
		s, k, b := New(Options{}), &socket{writing: true, from: new(address)}, new(batch)
		for _, n := range c.sizes {
			s.push(k, message{op: opBinary, data: make([]byte, n)})
		}
		var got []int
		for s.next(k, b) {
			got = append(got, len(b.messages))
			b.encode()
		}
		if !slices.Equal(got, c.want) || k.bytes != 0 || k.queue != nil {
			t.Errorf("%d messages went as %v, want %v; %d bytes are left", len(c.sizes), got, c.want, k.bytes)
		}
	}
}

// TestIdleHoldsNoBuffer: a TCP connection that waits has nothing to read into, and one of another kind little.
func TestIdleHoldsNoBuffer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tcp, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	pipe, there := net.Pipe()
	for _, c := range []struct {
		ours, theirs net.Conn
		idle         int // bytes of buffer
	}{
		{accepted, tcp, 0}, {there, pipe, ownBuffer},
	} {
		s := newStream(c.ours, &relay.Limits{BytesPerSecond: 1 << 20})
		held := func() int {
			if s.in == nil {
				return 0
			}
			return len(s.in.buf)
		}
		for range 3 {
			if held() != c.idle {
				t.Errorf("%T holds %d bytes", c.ours, held())
			}
			go io.WriteString(c.theirs, "abcd")
			if err := s.await(); err != nil {
				t.Fatal(err)
			}
			if b, err := s.peek(4); string(b) != "abcd" || err != nil {
				t.Fatalf("%q, %v", b, err)
			}
			s.skip(4)
			s.rest()
		}
		c.theirs.Close()
		if err := s.await(); err == nil || s.buffered() != 0 {
			t.Errorf("%T: its end is %v", c.ours, err)
		}
		c.ours.Close()
	}
}

// trickle is a connection on which bytes come in pieces of a few.
type trickle struct {
	net.Conn
	bytes []byte
	piece int
}

func (c *trickle) Read(p []byte) (int, error) {
	if len(c.bytes) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.piece)], c.bytes)
	c.bytes = c.bytes[n:]
	return n, nil
}

// FuzzFrames: whatever a client sends, reading it ends, with messages that are not too long, and the same however it is cut.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(frame(0x81, "ping")+frame(0x02, "abc")+frame(0x80, "def")), byte(3))
	f.Add([]byte(frame(0x89, "x")+frame(0x88, "\x03\xe8")), byte(1))
	f.Add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffabcd"), byte(200))
	f.Fuzz(func(t *testing.T, sent []byte, piece byte) {
		joined := len(sent)%2 == 0
		read := func(piece int) (texts []string, end error) {
			s := New(Options{Tap: func(_ byte, body []byte) []byte { return body }})
			k := &socket{dead: true, closing: true, joined: joined}
			k.stream = newStream(&trickle{bytes: bytes.Clone(sent), piece: piece}, &s.limits)
			for end == nil {
				if end = k.stream.await(); end != nil {
					break
				}
				for end == nil && k.stream.buffered() > 0 {
					end = s.readFrame(k)
				}
				if len(k.part) > wire.MaxFrame {
					t.Fatalf("%d bytes of a message are kept", len(k.part))
				}
				texts = append(texts, string(k.part))
			}
			return texts[max(0, len(texts)-1):], end
		}
		whole, end := read(len(sent) + 1)
		if pieces, other := read(1 + int(piece)); !slices.Equal(pieces, whole) || other != end {
			t.Errorf("in pieces it is %q, %v; whole %q, %v", pieces, other, whole, end)
		}
	})
}
