package native

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// AddressLimits bound what one address may ask for: an IPv4 address, or an IPv6 /64.
type AddressLimits struct {
	Handshakes          int // connections that are no WebSockets yet, or never will be; 64
	Waiting             int // sockets that have not joined; 16
	Joined              int // sockets that have; 4,096
	NewPerMinute        int // new sockets a minute; 600, all at once if none came for a minute. As many more are told E_RATE
	NameplatesPerMinute int // nameplates opened a minute, and as many reserved; 10
}

func (l *AddressLimits) setDefaults(d AddressLimits) {
	for _, f := range []struct {
		value    *int
		standard int
	}{
		{&l.Handshakes, d.Handshakes}, {&l.Waiting, d.Waiting}, {&l.Joined, d.Joined}, {&l.NewPerMinute, d.NewPerMinute},
		{&l.NameplatesPerMinute, d.NameplatesPerMinute},
	} {
		if *f.value <= 0 {
			*f.value = f.standard
		}
	}
}

// address counts what one address has and asks for.
type address struct {
	limits                      AddressLimits
	handshakes, waiting, joined int
	sockets, told               bucket // new sockets, and those that were told E_RATE
	opened, reserved            bucket // nameplates
	held                        int    // bytes of messages
	holders                     []*socket
}

// bucket spends so many a minute. The zero value is full.
type bucket struct {
	paidUntil time.Time // each moves it on by a minute / perMinute; it stays out of the future
}

func (b *bucket) take(now time.Time, perMinute int) bool {
	paid := b.next(now, perMinute)
	if paid.After(now) {
		return false
	}
	b.paidUntil = paid
	return true
}

// next is when there is one more to take.
func (b *bucket) next(now time.Time, perMinute int) time.Time {
	paid := b.paidUntil
	if start := now.Add(-time.Minute); paid.Before(start) {
		paid = start
	}
	return paid.Add(time.Minute / time.Duration(perMinute))
}

// full reports whether nothing was taken lately.
func (b *bucket) full(now time.Time) bool { return !b.paidUntil.After(now.Add(-time.Minute)) }

// The answers to a new socket.
type admission uint8

const (
	welcome    admission = iota
	crowded              // it is told E_RATE
	turnedAway           // so many have been told already that it gets nothing but an HTTP status
)

// admit counts a new socket. Whoever is not turned away is given back with leave.
func (a *address) admit(now time.Time) admission {
	l := &a.limits
	switch {
	case a.waiting >= 2*l.Waiting:
		return turnedAway
	case a.waiting < l.Waiting && a.joined < l.Joined && a.sockets.take(now, l.NewPerMinute):
		a.waiting++
		return welcome
	case a.told.take(now, l.NewPerMinute):
		a.waiting++
		return crowded
	}
	return turnedAway
}

// spent reports whether nothing would come of a new connection, a socket as little as an E_RATE.
func (a *address) spent(now time.Time) bool {
	return a.sockets.next(now, a.limits.NewPerMinute).After(now) && a.told.next(now, a.limits.NewPerMinute).After(now)
}

// join: one of those waiting has joined.
func (a *address) join() { a.waiting--; a.joined++ }

func (a *address) leave(joined bool) {
	if joined {
		a.joined--
	} else {
		a.waiting--
	}
}

// forgettable reports whether forgetting a changes nothing.
func (a *address) forgettable(now time.Time) bool {
	return a.handshakes == 0 && a.waiting == 0 && a.joined == 0 &&
		a.sockets.full(now) && a.told.full(now) && a.opened.full(now) && a.reserved.full(now)
}

// parseRemote is a remote address as net/http writes it. What is no IP address, as in tests, is the zero Addr: one for all.
func parseRemote(remote string) netip.Addr {
	ap, _ := netip.ParseAddrPort(remote)
	return ap.Addr().Unmap().WithZone("")
}

// clientOf is whom a request comes from: behind trusted proxies, the nearest address in X-Forwarded-For that is not one of them.
func (s *Server) clientOf(r *http.Request) netip.Addr {
	ip := parseRemote(r.RemoteAddr)
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(forwarded) {
		if !s.trusts(ip) {
			break
		}
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		ip = next.Unmap().WithZone("")
	}
	return ip
}

func (s *Server) trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(s.opt.Proxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// address finds the counts for an address. Call it with mu held.
func (s *Server) address(ip netip.Addr) *address {
	limits := s.opt.PerAddress
	switch {
	case !ip.IsValid() || ip.IsLoopback():
		limits = s.opt.Loopback
	case ip.Is6():
		if p, err := ip.Prefix(64); err == nil {
			ip = p.Addr()
		}
	}
	a := s.addresses[ip]
	if a == nil {
		a = &address{limits: limits}
		s.addresses[ip] = a
	}
	return a
}

// sweep forgets the addresses that need not be known. Call it with mu held.
func (s *Server) sweep(now time.Time) {
	for ip, a := range s.addresses {
		if a.forgettable(now) {
			delete(s.addresses, ip)
		}
	}
}
