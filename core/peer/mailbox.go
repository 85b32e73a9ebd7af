package peer

import (
	"slices"

	"github.com/masqdev/masq/core/pairing"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// pairingRun is one Invite or Join on its way: a mailbox's socket, and on it the state machine of package pairing.
type pairingRun struct {
	e        *Engine
	op       uint64
	host     bool
	domain   *domain // host: what the other device is let into
	link     pairing.Link
	m        *pairing.Machine
	box      relayConn // at the mailbox
	replied  bool
	step     PairingStep
	last     PairingState // sent
	bring    bool
	nk       [32]byte // the other device, once paired
	patience Millis   // until when another is opened although it does not work
	alone    Millis   // the joiner: how long to wait for a host that is not there
	until    Millis   // Paired: when the first session is given up
}

// inviteGuard slows down whoever guesses at invites: after three that were spent in a row the next one waits.
type inviteGuard struct {
	spent int
	until Millis
}

const (
	hostTimeout  = 15_000
	spentMost    = 3
	spentWait    = 30_000
	pendingLives = 600_000

	mailboxMost     = 5_000  // between two dials of a mailbox: less than a joiner waits for its host
	pairingPatience = 30_000 // a network that has come back may take a while to carry anything
)

func (e *Engine) startPairing(p *pairingRun) {
	e.pairing = p
	p.step = Waiting
	p.box = relayConn{e: e, user: p, relay: p.link.Relay, path: wire.PairPath(p.link.Mailbox()), most: mailboxMost}
	p.box.dial()
	p.tellOffline()
}

func (p *pairingRun) greeting(*wire.RelayFrame) []byte {
	side := uint8(1)
	if p.host {
		side = 0
	}
	return wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayPair, Side: side})
}

func (p *pairingRun) joined() {
	p.answer()
}

// peer notes whether the other side is at the mailbox. The host of an invite that still stands always is.
func (p *pairingRun) peer(yes bool) {
	p.alone = 0
	if !yes && !p.host {
		p.alone = p.e.clock.Now() + hostTimeout
	}
	p.do(p.m.Peer(p.e.clock.Now(), yes))
}

func (p *pairingRun) body(data []byte) { p.do(p.m.Receive(p.e.clock.Now(), data)) }

func (p *pairingRun) tick() {}

// slack: an exchange that has begun has a time limit of its own.
func (p *pairingRun) slack() Millis {
	if p.m.State().Spent {
		return pendingLives
	}
	return 0
}

// lost reports whether to open the mailbox again: the link is still good if it was not spent in the mailbox that ended.
func (p *pairingRun) lost(code uint16, stood bool) bool {
	relayCode, refused := wire.RelayCodeOf(code)
	spent := p.m.State().Spent
	if stood && !spent {
		p.patience = p.e.clock.Now() + pairingPatience
	}
	patient := p.e.clock.Now() < max(p.patience, p.box.restarting) || p.offline()
	switch {
	case p.step >= Paired: // the mailbox has done its work
	case relayCode == wire.RelayECrowded:
		p.end(ECrowded)
	case !spent && (p.host && p.replied || !refused && patient): // a joiner came and left, or the server went: the link is as good as before
		p.alone = 0
		p.do(p.m.Peer(p.e.clock.Now(), false))
		return p.step < Paired
	case relayCode == wire.RelayEExpired:
		p.end(EExpired)
	case stood && spent:
		p.end(EDenied)
	default:
		p.end(ESync)
	}
	return false
}

// offline reports whether the mailbox is not reached because this device is offline.
func (p *pairingRun) offline() bool {
	return p.step < Paired && p.box.phase < relayJoined && p.e.away(p.link.Relay)
}

// tellOffline tells the caller at once that this device is offline. The link works as soon as the device is online.
func (p *pairingRun) tellOffline() {
	if p.offline() {
		p.answer()
	}
	if p.replied {
		p.report()
	}
}

// network goes on after the driver has said whether there is one.
func (p *pairingRun) network(wasOffline bool) {
	if wasOffline && !p.e.offline {
		p.patience = p.e.clock.Now() + pairingPatience
	}
	p.box.network(!p.e.offline)
	p.tellOffline()
}

// answer replies to the operation once the mailbox stands, or cannot because this device is offline.
func (p *pairingRun) answer() {
	if p.replied {
		return
	}
	p.replied = true
	r := Reply{Op: p.op}
	if p.host {
		r.Text = p.link.String()
	}
	p.e.reply(r)
}

// do sends what the state machine answered and goes on to where it is now.
func (p *pairingRun) do(bodies [][]byte) {
	p.send(bodies)
	st := p.m.State()
	switch {
	case st.Err != nil:
		p.end(pairingCode(st.Err))
		return
	case p.host && st.Step == pairing.BothYes && p.step < Paired:
		p.grant()
		return
	case !p.host && st.Step == pairing.Granted && p.step < Paired:
		p.granted()
	}
	p.report()
}

func (p *pairingRun) send(bodies [][]byte) {
	for _, b := range bodies {
		p.box.send(wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayData, Body: b}))
	}
}

// grants is what lets a joiner into the domain.
func (dom *domain) grants() pairing.Grant {
	out := pairing.Grant{Role: pairing.Full, Secret: dom.secret, Relays: dom.e.relays(), Roster: dom.roster.Grant(dom.e.publicIK())}
	if dom.namespace != nil {
		out.Role, out.Namespace = pairing.Application, dom.namespace.ns()
	}
	return out
}

