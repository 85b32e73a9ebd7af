package native

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/masqdev/masq/core/relay"
)

// nameplatePatience is how long a nameplate may take: other nodes are asked.
const nameplatePatience = 5 * time.Second

// newNameplate returns POST /v1/pair/new, from pages of any origin.
func (s *Server) newNameplate(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodPost:
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "POST")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", "POST, OPTIONS")
		http.Error(w, "POST asks for a nameplate", http.StatusMethodNotAllowed)
		return
	}
	answer := make(chan string, 1)
	s.mu.Lock()
	a := s.address(s.clientOf(r))
	may := a.reserved.take(time.Now(), a.limits.NameplatesPerMinute)
	if may {
		s.lastReserve++
		s.reserving[s.lastReserve] = answer
		s.stepLocked(relay.Reserve{ID: s.lastReserve})
	}
	s.mu.Unlock()
	if !may {
		s.refuse(w, tooManyReserved)
		return
	}
	late := time.NewTimer(nameplatePatience)
	defer late.Stop()
	name := ""
	select {
	case name = <-answer:
	case <-late.C:
	case <-s.ended:
	}
	if name == "" {
		s.refuse(w, noNameplate)
		return
	}
	h.Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"nameplate": name})
}

// reserved hands a nameplate to who waits for it. Call it with mu held.
func (s *Server) reserved(a relay.Reserved) {
	if answer := s.reserving[a.ID]; answer != nil {
		answer <- a.Nameplate
		delete(s.reserving, a.ID)
	}
}
