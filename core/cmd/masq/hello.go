package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/wire"
)

// relayClock asks a Sync Server for its HELLO, on a channel of nobody's, and answers how far its clock is ahead of this one's.
func relayClock(ctx context.Context, url string) (time.Duration, error) {
	const patience = 10 * time.Second
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	var channel [32]byte
	rand.Read(channel[:])
	h := hello{frames: make(chan wire.RelayFrame, 1), closed: make(chan error, 1)}
	start := time.Now()
	ws, _, err := gws.NewClient(&h, &gws.ClientOption{
		Addr:               url + wire.ChannelPath(channel),
		HandshakeTimeout:   patience,
		ReadMaxPayloadSize: wire.MaxFrame,
		RequestHeader:      http.Header{"Sec-WebSocket-Protocol": {wire.Subprotocol}},
		Logger:             &h,
		NewDialer:          func() (gws.Dialer, error) { return &net.Dialer{Timeout: patience}, nil },
	})
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err // without the addresses
	}
	if err != nil {
		return 0, err
	}
	defer ws.NetConn().Close()
	go ws.ReadLoop()
	select {
	case <-ctx.Done():
		return 0, errors.New("no HELLO came in 10 s")
	case err := <-h.closed:
		return 0, err
	case f := <-h.frames:
		now := time.Now()
		middle := start.Add(now.Sub(start) / 2)
		return time.UnixMilli(int64(f.Time)).Sub(middle), nil
	}
}

// hello waits for the first frame.
type hello struct {
	gws.BuiltinEventHandler
	frames chan wire.RelayFrame
	closed chan error
}

func (*hello) Error(...any) {}

func (h *hello) OnClose(_ *gws.Conn, err error) { h.closed <- err }

func (h *hello) OnMessage(ws *gws.Conn, m *gws.Message) {
	defer m.Close()
	f, err := wire.ParseRelay(m.Bytes())
	if err == nil && f.Type != wire.RelayHello {
		err = errors.New("its first frame is no HELLO")
	}
	if err != nil {
		ws.WriteClose(1000, nil)
		return
	}
	select {
	case h.frames <- f:
	default:
	}
}
