package mixed

import "strings"

const (
	relayHost = "sync.example"
	relayURL  = "wss://" + relayHost
)

// network is the Sync Server, of the one version or the other, and the connections to it.
type network struct {
	r      *run
	server Server
	last   uint64
	links  map[uint64]*link // looked up by number, never walked: the order of a map is not the seed's
	ticks  uint64           // the newest tick that is scheduled
}

// link is a WebSocket between a device and the Sync Server.
type link struct {
	d        *device
	life     int
	conn     uint32
	id       uint64
	up, down uint64 // when the last that was sent arrives
	ended    bool
}

func (n *network) init(r *run) {
	*n = network{r: r, links: map[uint64]*link{}}
	n.server = r.versions[r.rng.IntN(2)].Server(relayHost, r.random())
}

// carry has f done a while after what was sent before it in that direction.
func (n *network) carry(last *uint64, f func()) {
	*last = max(*last, n.r.now+n.r.between(1, 80))
	n.r.after(*last-n.r.now, f)
}

func (n *network) dial(d *device, a Dial) {
	if d.offline {
		life := d.life
		n.r.after(50, func() { d.event(life, Closed{Conn: a.Conn}) })
		return
	}
	n.r.log(d.name, "dial", a.Conn, " ", a.URL)
	n.last++
	l := &link{d: d, life: d.life, conn: a.Conn, id: n.last}
	n.links[l.id], d.links[a.Conn] = l, l
	n.carry(&l.up, func() {
		if !l.ended {
			n.tell(l, Opened{Conn: l.conn})
			n.step(Accept{Conn: l.id, Path: strings.TrimPrefix(a.URL, relayURL), Host: relayHost})
		}
	})
}

// tell carries an event from the server to the device.
func (n *network) tell(l *link, ev any) {
	n.carry(&l.down, func() {
		if !l.ended {
			l.d.event(l.life, ev)
		}
	})
}

// send carries a frame from the device to the server.
func (n *network) send(l *link, a Send) {
	n.carry(&l.up, func() { n.step(Packet{Conn: l.id, Data: a.Data, Text: a.Text}) })
}

// drop ends a link for the device; the server hears of it behind what was sent.
func (n *network) drop(l *link) {
	n.r.log(l.d.name, "hangup", l.conn)
	l.ended = true
	delete(l.d.links, l.conn)
	n.carry(&l.up, func() {
		delete(n.links, l.id)
		n.step(Gone{Conn: l.id})
	})
}

func (n *network) step(ev any) {
	for _, a := range n.server.Step(epoch+n.r.now, ev) {
		n.act(a)
	}
	if at, ok := n.server.Next(); ok {
		n.ticks++
		mine := n.ticks
		n.r.after(max(at, epoch+n.r.now+1)-epoch-n.r.now, func() {
			if mine == n.ticks {
				n.step(Tick{})
			}
		})
	}
}

func (n *network) act(a any) {
	switch a := a.(type) {
	case Packet:
		if l := n.links[a.Conn]; l != nil && a.Text {
			n.tell(l, Pong{Conn: l.conn})
		} else if l != nil {
			n.tell(l, Frame{Conn: l.conn, Data: a.Data})
		}
	case Gone:
		if l := n.links[a.Conn]; l != nil {
			delete(n.links, a.Conn)
			n.carry(&l.down, func() {
				if !l.ended {
					l.ended = true
					delete(l.d.links, l.conn)
					n.r.log(l.d.name, "closed", l.conn, " ", a.Code)
					l.d.event(l.life, Closed{Conn: l.conn, Code: a.Code})
				}
			})
		}
	}
}
