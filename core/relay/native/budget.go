package native

import (
	"crypto/tls"
	"net"

	"github.com/masqdev/masq/core/relay"
)

// Messages on their way count against two budgets: limits.TotalBytes over all connections, and limits.AddressBytes for those of one
// address. What is queued or being written counts for its receiver; what a frame is read into until it has come whole, for its
// sender; what a sender has read while it waits for a receiver, for that receiver. A dead socket holds nothing.
//
// The less is free, the less is queued for one receiver before its sender waits (allowance). A budget is exceeded only where many
// take next to nothing. Then the slowest of the address that holds most are dropped.

// freeShare is which part of what is free may be queued for one receiver, a dynamic threshold as in switches with shared memory: an
// eighth.
const freeShare = 8

// holding is what one socket holds. Server.mu guards it.
type holding struct {
	held  int    // bytes
	read  int    // of them, what a frame that has not come whole is read into
	took  int    // bytes that were written since
	since uint64 // when it began to hold anything, in Unix ms
	place int    // in address.holders
}

// allowance is how many bytes may be queued for k before its sender waits. An empty queue is never above it, so a sender goes on at
// the latest when its receiver has taken everything. Call it with mu held.
func (s *Server) allowance(k *socket) int {
	free := min(int(s.limits.TotalBytes)-s.held, int(s.limits.AddressBytes)-k.from.held)
	return max(0, min(int(s.limits.QueueBytes), free/freeShare))
}

// hold counts n bytes more for k, fewer if n is negative. Whoever adds some calls relieve behind it. Call it with mu held.
func (s *Server) hold(k *socket, n int) {
	if k.dead || n == 0 {
		return
	}
	a := k.from
	if k.held == 0 {
		k.since, k.took, k.place = nowMillis(), 0, len(a.holders)
		a.holders = append(a.holders, k)
	}
	k.held, a.held, s.held = k.held+n, a.held+n, s.held+n
	if k.held == 0 {
		a.release(k)
	}
	if a.held > int(s.limits.AddressBytes) || s.held > int(s.limits.TotalBytes) {
		s.over = a
	}
}

// holds returns how many bytes all sockets hold.
func (s *Server) holds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// holdRead counts what a frame of k's is read into. Call it with mu held.
func (s *Server) holdRead(k *socket, n int) {
	s.hold(k, n-k.read)
	k.read = n
}

// release takes k, which holds nothing, from the holders.
func (a *address) release(k *socket) {
	last := len(a.holders) - 1
	moved := a.holders[last]
	a.holders[k.place], moved.place = moved, k.place
	a.holders[last] = nil
	a.holders = a.holders[:last]
}

// relieve drops sockets until both budgets are kept. Call it with mu held, and not while a step's actions are carried out.
func (s *Server) relieve() {
	a := s.over
	if s.over = nil; a == nil {
		return
	}
	for a.held > int(s.limits.AddressBytes) {
		s.drop(a.slowest())
	}
	for s.held > int(s.limits.TotalBytes) {
		s.drop(s.fullest().slowest())
	}
}

// fullest is the address that holds most.
func (s *Server) fullest() (most *address) {
	for _, a := range s.addresses {
		if most == nil || a.held > most.held {
			most = a
		}
	}
	return most
}

// slowest is which of an address's sockets that hold something is the slowest. There has to be one.
func (a *address) slowest() (slowest *socket) {
	now, most := nowMillis(), uint64(0)
	for _, k := range a.holders {
		if n := k.slowness(now); slowest == nil || n > most {
			slowest, most = k, n
		}
	}
	return slowest
}

// tookAnyway keeps a socket that has just begun to hold something from being the slowest.
const tookAnyway = 4 << 10

// slowness is about how many ms a receiver takes for what it holds, by what it took so far.
func (k *socket) slowness(now uint64) uint64 {
	return uint64(k.held) * (now - min(now, k.since) + 1) / uint64(k.took+tookAnyway)
}

// drop ends a socket at once, without telling it: it takes too little for that.
func (s *Server) drop(k *socket) {
	s.stepLocked(relay.Fail{Conn: k.id, Reason: relay.OverBudget})
	s.kill(k)
	go k.stream.abort() // not here: it may wait
}

// abort closes the connection and has the kernel forget what it has not sent.
func (c *stream) abort() {
	below := c.Conn
	if t, ok := below.(*tls.Conn); ok {
		below = t.NetConn()
	}
	if tcp, ok := below.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	below.Close()
}
