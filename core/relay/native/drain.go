package native

import (
	"context"
	"net/http"
	"time"

	"github.com/masqdev/masq/core/relay"
)

// What RESTARTING says at a shutdown, in ms, and how the closes are spread: so many at least at each step, and more when
// all would not be done in drainTime.
const (
	reconnectIn = 1_000
	tryFor      = 60_000
	drainTime   = 20 * time.Second
	drainStep   = 50 * time.Millisecond
	drainAtOnce = 50
)

// shutDown sends everybody away: first the server is not ready, so that whatever is in front of it takes another; then each
// device is told when to dial again, some at a time; then whoever is left is cut.
func (s *Server) shutDown(srv *http.Server) {
	s.mu.Lock()
	s.draining = true
	devices := s.connected()
	s.mu.Unlock()
	start := time.Now()
	s.log.Info("drain begins: not ready any more, then devices are sent to other servers", "connections", devices, "delay", s.opt.DrainDelay)
	time.Sleep(s.opt.DrainDelay)
	s.drain()
	s.log.Info("drain ends: all devices are told", "connections", devices, "took", time.Since(start).Round(time.Millisecond))
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	close(s.ended)

	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if srv.Shutdown(ctx) != nil {
		srv.Close()
	}
	over := make(chan struct{})
	go func() { s.wg.Wait(); close(over) }()
	select {
	case <-over:
		s.log.Info("stopped", "cut", 0)
		return
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.log.Info("stopped", "cut", len(s.sockets))
	for _, k := range s.sockets {
		k.stream.Conn.Close()
	}
	s.mu.Unlock()
	<-over
}

// connected is how many WebSockets there are. Call it with mu held.
func (s *Server) connected() int {
	st := s.core.Stats()
	return st.Waiting + st.Joined
}

// drain tells all devices that the server restarts.
func (s *Server) drain() {
	s.mu.Lock()
	most := max(drainAtOnce, s.connected()/int(drainTime/drainStep)+1)
	s.mu.Unlock()
	t := time.NewTicker(drainStep)
	defer t.Stop()
	for {
		s.mu.Lock()
		s.stepLocked(relay.Drain{ReconnectIn: reconnectIn, TryFor: tryFor, Most: most})
		n := s.connected()
		s.mu.Unlock()
		if n == 0 {
			return
		}
		<-t.C
	}
}
