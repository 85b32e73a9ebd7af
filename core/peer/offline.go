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
		for _, c := range d.channels {
			c.network(yes)
		}
	}
	if e.pairing != nil {
		e.pairing.network(wasOffline)
	}
}

// saysOffline reports whether that is why nothing is reached: not where any Sync Server is on this computer.
func (e *Engine) saysOffline() bool { return e.offline && !slices.ContainsFunc(e.relays(), onLoopback) }

// onLoopback reports whether url leads to this computer, which no network is needed for.
func onLoopback(url string) bool {
	_, host, _, ok := roster.SplitURL(url)
	return ok && wire.IsLoopbackHost(host)
}
