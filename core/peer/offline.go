package peer

import (
	"slices"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// setOnline takes in what the driver is told of the network. It is a hint: a browser may say offline where all works, and may not say
// that the network is back. So it changes how soon the Sync Server is dialled again, never whether.
func (e *Engine) setOnline(yes bool) {
	wasOffline := e.offline
	e.offline, e.statusDirty = !yes, true
	for _, d := range e.devices {
		for _, l := range d.lines {
			l.network(yes)
		}
	}
	if e.pairing != nil {
		e.pairing.network(wasOffline)
	}
}

// network goes on after the driver has said whether there is one.
func (l *line) network(yes bool) {
	switch {
	case l.phase == lineJoined && l.pongBy == 0: // the network may have changed below it
		l.pingAt = l.d.e.now
	case l.phase == lineDown && yes:
		l.retryAt = l.d.e.now
	}
}

// away reports whether this device is said to be offline and a Sync Server at url is not on it.
func (e *Engine) away(url string) bool { return e.offline && !onLoopback(url) }

// saysOffline reports whether that is why nothing is reached: not where any Sync Server is on this computer.
func (e *Engine) saysOffline() bool { return e.offline && !slices.ContainsFunc(e.relays(), onLoopback) }

// onLoopback reports whether url leads to this computer, which no network is needed for.
func onLoopback(url string) bool {
	_, host, _, ok := roster.SplitURL(url)
	return ok && wire.IsLoopbackHost(host)
}
