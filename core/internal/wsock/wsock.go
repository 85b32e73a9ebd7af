// Package wsock is what the native fronts do below a WebSocket, on the network connection: tell a receiver that is slow from
// one that takes nothing, and close so that the other end learns why.
//
// The WebSocket package (gws) writes its frames, close frames too, by one Write each, and closes after the last.
package wsock

import (
	"bytes"
	"errors"
	"net"
	"os"
	"time"
)

// WriteAll writes p, and fails with os.ErrDeadlineExceeded when for so long not one byte was taken, however long the whole takes.
// It sets the connection's write deadline.
func WriteAll(c net.Conn, p []byte, patience time.Duration) (sent int, err error) {
	for sent < len(p) {
		var n int
		c.SetWriteDeadline(time.Now().Add(patience))
		n, err = c.Write(p[sent:])
		sent += n
		if err != nil && !(n > 0 && errors.Is(err, os.ErrDeadlineExceeded)) {
			return sent, err
		}
	}
	return sent, nil
}

// Finish says that nothing more is written and leaves the reader a while to take what is on its way: a connection that is
// closed with bytes unread is reset, and then the other end might never see the close frame. Whoever runs the reader
// closes the connection.
func Finish(c net.Conn, linger time.Duration) error {
	w, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return c.Close()
	}
	c.SetReadDeadline(time.Now().Add(linger))
	return w.CloseWrite()
}

// IsTooBig recognises the close frame with which the WebSocket package refuses a message over its limit, by code 1009.
func IsTooBig(frame []byte) bool {
	return len(frame) >= 4 && frame[0] == 0x88 && bytes.Equal(frame[2:4], []byte{1009 >> 8, 1009 & 0xff})
}
