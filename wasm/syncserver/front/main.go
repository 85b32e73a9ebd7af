//go:build js && wasm

// Command front is what a Worker that is a Sync Server answers to plain HTTP: GET / says what it is, GET /livez that it runs, and POST
// /v1/pair/new gives a nameplate. The platform starts it anew for each request. It sees no WebSocket: js/cloudflare/worker.mjs hands
// those to the channels.
package main

import (
	"crypto/rand"
	"io"
	"net/http"
	"strings"

	"github.com/masqdev/masq/core/wire"
	"github.com/syumai/workers"
)

// nameplateLength is how many symbols a nameplate has. Nothing knows here which are in use: so many that 30,000 may be, and one in a
// thousand guesses meets one.
const nameplateLength = 5

func main() { workers.Serve(http.HandlerFunc(serve)) }

func serve(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasSuffix(path, wire.NewNameplatePath):
		newNameplate(w, r)
	case path == "/livez":
		say(w, http.StatusOK, "ok")
	case path == "/":
		say(w, http.StatusOK, "This is a Masq Sync Server. It passes sealed messages between a user's own devices and stores nothing.\n"+
			"There is nothing to see here: applications that use Masq connect to it by WebSocket.")
	case strings.Contains(path, "/v1/"):
		say(w, http.StatusNotFound, "no such channel: its name is malformed")
	default:
		say(w, http.StatusNotFound, "there is nothing here")
	}
}

// newNameplate returns pages of any origin.
func newNameplate(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodPost:
		h.Set("Content-Type", "application/json")
		io.WriteString(w, `{"nameplate":"`+nameplate()+"\"}\n")
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "POST")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", "POST, OPTIONS")
		say(w, http.StatusMethodNotAllowed, "POST asks for a nameplate")
	}
}

func nameplate() string {
	b := make([]byte, nameplateLength)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = wire.NameplateSymbols[b[i]&31]
	}
	return string(b)
}

func say(w http.ResponseWriter, status int, what string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, what+"\n")
}
