package native

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/masqdev/masq/core/localstore"
)

// The codes of refusals before a WebSocket stands.
const (
	codeHost   = "E_HOST"
	codeOrigin = "E_ORIGIN"
)

// ServeHTTP answers requests to this computer's own names alone. There are no CORS headers for anybody: a page of another
// origin reads nothing here, but for what the WebSocket grants it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	if !localstore.CheckHost(r.Host, s.port) { // a name that was made to lead here, by a DNS server of somebody else's
		s.log.Debug("refused a host", "host", r.Host)
		refuse(w, http.StatusForbidden, codeHost, "this is not the address of this store: use http://localhost:PORT/")
		return
	}
	switch r.URL.Path {
	case "/v1":
		s.serveSocket(w, r)
	case "/openrpc.json":
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-cache")
		w.Write(localstore.Document)
	case "/livez":
		h.Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "ok\n")
	default:
		s.page.ServeHTTP(w, r)
	}
}

// serveSocket upgrades to a WebSocket whoever may have one.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		refuse(w, http.StatusUpgradeRequired, "E_UPGRADE", "this is for WebSockets: /openrpc.json says what to send")
		return
	}
	origins := r.Header["Origin"]
	who, ok := localstore.ClassifyOrigin(strings.Join(origins, ","), len(origins) > 0, isBrowser(r.Header), s.port)
	if !ok {
		s.log.Debug("refused an origin", "origin", strings.Join(origins, ","))
		refuse(w, http.StatusForbidden, codeOrigin, "pages of this origin may not use the store: only https pages and those of this computer may")
		return
	}
	s.upgrade(w, r, who)
}

// isBrowser recognises what browsers send and other programs do not. Node.js sends Sec-Fetch-Mode, so that says nothing.
func isBrowser(h http.Header) bool {
	return h.Get("Sec-Fetch-Site") != "" || h.Get("Sec-Fetch-Dest") != "" || strings.HasPrefix(h.Get("User-Agent"), "Mozilla/")
}

// refuse returns an error in the form that JSON-RPC's errors have.
func refuse(w http.ResponseWriter, status int, code, message string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "message": message}})
}

// about stands in for the manager where there is none.
func about(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	io.WriteString(w, "This is a Masq store. The Store manager is not here: the store was started with --headless, or this masq\n"+
		"was built without its pages (\"make run\" in a clone of the repository builds and starts everything).\n"+
		"On the command line, \"masq help\" lists what does the same.\n")
}
