package native

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/internal/wsock"
	"github.com/masqdev/masq/core/localstore"
)

// Close codes of the front's own; the store has others.
const (
	closeStopping = 1001 // the store stops
	closeCrowded  = 1013 // too many connections
	closeTooBig   = 4006 // E_TOOBIG
	closeNotJSON  = 4009 // not JSON-RPC
)

// socket is a WebSocket as a transport.
type socket struct {
	ws     *gws.Conn
	stream *stream
}

func (k *socket) write(text []byte) error        { return k.ws.WriteMessage(gws.OpcodeText, text) }
func (k *socket) ping() error                    { return k.ws.WritePing(nil) }
func (k *socket) end(code uint16, reason string) { k.ws.WriteClose(code, []byte(reason)) }
func (k *socket) drop()                          { k.stream.Conn.Close() }

// session leads from a gws.Conn to its client.
type session struct {
	gws.SessionStorage // none: only the fields are used
	client             *client
	handling           bool // what was read is being handled; the reader's alone
}

type quiet struct{}

func (quiet) Error(...any) {}

func (s *Server) newUpgrader() *gws.Upgrader {
	return gws.NewUpgrader(handler{s}, &gws.ServerOption{
		ReadMaxPayloadSize: maxMessage,
		CheckUtf8Enabled:   true,
		HandshakeTimeout:   headerTimeout,
		NewSession:         func() gws.SessionStorage { return new(session) },
		Logger:             quiet{},
	})
}

// upgrade makes a WebSocket of a request whose origin may have one.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, who localstore.Who) {
	p := s.clients.admit(who)
	if p == nil {
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "60")
		refuse(w, http.StatusServiceUnavailable, "E_BUSY", "too many connections, or the store stops")
		return
	}
	k := s.hijack(w, r)
	if k == nil {
		s.clients.leave(p)
		return
	}
	var by localstore.Agent
	if who.Kind == localstore.Web {
		by = localstore.AgentOf(r.UserAgent())
	}
	// A goroutine of its own lets go of all that net/http keeps for a request.
	go func() {
		defer s.clients.leave(p)
		defer k.drop()
		s.runSocket(k, p, by)
		io.Copy(io.Discard, k.stream.Conn) // until the other end closes too, or lingerTimeout
	}()
}

// hijack takes the connection over from net/http and answers the WebSocket handshake.
func (s *Server) hijack(w http.ResponseWriter, r *http.Request) *socket {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		refuse(w, http.StatusHTTPVersionNotSupported, "E_UPGRADE", "no WebSockets over this connection")
		return nil
	}
	k := &socket{stream: &stream{Conn: conn}}
	if buffered.Reader.Buffered() == 0 { // else it spoke before the handshake was answered
		if k.ws, err = s.upgrader.UpgradeFromConn(k.stream, bufio.NewReaderSize(k.stream, readBuffer), r); err == nil {
			return k
		}
	}
	conn.Close()
	return nil
}

// runSocket reads a WebSocket until it ends.
func (s *Server) runSocket(k *socket, p *place, by localstore.Agent) {
	defer func() {
		// The WebSocket package panics at a frame whose length is negative; that must not end the others. A panic of
		// our own, while handling, goes on.
		if !k.ws.Session().(*session).handling && recover() != nil {
			s.log.Debug("dropped a connection with a frame of negative length")
			k.drop()
		}
	}()
	if s.clients.isCrowded(p) {
		k.end(tooMany.code, tooMany.reason)
		return
	}
	c := s.open(p, by, k)
	defer s.closed(c)
	k.ws.Session().(*session).client = c
	k.stream.came = func(n int) bool { return s.clients.came(c, n) }
	k.stream.frames.may = func(size uint64) bool { return s.clients.maySend(c, size) }
	heard(k.ws)
	k.ws.ReadLoop()
}

// heard puts off the time at which a connection counts as dead.
func heard(ws *gws.Conn) { ws.SetReadDeadline(time.Now().Add(deadAfter)) }

// handler takes what the WebSocket package reads.
type handler struct{ s *Server }

func (handler) OnOpen(*gws.Conn)         {}
func (handler) OnClose(*gws.Conn, error) {}

