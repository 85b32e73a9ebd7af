package native

import (
	"net/http"
	"sync/atomic"
)

// refusal says why something was turned away before it was a WebSocket; relay.Reason says why a WebSocket ended. Each is counted.
type refusal uint8

const (
	noSuchPath      refusal = iota // below /v1/, but none of the Sync Server's
	notWebSocket                   // a plain request to a channel
	noSubprotocol                  // without masq.relay.v1
	notHijackable                  // HTTP/2, or spoke before its handshake was answered
	tooManyWaiting                 // too many sockets of its address have not joined, or have been told E_RATE
	tooManyHere                    // the server holds as many as it may
	tooManyShakes                  // too many connections of its address are no WebSockets yet
	tooManyNew                     // too many new connections of its address, which has been told so often enough
	tooManyReserved                // too many nameplates asked for by its address
	noNameplate                    // too many nameplates are reserved
	stopping                       // the server stops
	noFile                         // out of file descriptors
	numRefusals
)

// refusals has each one's name in counters, and its HTTP answer; 0: there is none.
var refusals = [numRefusals]struct {
	name   string
	status int
	text   string
}{
	noSuchPath:      {"no_such_path", http.StatusNotFound, "no such channel: its name is malformed"},
	notWebSocket:    {"not_websocket", http.StatusUpgradeRequired, "this is for WebSockets"},
	noSubprotocol:   {"no_subprotocol", http.StatusBadRequest, "the subprotocol masq.relay.v1 is required"},
	notHijackable:   {"not_hijackable", http.StatusHTTPVersionNotSupported, "no WebSockets over this connection"},
	tooManyWaiting:  {"too_many_waiting", http.StatusTooManyRequests, "too many connections from this address"},
	tooManyHere:     {"too_many_here", http.StatusServiceUnavailable, "this server is full"},
	tooManyShakes:   {"too_many_handshakes", 0, ""},
	tooManyNew:      {"too_many_new", 0, ""},
	tooManyReserved: {"too_many_reserved", http.StatusTooManyRequests, "too many nameplates for this address"},
	noNameplate:     {"no_nameplate", http.StatusServiceUnavailable, "no nameplate is free"},
	stopping:        {"stopping", http.StatusServiceUnavailable, "this server stops"},
	noFile:          {"no_file_descriptor", 0, ""},
}

// refused counts refusals.
type refused [numRefusals]atomic.Uint64

// refuse counts a refusal and returns it.
func (s *Server) refuse(w http.ResponseWriter, why refusal) {
	s.refused[why].Add(1)
	h := w.Header()
	switch refusals[why].status {
	case http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Connection", "close")
		h.Set("Retry-After", "60")
	}
	http.Error(w, refusals[why].text, refusals[why].status)
}
