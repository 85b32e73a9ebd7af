package peer

import (
	"slices"
	"strings"

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
	conn     uint32
	phase    linePhase
	dialBy   Millis
	replied  bool
	step     PairingStep
	last     PairingState // sent
	bring    bool
	nk       [32]byte // the other device, once paired
	stood    bool     // a mailbox has stood
	redial   Millis   // there is none: when to open one again
	patience Millis   // until when that is tried although it does not work
	pingAt   Millis
	pongBy   Millis
	alone    Millis // the joiner: how long to wait for a host that is not there
	until    Millis // Paired: when the first session is given up
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

	pairingOffline  = 5_000  // between two dials while the device is offline: less than a joiner waits for its host
	pairingPatience = 30_000 // a network that has come back may take a while to carry anything
)

func (e *Engine) invite(op *Op) {
	do := op.Do.(Invite)
	if e.pairing != nil || e.now < e.invites.until {
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
	m, err := pairing.Host(e.pairingSelf(), link, dom.offer(), e.rand, e.now)
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
	dom.tend(true)
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

// grants is what lets a joiner into the domain.
func (dom *domain) grants() pairing.Grant {
	out := pairing.Grant{Role: pairing.Full, Secret: dom.secret, Relays: dom.e.relays(), Roster: dom.roster.Behind(nil)}
	if dom.namespace != nil {
		out.Role, out.Namespace = pairing.Application, dom.namespace.ns()
	}
	return out
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
	m, err := pairing.Joiner(e.pairingSelf(), link, e.rand, e.now)
	if err != nil {
		e.reply(Reply{Op: op.ID, Err: ELink})
		return
	}
	e.startPairing(&pairingRun{e: e, op: op.ID, link: link, m: m})
}

// takes reports whether a link is for this device: it leads to the application's own address, or, for a local store, to a Store
// manager, which is on this computer whichever store has made the link.
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

func (e *Engine) startPairing(p *pairingRun) {
	e.pairing = p
	p.step = Waiting
	p.dial()
	p.tellOffline()
}

// offline reports whether the mailbox is not reached because this device is offline.
func (p *pairingRun) offline() bool {
	return p.step < Paired && p.phase < lineJoined && p.e.away(p.link.Relay)
}

// tellOffline has who asked hear at once that this device is offline: the link is good when it is not any more.
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
		p.patience = p.e.now + pairingPatience
	}
	switch {
	case p.phase == lineJoined && p.pongBy == 0:
		p.pingAt = p.e.now
	case p.redial != 0 && !p.e.offline:
		p.redial = p.e.now
	}
	p.tellOffline()
}

func (p *pairingRun) dial() {
	p.redial, p.dialBy, p.phase = 0, p.e.now+dialTimeout, lineDialling
	p.conn = p.e.dial(p.link.Relay+wire.PairPath(p.link.Mailbox()), p)
	p.e.need(p.dialBy)
}

func (p *pairingRun) opened() { p.phase = lineHello }

func (p *pairingRun) pong() { p.pongBy = 0 }

func (p *pairingRun) closed(code uint16) {
	had := p.phase == lineJoined
	p.conn, p.phase, p.pongBy = 0, lineDown, 0
	relayCode, refused := wire.RelayCodeOf(code)
	spent := p.m.State().Spent
	if had && !spent {
		p.patience = p.e.now + pairingPatience
	}
	switch {
	case p.step >= Paired: // the mailbox has done its work
	case relayCode == wire.RelayECrowded:
		p.end(ECrowded)
	case !spent && p.host && p.stood: // a joiner came and left, or the server went: the invite still stands
		p.again()
	case !spent && !refused && (p.offline() || p.e.now < p.patience):
		p.again()
	case relayCode == wire.RelayEExpired:
		p.end(EExpired)
	case had && spent:
		p.end(EDenied)
	default:
		p.end(ESync)
	}
}

// again opens the mailbox anew in a while: nothing that the link is good for was spent in the one that ended.
func (p *pairingRun) again() {
	wait := Millis(retryFirst)
	if p.offline() {
		wait = pairingOffline
	}
	p.alone, p.redial = 0, p.e.now+wait
	p.e.need(p.redial)
	p.do(p.m.Peer(p.e.now, false))
}

