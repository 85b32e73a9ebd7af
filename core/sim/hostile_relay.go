package sim

import (
	"slices"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// pass is what the Sync Server makes of a frame for a device: that frame, as long as it is honest. It has no keys, so it can only leave
// frames out, say them twice, say others', change them, and say what only it says.
func (s *server) pass(l *link, data []byte) [][]byte {
	w := s.w
	if w.hostile == nil || !w.hostile.relay || w.calm && w.now > w.truth || !w.chance(0.03) {
		return [][]byte{data}
	}
	do := pick(w, w.relayLies())
	isData := wire.RelayType(data[0]) == wire.RelayData
	w.log("server", do, uint64(len(data)))
	if do != "none" {
		w.did(do)
	}
	switch do {
	case "relay-drop":
		if isData {
			return nil
		}
	case "relay-double":
		return [][]byte{data, data}
	case "relay-replay":
		s.past = append(s.past[max(0, len(s.past)-maxKnown):], data)
		return [][]byte{data, pick(w, s.past)}
	case "relay-flip":
		if isData && len(data) > 1 {
			data = slices.Clone(data)
			data[1+w.rng.IntN(len(data)-1)] ^= 1 << w.rng.IntN(8)
		}
	case "relay-peer": // the other has gone, and is back
		frame := func(present bool) []byte {
			return wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayPeer, Present: present})
		}
		return [][]byte{data, frame(false), frame(true)}
	case "relay-close":
		w.after(0, func() { s.act(relay.Close{Conn: l.id, Code: uint16(w.between(4000, 4010))}) })
	case "relay-restart":
		in, try := w.rng.Uint32()>>w.rng.IntN(32), w.rng.Uint32()>>w.rng.IntN(32)
		return [][]byte{data, wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayRestarting, ReconnectIn: in, TryFor: try})}
	}
	return [][]byte{data}
}

// relayLies are those that the Sync Server tells; one that does nothing if it tells none.
func (w *simulation) relayLies() []string {
	var names []string
	for i := range lies {
		if l := &lies[i]; l.who == relayOnly && w.tells(l.name) {
			names = append(names, l.name)
		}
	}
	if names == nil {
		return []string{"none"}
	}
	return names
}
