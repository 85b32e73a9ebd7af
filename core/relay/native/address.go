package native

import (
	"net/netip"
	"time"
)

// AddressLimits bound what one address may ask for: an IPv4 address, or an IPv6 /64.
type AddressLimits struct {
	Waiting      int // sockets that have not joined; 16
	Joined       int // sockets that have; 4,096
	NewPerMinute int // new sockets a minute; 600, all at once if none came for a minute
}

func (l *AddressLimits) setDefaults(d AddressLimits) {
	for _, f := range []struct {
		value    *int
		standard int
	}{{&l.Waiting, d.Waiting}, {&l.Joined, d.Joined}, {&l.NewPerMinute, d.NewPerMinute}} {
		if *f.value <= 0 {
			*f.value = f.standard
		}
	}
}

// address counts the sockets of one address.
type address struct {
	limits          AddressLimits
	waiting, joined int
	paidUntil       time.Time // each new socket moves it on by a minute / NewPerMinute; it stays out of the future
}

// The answers to a new socket.
type admission uint8

const (
	welcome    admission = iota
	crowded              // it is told E_RATE
	turnedAway           // so many have been told already that it gets nothing but an HTTP status
)

// admit counts a new socket. Whoever is not turned away is given back with leave.
func (a *address) admit(now time.Time) admission {
	if a.waiting >= 2*a.limits.Waiting {
		return turnedAway
	}
	a.waiting++
	paid := a.paidUntil
	if start := now.Add(-time.Minute); paid.Before(start) {
		paid = start
	}
	paid = paid.Add(time.Minute / time.Duration(a.limits.NewPerMinute))
	if a.waiting > a.limits.Waiting || a.joined >= a.limits.Joined || paid.After(now) {
		return crowded
	}
	a.paidUntil = paid
	return welcome
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
	return a.waiting == 0 && a.joined == 0 && !a.paidUntil.After(now.Add(-time.Minute))
}

// address finds the counts for a remote address as net/http writes it. Call it with mu held.
func (s *Server) address(remote string) *address {
	ap, _ := netip.ParseAddrPort(remote) // not an IP address: a test's; one count for all of them
	ip := ap.Addr().Unmap().WithZone("")
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