func (p *pairingRun) frame(data []byte) {
	f, err := wire.ParseRelay(data)
	if err != nil {
		p.end(ESync)
		return
	}
	switch {
	case f.Type == wire.RelayHello && p.phase == lineHello && f.Version == wire.RelayVersion:
		side := uint8(1)
		if p.host {
			side = 0
		}
		p.e.out.add(Send{Conn: p.conn, Data: wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayPair, Side: side})})
		p.phase = lineJoining
	case f.Type == wire.RelayJoined && p.phase == lineJoining:
		p.phase, p.stood, p.pingAt = lineJoined, true, p.e.now+pingEvery
		p.answer()
		p.present(f.Present)
	case f.Type == wire.RelayPeer && p.phase == lineJoined:
		p.present(f.Present)
	case f.Type == wire.RelayData && p.phase == lineJoined:
		p.do(p.m.Receive(p.e.now, f.Body))
	case f.Type == wire.RelayErr:
		// The close that follows carries the code.
	default:
		p.end(ESync)
	}
}

// present notes whether the other side is at the mailbox. The host of an invite that still stands always is.
func (p *pairingRun) present(yes bool) {
	p.alone = 0
	if !yes && !p.host {
		p.alone = p.e.now + hostTimeout
	}
	p.do(p.m.Peer(p.e.now, yes))
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
		if p.conn != 0 {
			p.e.out.add(Send{Conn: p.conn, Data: wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayData, Body: b})})
		}
	}
}