func (h handler) OnPong(ws *gws.Conn, payload []byte) { h.control(ws, payload) }

func (h handler) OnPing(ws *gws.Conn, payload []byte) {
	h.control(ws, payload)
	ws.WritePong(payload) // whoever does not read is not read either
}

// control takes a frame that is no part of a message.
func (h handler) control(ws *gws.Conn, payload []byte) {
	heard(ws)
	const header = 6
	h.s.clients.came(ws.Session().(*session).client, -header-len(payload))
}

func (h handler) OnMessage(ws *gws.Conn, m *gws.Message) {
	heard(ws)
	k := ws.Session().(*session)
	k.handling = true
	text := bytes.Clone(m.Bytes()) // the package uses its buffer again
	isText := m.Opcode == gws.OpcodeText
	m.Close()
	if isText {
		h.s.received(k.client, text)
	} else {
		h.s.clients.end(k.client.id, closeNotJSON, "only text frames: this is JSON-RPC")
	}
	h.s.clients.handedOn(k.client)
	k.handling = false
}

// stream is the network connection below a WebSocket. It gives up a receiver that takes nothing, refuses a message that is too
// long for who sends it before there is memory for it, and closes so that the other end learns why.
type stream struct {
	net.Conn
	came   func(n int) bool // is told how much was read, and says whether to go on; nil during the handshake
	frames frames
	tooBig atomic.Bool // what was read is refused for its length
}

var errTooMuch = errors.New("too much is in memory for this origin")

func (c *stream) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.came == nil || n == 0 {
		return n, err
	}
	if !c.frames.scan(p[:n]) {
		c.tooBig.Store(true)
		return 0, errTooMuch
	}
	if !c.came(n) {
		return 0, errTooMuch
	}
	return n, err
}

// Write writes. The WebSocket package refuses a message over its limit by itself, before it reads it, and closes with 1009;
// the store has a code of its own for that.
func (c *stream) Write(p []byte) (int, error) {
	const closing = 0x88
	if wsock.IsTooBig(p) || c.tooBig.Load() && p[0] == closing {
		_, err := wsock.WriteAll(c.Conn, []byte{closing, 2, closeTooBig >> 8, closeTooBig & 0xff}, takeTimeout)
		return len(p), err
	}
	return wsock.WriteAll(c.Conn, p, takeTimeout)
}

func (c *stream) Close() error { return wsock.Finish(c.Conn, lingerTimeout) }

// frames follows the frames that a client sends, as far as their lengths.
type frames struct {
	may    func(size uint64) bool // whether a message may be so long
	header []byte                 // what has come of a header
	left   uint64                 // of the payload that is coming, with its mask
	size   uint64                 // of the message so far
}

// scan takes in what was read, and reports whether all messages in it may be as long as they say.
func (f *frames) scan(p []byte) bool {
	for len(p) > 0 {
		if n := min(f.left, uint64(len(p))); n > 0 {
			f.left -= n
			p = p[n:]
			continue
		}
		f.header = append(f.header, p[0])
		p = p[1:]
		length, whole := frameLength(f.header)
		if !whole {
			continue
		}
		first, masked := f.header[0], f.header[1]&0x80 != 0
		f.header, f.left = f.header[:0], length
		if masked {
			f.left += 4
		}
		const control, continued = 0x08, 0x00
		switch opcode := first & 0x0f; {
		case opcode&control != 0:
			continue
		case opcode == continued:
			f.size += length
		default:
			f.size = length
		}
		if length > maxMessage || !f.may(f.size) {
			return length > maxMessage // the WebSocket package refuses that
		}
	}
	return true
}

// frameLength reads the length of a frame's payload out of its header, once that is whole but for the mask.
func frameLength(header []byte) (length uint64, whole bool) {
	if len(header) < 2 {
		return 0, false
	}
	switch n := header[1] & 0x7f; n {
	case 126:
		if whole = len(header) == 4; whole {
			length = uint64(binary.BigEndian.Uint16(header[2:]))
		}
	case 127:
		if whole = len(header) == 10; whole {
			length = binary.BigEndian.Uint64(header[2:])
		}
	default:
		return uint64(n), true
	}
	return length, whole
}
