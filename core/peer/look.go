package peer

import "slices"

// The status tells of every application and every device. Of 1,000 applications a step mostly changes one, so what the status says of each is
// kept, and made anew only where something was touched.

// look is what the status says of a namespace.
type look struct {
	stale   bool // it is to be looked at again
	untold  bool // it may be another than was told last
	entries uint64
	damaged Damaged
	app     AppStatus // in a local store
	at      int       // its place in the status that was told last
}

// looks is what is to be looked at.
type looks struct {
	all     bool // everything
	stale   []*namespace
	untold  []*namespace
	entries uint64 // in all namespaces
	count   uint64 // how often a namespace was looked at
}

// standing is how devices stand in namespaces, one or several.
type standing struct {
	toSend                   uint64
	receiving, full, differs int
}

// touch notes that something has changed that the status tells of everything.
func (e *Engine) touch() {
	e.revision++
	e.looks.all = true
}

// touch notes that something has changed that the status tells of this namespace.
func (n *namespace) touch() {
	n.e.revision++
	n.recount()
}

// recount has the counts made anew for the next status, though they are no reason for one.
func (n *namespace) recount() {
	if l := &n.looked; !l.stale {
		l.stale = true
		n.e.looks.stale = append(n.e.looks.stale, n)
	}
}

// look makes anew what was touched. It reports whether that was everything.
func (e *Engine) look() (all bool) {
	l := &e.looks
	if all = l.all || !e.sent; all {
		l.all, l.entries, l.stale, l.untold = false, 0, append(l.stale[:0], e.namespaces...), l.untold[:0]
		for _, d := range e.devices {
			d.standing = standing{}
			for _, p := range d.progress {
				p.standing = standing{}
			}
		}
		for _, n := range e.namespaces {
			n.looked.entries, n.looked.untold = 0, false
		}
	}
	for _, n := range l.stale {
		n.look()
	}
	clear(l.stale)
	l.stale = l.stale[:0]
	return all
}

func (n *namespace) look() {
	e, l := n.e, &n.looked
	e.looks.count++
	l.stale = false
	e.looks.entries -= l.entries
	if l.entries, l.damaged = 0, (Damaged{}); !n.gone {
		l.entries, l.damaged = n.rep.Count(), n.damaged()
	}
	e.looks.entries += l.entries
	for _, d := range e.devices {
		if d.shares(n) {
			d.stand(n)
		}
	}
	if !e.isStore() || n.gone {
		return
	}
	l.app = n.status()
	if !l.untold {
		l.untold = true
		e.looks.untold = append(e.looks.untold, n)
	}
}

// stand counts anew how the device stands in a namespace.
func (d *device) stand(n *namespace) {
	p, s := d.in(n), &d.standing
	was := p.standing
	if p.standing = (standing{}); n.wanted(d) && !p.declined {
		p.standing = standing{n.toSend(p), one(d.receiving(n)), one(p.full), one(p.differs)}
	}
	now := &p.standing
	s.toSend += now.toSend - was.toSend
	s.receiving += now.receiving - was.receiving
	s.full += now.full - was.full
	s.differs += now.differs - was.differs
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// lookedAt is what the status says of all applications.
func (e *Engine) lookedAt() (out []AppStatus) {
	if !e.isStore() {
		return nil
	}
	for _, n := range e.namespaces {
		if !n.gone {
			n.looked.at = len(out)
			out = append(out, n.looked.app)
		}
	}
	return out
}

// news is in what the status differs from the one that was told last.
func (e *Engine) news(s *Status) difference {
	d, was := s.differs(&e.status), e.status.Apps
	if len(s.Apps) != len(was) {
		return inState
	}
	for _, n := range e.looks.untold {
		d = max(d, n.looked.app.differs(&was[n.looked.at]))
	}
	return d
}

// told notes that the status s is told, nil if it is the same as before, and fills it in.
func (e *Engine) told(s *Status) {
	l := &e.looks
	if s != nil && len(l.untold) > 0 {
		s.Apps = slices.Clone(s.Apps)
	}
	for _, n := range l.untold {
		if n.looked.untold = false; s != nil {
			s.Apps[n.looked.at] = n.looked.app
		}
	}
	clear(l.untold)
	l.untold = l.untold[:0]
}
