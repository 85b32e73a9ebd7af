package peer

import (
	"slices"

	"github.com/masqdev/masq/core/pairing"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

func (e *Engine) invite(op *Op) {
	do := op.Do.(Invite)
	if e.pairing != nil || e.clock.Now() < e.invites.until {
		e.reply(Reply{Op: op.ID, Err: EBusy})
		return
	}
	dom, code := e.inviting(op.App)
	link := pairing.Link{URL: e.cfg.URL, Relay: e.relay()}
	if link.URL == "" {
		link.URL = do.URL
	}
	switch {
	case code != OK:
	case dom.roster.Left(e.publicIK()) == 0:
		code = EQuota
	case link.URL == "":
		code = ELink
	case link.Relay == "":
		code = ESync
	}
	if code != OK {
		e.reply(Reply{Op: op.ID, Err: code})
		return
	}
	e.random(link.Secret[:])
	m, err := pairing.Host(e.pairingSelf(), link, dom.offer(), e.rand, e.clock.Now())
	if err != nil {
		e.reply(Reply{Op: op.ID, Err: ELink})
		return
	}
	e.startPairing(&pairingRun{e: e, op: op.ID, host: true, domain: dom, link: link, m: m})
}

// inviting returns the domain that an invite is into: a local store's circle or, with an application, that one's peers; else the
// domain that this device is in.
func (e *Engine) inviting(app string) (*domain, Code) {
	if err := e.foundCircle(); err != nil {
		return nil, ESync
	}
	switch dom := e.home(); {
	case dom.out():
		return nil, ERevoked
	case !e.isStore() || app == "":
		return dom, OK
	}
	n := e.namespaceOf(app)
	if n == nil || n.gone || !n.on {
		return nil, EApp
	}
	dom := n.haveDomain()
	if dom.tend(none, mostTended) == mostTended {
		e.tend()
	}
	e.relieve()
	return dom, OK
}

func (dom *domain) offer() pairing.Offer {
	if n := dom.namespace; n != nil {
		o := pairing.Offer{Role: pairing.Application, Apps: []string{n.app}, Namespace: n.ns(), Root: dom.e.publicIK()}
		if dom.guest() {
			o.Root = dom.roster.Roots()[0]
		}
		return o
	}
	o := pairing.Offer{Genesis: dom.roster.Genesis(), Role: pairing.Full}
	if !dom.e.isStore() {
		o.Apps = []string{dom.e.cfg.App}
	}
	return o
}

func (e *Engine) join(op *Op) {
	do := op.Do.(Join)
	if e.pairing != nil {
		e.reply(Reply{Op: op.ID, Err: EBusy})
		return
	}
	link, err := pairing.ParseLink(do.Link)
	if err == nil && link.Relay == "" && len(e.cfg.Sync) > 0 {
		link.Relay = e.cfg.Sync[0]
	}
	var code Code
	switch {
	case err == pairing.ErrVersion:
		code = EVersion
	case err != nil || !e.takes(link):
		code = ELink
	case link.Relay == "":
		code = ESync
	case !e.alone():
		code = ECircle
	}
	if code != OK {
		e.reply(Reply{Op: op.ID, Err: code})
		return
	}
	if dom := e.home(); dom != nil && dom.out() {
		e.leave()
		e.renewSelf() // what is out for good comes back as another device
	}
	m, err := pairing.Joiner(e.pairingSelf(), link, e.rand, e.clock.Now())
	if err != nil {
		e.reply(Reply{Op: op.ID, Err: ELink})
		return
	}
	e.startPairing(&pairingRun{e: e, op: op.ID, link: link, m: m})
}

// takes reports whether a link is for this device. It leads to the application's own address. For a local store it leads to the Store
// manager, which always is on this computer, whichever store made the link.
func (e *Engine) takes(link pairing.Link) bool {
	if !e.isStore() {
		return link.SameApp(e.cfg.App)
	}
	scheme, host, _, ok := roster.SplitURL(link.URL)
	return ok && scheme == "http" && wire.IsLoopbackHost(host)
}

// alone reports whether this device may join others: it is in no domain with any, or it is out of the one that it was in.
func (e *Engine) alone() bool {
	dom := e.home()
	if dom == nil || dom.out() || !dom.in() {
		return true
	}
	return !slices.ContainsFunc(e.devices, func(d *device) bool { return d.adds == nil && d.member() })
}

func (e *Engine) pairingSelf() pairing.Self {
	return pairing.Self{IK: e.self.ik, NK: e.self.nk, Name: e.self.name, Kind: e.kind(), App: e.cfg.App}
}

func (e *Engine) confirm(op *Op) {
	do := op.Do.(Confirm)
	p := e.pairing
	switch {
	case p == nil || p.op != do.Target:
		e.reply(Reply{Op: op.ID, Err: EExpired})
	case p.step != Compare:
		e.reply(Reply{Op: op.ID, Err: EBusy})
	case !p.host && e.hasData() && !do.Bring && !do.Discard:
		e.reply(Reply{Op: op.ID, Err: EData})
	default:
		p.bring = do.Bring || !do.Discard
		e.reply(Reply{Op: op.ID})
		if p.m.State().Hidden {
			p.do(p.m.YesWith(e.clock.Now(), do.Digits))
		} else {
			p.do(p.m.Yes(e.clock.Now()))
		}
	}
}

func (e *Engine) cancel(op *Op) {
	do := op.Do.(Cancel)
	if p := e.pairing; p != nil && p.op == do.Target && p.step < Paired {
		p.send(p.m.No(e.clock.Now()))
		p.end(EDenied)
	}
	e.reply(Reply{Op: op.ID})
}
