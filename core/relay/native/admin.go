package native

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ServeAdmin serves what is for the operator alone, until ctx ends:
//
//	/livez        200: the process is there
//	/readyz       200: it takes connections; 503: it does not, because it stops or has lost its NATS cluster
//	/metrics      for Prometheus
//	/debug/pprof/ profiles; a heap profile or a core dump may hold what passes through at that moment
//
// It asks nobody for a password: listen where only the operator can connect.
func (s *Server) ServeAdmin(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s.admin(), ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: log.New(io.Discard, "", 0),
	}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := s.unready(); why != "" {
			say(w, http.StatusServiceUnavailable, why)
			return
		}
		say(w, http.StatusOK, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// Ready reports whether devices may be sent here, as /readyz does.
func (s *Server) Ready() bool { return s.unready() == "" }

// unready says why no more devices should be sent here; empty: they may.
func (s *Server) unready() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return "stopping"
	case s.bus != nil && !s.bus.up:
		return "no connection to NATS"
	}
	return ""
}