// grant lets the joiner in: it gets the domain's secret and roster, and is pending until the first session.
func (p *pairingRun) grant() {
	e, dom := p.e, p.domain
	other, acceptance := p.m.Joined()
	d := e.deviceOf(other.NK)
	if d == nil {
		d = e.addDevice(dom, other.IK, other.NK, other.Kind, other.Name)
	}
	switch {
	case d == nil || d.domain != dom:
		p.end(EBusy)
		return
	case !d.member() && dom.roster.Left(e.publicIK()) == 0:
		p.end(EQuota)
		return
	}
	if !d.member() { // a member that lost its circle with its disk gets it again
		d.adds = &pendingAdd{domain: dom, member: other, acceptance: acceptance, until: e.clock.Wall() + pendingLives}
		e.savePending()
	}
	e.invites = inviteGuard{}
	p.paired(other.NK)
	p.report()
	e.after(func() { // the joiner must not be in a circle that has forgotten it after a crash
		if e.pairing == p {
			p.send(p.m.Grant(e.clock.Now(), dom.grants()))
		}
	})
}

// granted makes the inviter's domain this device's own.
func (p *pairingRun) granted() {
	e := p.e
	grant, ros := p.m.Granted()
	host := p.m.State().Other
	e.leave()
	dom := &domain{e: e, secret: grant.Secret, roster: ros}
	if grant.Role == pairing.Application {
		dom.namespace, dom.ns = e.namespaces[0], grant.Namespace
		e.namespaces[0].peers = dom
		e.saveGuestRelays(grant.Relays)
	} else {
		e.circle = dom
	}
	dom.save()
	dom.told = ros.Heads()
	choice := byte(moveDiscard)
	if p.bring {
		choice = moveBring
	}
	for _, n := range e.namespaces {
		e.led.SetMeta(metaMoving+n.number(), []byte{choice})
	}
	e.moveData()
	e.refreshDevices(dom)
	if d := e.deviceOf(host.NK); d != nil && d.name == "" {
		d.name, d.unsaved = host.Name, true // which the roster of a namespace does not say
	}
	p.paired(host.NK)
}

func (p *pairingRun) paired(nk [32]byte) {
	p.nk, p.step = nk, Paired
	p.e.places.given = false
	p.until = p.e.clock.Now() + pendingLives
	if !p.host {
		p.box.hangup()
	}
	p.e.touch()
}

// paired is called when a session with d has both in one roster.
func (e *Engine) paired(d *device) {
	if p := e.pairing; p != nil && p.step == Paired && p.nk == d.nk {
		p.step = Done
		p.report()
		p.close()
	}
}

func (p *pairingRun) report() {
	st := p.m.State()
	out := PairingState{Op: p.op, Step: p.step, Digits: st.Digits, Name: st.Other.Name, Expires: p.e.clock.ToWall(p.m.Deadline())}
	if p.step < Paired {
		switch st.Step {
		case pairing.Compare:
			out.Step = Compare
		case pairing.Confirmed, pairing.BothYes:
			out.Step = Confirmed
		}
		p.step = out.Step
	} else {
		out.Expires = 0
	}
	out.Offline = p.offline()
	out.HasData = !p.host && p.step < Paired && p.e.hasData()
	if out != p.last {
		p.last = out
		p.e.out.add(out)
	}
}

// end gives the pairing up.
func (p *pairingRun) end(code Code) {
	if p.step == Done || p.step == PairFailed {
		return
	}
	if p.host && p.m.State().Spent {
		p.e.spentInvite()
	}
	p.step = PairFailed
	if !p.replied {
		p.replied = true
		p.e.reply(Reply{Op: p.op, Err: code})
	} else {
		p.e.out.add(PairingState{Op: p.op, Step: PairFailed, Err: code})
	}
	p.close()
}

func (p *pairingRun) close() {
	p.m.Close()
	p.box.hangup()
	if p.e.pairing == p {
		p.e.pairing = nil
		p.e.tallied()
	}
}

func (e *Engine) spentInvite() {
	e.invites.spent++
	if e.invites.spent >= spentMost {
		e.invites = inviteGuard{until: e.clock.Now() + spentWait}
	}
}

func (e *Engine) hasData() bool {
	return slices.ContainsFunc(e.namespaces, func(n *namespace) bool { return n.rep.Count() > 0 })
}

func (e *Engine) pairingTimers() {
	p := e.pairing
	if p == nil {
		return
	}
	switch {
	case p.step == Paired:
		if e.clock.Due(p.until) {
			p.end(EExpired)
		}
	case p.replied && e.clock.Due(p.m.Deadline()):
		p.do(p.m.Tick(e.clock.Now()))
	case p.replied && e.clock.Due(p.alone):
		p.end(EExpired)
	case p.step < Paired:
		p.box.timers()
	}
}

func pairingCode(err error) Code {
	switch err {
	case pairing.ErrExpired:
		return EExpired
	case pairing.ErrDenied, pairing.ErrRole:
		return EDenied
	case pairing.ErrCircle:
		return ECircle
	case pairing.ErrVersion, roster.ErrVersion:
		return EVersion
	case pairing.ErrLink:
		return ELink
	case pairing.ErrCrowded:
		return ECrowded
	}
	return EAuth
}