// grant lets the joiner in: it gets the domain's secret and roster, and is pending until the first session.
func (p *pairingRun) grant() {
	e, dom := p.e, p.domain
	other, acceptance := p.m.Joined()
	d := e.deviceOf(other.NK)
	if d == nil {
		d = e.addDevice(dom, other.IK, other.NK, other.Kind, other.Name)
	}
	if d == nil || d.domain != dom || dom.roster.Len() >= wire.MaxRoster-1 {
		p.end(EBusy)
		return
	}
	if !d.member() { // a member that lost its circle with its disk gets it again
		d.adds = &pendingAdd{domain: dom, member: other, acceptance: acceptance, until: e.wall + pendingLives}
		e.savePending()
	}
	e.invites = inviteGuard{}
	p.paired(other.NK)
	p.report()
	e.after(func() { // the joiner must not be in a circle that has forgotten it after a crash
		if e.pairing == p {
			p.send(p.m.Grant(e.now, dom.grants()))
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

// What becomes of the data that a joiner already has, by namespace. It stands in the ledger until it is done, so that a crash changes
// nothing of it.
const (
	metaMoving  = "moving/" // and the namespace's number
	moveBring   = 1         // issued anew under a new writer
	moveDiscard = 2         // forgotten
)

// moveData does with this device's own data what its user chose on joining. Until it is done nothing is synced.
func (e *Engine) moveData() {
	for _, n := range e.namespaces {
		choice := e.led.Meta(metaMoving + n.number())
		if len(choice) != 1 {
			continue
		}
		n.moving = true
		n.enqueue(task{fail: func(Code) {}, run: func() error { return n.move(choice[0]) }})
	}
}

func (n *namespace) move(choice byte) error {
	if choice == moveBring {
		if err := n.rep.Reissue(); err != nil {
			return err
		}
	} else {
		changes, err := n.rep.Drop()
		if err != nil {
			return err
		}
		n.notify(changes, 0, "")
	}
	n.moving = false
	n.e.led.SetMeta(metaMoving+n.number(), nil)
	return nil
}

func (p *pairingRun) paired(nk [32]byte) {
	p.nk, p.step = nk, Paired
	p.until = p.e.now + pendingLives
	if !p.host {
		p.e.hangup(p.conn)
		p.conn = 0
	}
	p.e.statusDirty = true
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
	out := PairingState{Op: p.op, Step: p.step, Digits: st.Digits, Name: st.Other.Name, Expires: p.e.toWall(p.m.Deadline())}
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
	p.e.hangup(p.conn)
	p.conn = 0
	if p.e.pairing == p {
		p.e.pairing = nil
	}
}

func (e *Engine) spentInvite() {
	e.invites.spent++
	if e.invites.spent >= spentMost {
		e.invites = inviteGuard{until: e.now + spentWait}
	}
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
			p.do(p.m.YesWith(e.now, do.Digits))
		} else {
			p.do(p.m.Yes(e.now))
		}
	}
}

func (e *Engine) hasData() bool {
	return slices.ContainsFunc(e.namespaces, func(n *namespace) bool { return n.rep.Count() > 0 })
}

func (e *Engine) cancel(op *Op) {
	do := op.Do.(Cancel)
	if p := e.pairing; p != nil && p.op == do.Target && p.step < Paired {
		p.send(p.m.No(e.now))
		p.end(EDenied)
	}
	e.reply(Reply{Op: op.ID})
}

func (e *Engine) pairingTimers() {
	p := e.pairing
	if p == nil {
		return
	}
	switch {
	case p.step == Paired:
		if e.due(p.until) {
			p.end(EExpired)
		}
	case p.replied && e.due(p.m.Deadline()):
		p.do(p.m.Tick(e.now))
	case p.replied && e.due(p.alone):
		p.end(EExpired)
	case p.redial != 0:
		if e.due(p.redial) {
			p.dial()
		}
	case p.phase < lineJoined:
		if e.due(p.dialBy) {
			e.hangup(p.conn)
			p.closed(0)
		}
	case e.due(p.pongBy) && !p.m.State().Spent:
		e.hangup(p.conn)
		p.closed(0)
	case e.due(p.pingAt):
		p.pingAt, p.pongBy = e.now+pingEvery, e.now+pongTimeout
		e.need(p.pongBy)
		e.out.add(Ping{Conn: p.conn})
	}
}

// pendingAdd is a joiner whose ADD is signed when the first session with it stands.
type pendingAdd struct {
	domain     *domain
	member     roster.Member
	acceptance [64]byte
	until      Millis
}

const metaPending = "pending"

func (e *Engine) savePending() {
	var b []byte
	for _, d := range e.devices {
		if p := d.adds; p != nil {
			num := uint16(0) // the circle
			if n := p.domain.namespace; n != nil {
				num = n.num
			}
			b = append(append(wire.AppendU16(b, num), p.member.IK[:]...), p.member.NK[:]...)
			b = wire.AppendLV8(append(b, p.member.Kind), []byte(p.member.Name))
			b = wire.AppendU64(append(b, p.acceptance[:]...), p.until)
		}
	}
	e.led.SetMeta(metaPending, b)
}

func (e *Engine) loadPending() {
	r := wire.NewReader(e.led.Meta(metaPending))
	for r.Len() > 0 {
		p := &pendingAdd{domain: e.domainIn(r.U16())}
		copy(p.member.IK[:], r.Bytes(32))
		copy(p.member.NK[:], r.Bytes(32))
		p.member.Kind = r.U8()
		p.member.Name = strings.Clone(string(r.LV8(255)))
		copy(p.acceptance[:], r.Bytes(64))
		p.until = r.U64()
		if r.Err() != nil || p.domain == nil {
			return
		}
		if d := e.addDevice(p.domain, p.member.IK, p.member.NK, p.member.Kind, p.member.Name); d != nil {
			d.adds = p
		}
	}
}

// domainIn is the domain of the namespace with this number, the circle for 0.
func (e *Engine) domainIn(num uint16) *domain {
	if num == 0 {
		return e.circle
	}
	for _, n := range e.namespaces {
		if n.num == num {
			return n.peers
		}
	}
	return nil
}

// dropPending forgets joiners whose first session did not come in time.
func (e *Engine) dropPending() {
	kept := e.devices[:0]
	changed := false
	for _, d := range e.devices {
		if d.adds != nil && d.repl == nil && e.wall >= d.adds.until {
			d.drop()
			changed = true
			continue
		}
		kept = append(kept, d)
	}
	e.devices = kept
	if changed {
		e.savePending()
		e.statusDirty = true
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
