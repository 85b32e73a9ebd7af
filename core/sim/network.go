package sim

import (
	"slices"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// relayURL is where the Sync Server is: not on a device's own computer, where what is said of the network does not count. A prefix in
// its path is part of what is tested.
const (
	relayHost = "sync.example:6280"
	relayURL  = "wss://" + relayHost + "/masq"
)

// serverHosts are where there may be Sync Servers. Most meshes have the first only.
var serverHosts = []string{relayHost, "other.example:6280"}

func serverURL(host string) string { return "wss://" + host + "/masq" }

// network is what lies between the devices and the Sync Server.
type network struct {
	w     *simulation
	slow  uint64 // latency is multiplied by this
	flips int    // this many of the next DATA frames have a bit flipped
	links []*link
}

func (n *network) init(w *simulation) { n.w, n.slow = w, 1 }

// link is a WebSocket between a device and the Sync Server.
type link struct {
	w      *simulation
	id     uint64 // the server's number
	p      *proc
	conn   uint32 // the device's number
	server *server
	up     pipe // to the server
	down   pipe // to the device
	phase  linkPhase
}

type linkPhase uint8

const (
	dialling linkPhase = iota
	standing
	ended // for the device; the server may not know yet
)

// pipe is one direction of a TCP stream: what goes in comes out in order, or not at all once it is cut.
type pipe struct {
	cut  bool
	busy uint64 // until when what was sent occupies the line
	last uint64 // when the last of it arrives
}

// carry has f done when size bytes have come through the pipe.
func (w *simulation) carry(p *pipe, size int, f func()) {
	if p.cut {
		return
	}
	p.busy = max(p.busy, w.now) + uint64(size)*second/w.profile.bandwidth
	p.last = max(p.last, p.busy+w.latency())
	w.after(p.last-w.now, func() {
		if !p.cut {
			f()
		}
	})
}

func (w *simulation) latency() uint64 {
	return w.net.slow * (w.profile.latency/2 + w.upTo(w.profile.latency) + w.around(w.profile.jitter+1))
}

// maxSockets is how many one device may have open, whoever it is told of: 16 channels, each with its neighbour at the change of day, and
// a mailbox.
const maxSockets = 2*16 + 1

// open counts a device's sockets.
func (n *network) open(p *proc) (count int) {
	for _, l := range n.links {
		if l.p == p && l.phase != ended {
			count++
		}
	}
	return count
}

// dial opens a WebSocket for p, or fails.
func (n *network) dial(p *proc, conn uint32, url string) *link {
	w := n.w
	server, path := w.serverAt(url)
	if server == nil {
		w.failf("%s dials %q", p.name(), url)
		server = w.servers[0]
	}
	l := &link{w: w, p: p, conn: conn, server: server}
	if n.open(p) >= maxSockets && w.hostile != nil && !p.d.hostile() {
		w.failf("%s opens more than %d sockets", p.name(), maxSockets)
		panic(givenUp{})
	}
	n.links = append(slices.DeleteFunc(n.links, func(l *link) bool { return l.phase == ended && l.up.cut && l.down.cut }), l)
	switch reachable := !p.d.cutOff && server.up; {
	case reachable:
		w.carry(&l.up, 600, func() { l.arrive(path) })
	case w.chance(0.2): // nothing returns, and nothing says so for long
		w.after(w.between(20*second, 2*minute), func() { l.tell(0) })
	default:
		w.after(w.latency()+w.upTo(second), func() { l.tell(0) })
	}
	return l
}

// arrive is the WebSocket's opening at the server.
func (l *link) arrive(path string) {
	if l.p.dead || l.server.over || !l.server.up {
		l.tell(1006)
		return
	}
	l.id = l.server.number(l)
	l.w.carry(&l.down, 200, func() {
		if l.phase == dialling {
			l.phase = standing
			l.p.event(peer.Opened{Conn: l.conn})
		}
	})
	l.server.step(relay.Open{Conn: l.id, Path: path, Host: l.server.host})
}

// send carries a frame from the device to the server.
func (l *link) send(data []byte, text bool) {
	if l.w.net.lose(data) {
		return
	}
	data = l.w.net.flip(data)
	l.w.carry(&l.up, len(data)+20, func() {
		if l.id != 0 {
			l.server.step(&relay.Frame{Conn: l.id, Data: data, Text: text})
		}
	})
}

// flip flips a bit in one of the frames that pass, when a fault says so.
func (n *network) flip(data []byte) []byte {
	if n.flips == 0 || len(data) < 2 || wire.RelayType(data[0]) != wire.RelayData {
		return data
	}
	n.flips--
	at := 1 + n.w.rng.IntN(len(data)-1)
	data = slices.Clone(data)
	data[at] ^= 1 << n.w.rng.IntN(8)
	n.w.did("flip")
	n.w.log("network", "flip", uint64(len(data)), "at ", at)
	return data
}

// lose reports whether a frame is lost for the other device, and no connection with it. A Sync Server may do that.
func (n *network) lose(data []byte) bool {
	if wire.RelayType(data[0]) != wire.RelayData || n.w.calm || !n.w.chance(n.w.profile.loss) {
		return false
	}
	n.w.did("lose")
	n.w.log("network", "lose", uint64(len(data)))
	return true
}

// deliver brings a frame to a device. Between the nodes of a Sync Server a frame may come twice, or behind those that were sent after it.
func (s *server) deliver(l *link, data []byte) {
	w, arrives := s.w, func() { l.p.event(peer.Frame{Conn: l.conn, Data: slices.Clone(data)}) }
	mixed := wire.RelayType(data[0]) == wire.RelayData && !w.calm
	if mixed && w.chance(w.profile.twice) {
		w.did("frame twice")
		w.log("network", "twice", uint64(len(data)))
		w.carry(&l.down, len(data)+10, arrives)
	}
	if mixed && w.chance(w.profile.late) {
		w.did("frame late")
		w.log("network", "late", uint64(len(data)))
		w.after(w.upTo(300*ms), func() { w.carry(&l.down, len(data)+10, arrives) })
		return
	}
	w.carry(&l.down, len(data)+10, arrives)
}

// tell lets the device know that the connection has ended, or could not be made.
func (l *link) tell(code uint16) {
	if l.phase != ended {
		l.phase = ended
		l.down.cut = true
		l.p.event(peer.Closed{Conn: l.conn, Code: code})
	}
}

// leave ends the connection for the server, in some time.
func (l *link) leave(in uint64) {
	l.up.cut = true
	l.w.after(in, func() { l.gone() })
}

func (l *link) gone() {
	if l.id != 0 && !l.server.over {
		delete(l.server.links, l.id)
		l.server.step(relay.Closed{Conn: l.id})
		l.id = 0
	}
}

// hangup is the device's: nothing more arrives here, and the server hears of it behind what was sent.
func (l *link) hangup() {
	if l.phase != ended {
		l.phase = ended
		l.down.cut = true
		l.w.carry(&l.up, 8, func() { l.up.cut = true; l.gone() })
	}
}

// drop ends a connection from the middle. Each end hears of it at its own time.
func (l *link) drop() {
	w := l.w
	w.did("drop")
	w.log(l.p.name(), "drop", uint64(l.conn))
	l.leave(w.around(2 * second))
	l.down.cut = true
	w.after(w.around(second), func() { l.tell(1006) })
}

// silence cuts a connection and tells nobody, or the one or the other end, late.
func (l *link) silence() {
	w := l.w
	w.did("silent line")
	w.log(l.p.name(), "silence", uint64(l.conn))
	l.up.cut, l.down.cut = true, true
	if w.chance(0.5) {
		w.after(w.around(30*second), func() { l.tell(1006) })
	}
	if w.chance(0.5) {
		l.leave(w.around(minute))
	}
}

// standing returns the links that a fault may hit.
func (n *network) standing() []*link {
	var out []*link
	for _, l := range n.links {
		if l.phase == standing && !l.down.cut {
			out = append(out, l)
		}
	}
	return out
}

// server runs a Sync Server's core.
type server struct {
	w    *simulation
	host string
	over bool // another one runs in its place
	core *relay.Server
	up   bool
	last uint64
	// Looked up by number, never walked: the order of a map is not the seed's.
	links map[uint64]*link
	ticks uint64   // the newest tick that is scheduled
	past  [][]byte // frames that a server that lies keeps in mind
}

func newServer(w *simulation, host string) *server {
	var seed [32]byte
	fill(w, seed[:])
	core := relay.New(relay.Config{Hosts: []string{host}, Rand: newRand(seed)})
	return &server{w: w, host: host, core: core, up: true, links: map[uint64]*link{}}
}

// serverAt is the Sync Server behind a URL, with the path there; nil if there is none.
func (w *simulation) serverAt(url string) (s *server, path string) {
	for _, s := range w.servers {
		if path, ok := strings.CutPrefix(url, strings.TrimSuffix(serverURL(s.host), "/masq")); ok {
			return s, path
		}
	}
	return nil, ""
}

func (s *server) clock() uint64 { return epoch + s.w.now/ms }

func (s *server) number(l *link) uint64 {
	s.last++
	s.links[s.last] = l
	return s.last
}

func (s *server) step(ev relay.Event) {
	var out relay.Actions
	s.core.Step(s.clock(), ev, &out)
	for _, a := range out.List {
		s.act(a)
	}
	if at, ok := s.core.Next(); ok {
		s.ticks++
		mine := s.ticks
		in := (max(at, s.clock()+1) - s.clock()) * ms
		s.w.after(in, func() {
			if mine == s.ticks && !s.over {
				s.step(relay.Tick{})
			}
		})
	}
}

func (s *server) act(a relay.Action) {
	switch a := a.(type) {
	case *relay.Send:
		if l := s.links[a.Conn]; l != nil {
			for _, data := range s.pass(l, a.Data) {
				s.deliver(l, data)
			}
		}
	case relay.SendText:
		if l := s.links[a.Conn]; l != nil {
			s.w.carry(&l.down, len(a.Text), func() { l.p.event(peer.Pong{Conn: l.conn}) })
		}
	case relay.Close:
		if l := s.links[a.Conn]; l != nil {
			delete(s.links, a.Conn)
			l.id, l.up.cut = 0, true
			s.w.carry(&l.down, 4, func() { l.tell(a.Code) })
		}
	case relay.Joined:
	}
}

// restart takes the server away for a time; all that it knew is lost. A drained one says so before.
func (s *server) restart() {
	w := s.w
	if !s.up {
		return
	}
	drained := w.chance(0.5)
	w.did("restart server")
	w.log("server", "restart", 0, "drained ", drained)
	if drained {
		s.step(relay.Drain{ReconnectIn: 1000, TryFor: 30_000})
	}
	s.up = false
	for _, l := range w.net.links {
		if l.server == s && !l.down.cut && !drained {
			l.up.cut = true
			if w.chance(0.8) {
				l.down.cut = true
				w.after(w.around(second), func() { l.tell(1006) })
			}
		}
	}
	down := w.around(8 * second)
	w.after(down, w.startServers)
}

// startServers starts those that are down.
func (w *simulation) startServers() {
	for i, s := range w.servers {
		if !s.up {
			s.over = true
			w.servers[i] = newServer(w, s.host)
			w.log("server", "up", uint64(i))
		}
	}
}
