package localstore

import (
	"strconv"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/roster"
)

// managerMethods are the methods that the Store manager and `masq` have.
var managerMethods = map[string]method{
	"state":       {forManaging, (*Store).tellState},
	"allow":       {forManaging, (*Store).allow},
	"refuse":      {forManaging, (*Store).refuse},
	"unblock":     {forManaging, (*Store).unblock},
	"setSync":     {forManaging, (*Store).setSync},
	"setQuota":    {forManaging, (*Store).setQuota},
	"mend":        {forManaging, (*Store).mend},
	"removeApp":   {forManaging, (*Store).removeApp},
	"removeToken": {forManaging, (*Store).removeToken},
	"rename":      {forManaging, (*Store).rename},
	"setRelays":   {forManaging, (*Store).setRelays},
	"revoke":      {forManaging, (*Store).revoke},
	"devices":     {forManaging, (*Store).devices},
	"invite":      {forManaging, (*Store).invite},
	"join":        {forManaging, (*Store).join},
	"confirm":     {forManaging, (*Store).confirm},
	"cancel":      {forManaging, (*Store).cancel},
	"dismiss":     {forManaging, (*Store).dismiss},
}

// What the manager does beside deciding who comes in: the engine's verbs for a store's user.

func (s *Store) setSync(k *call, p *params) {
	app, do := p.needText("app"), peer.Prefer{Device: p.text("device")}
	if !p.has("on") {
		p.wrong(peer.EValue, "on")
	}
	do.On = p.flag("on")
	s.manage(k, p, &peer.Op{App: app, Do: do})
}

func (s *Store) setQuota(k *call, p *params) {
	app, bytes := p.needText("app"), p.quota("bytes")
	s.manage(k, p, &peer.Op{App: app, Do: peer.SetQuota{Bytes: bytes}})
}

// mend has a fresh copy of an application's data taken from another device.
func (s *Store) mend(k *call, p *params) {
	s.manage(k, p, &peer.Op{App: p.needText("app"), Do: peer.Mend{}})
}

// quota is a number of bytes that an application may store.
func (p *params) quota(name string) uint64 {
	n := p.number(name, maxQuota)
	if n < minQuota {
		p.wrong(peer.EValue, name)
	}
	return n
}

func (s *Store) rename(k *call, p *params) {
	s.manage(k, p, &peer.Op{Do: peer.Rename{Name: p.needText("name")}})
}

// maxRelays is how many Sync Servers a circle has.
const maxRelays = 8

func (s *Store) setRelays(k *call, p *params) {
	var do peer.SetRelays
	if v := p.need("urls"); v != nil {
		list, ok := elements(v, maxRelays)
		if !ok || len(list) > maxRelays {
			p.wrong(peer.EValue, "urls")
		}
		for _, one := range list {
			url, ok := unquote(one)
			if !ok || !roster.ValidRelay(url) {
				p.wrong(peer.EValue, "urls")
			}
			do.URLs = append(do.URLs, url)
		}
	}
	s.manage(k, p, &peer.Op{Do: do})
}

func (s *Store) revoke(k *call, p *params) {
	s.manage(k, p, &peer.Op{Do: peer.Revoke{Device: p.needText("device")}})
}

// devices is a part of state, for who wants no more.
func (s *Store) devices(k *call, p *params) {
	if k.right(p) {
		k.result(encode(map[string]any{
			"self": stateSelf{s.status.Self.ID, s.status.Self.Name}, "devices": stateDevices(s.status.Devices),
		}))
	}
}

// manage has the engine do op, and returns nothing, or what went wrong.
func (s *Store) manage(k *call, p *params, op *peer.Op) {
	if k.right(p) {
		s.finish(k, op)
	}
}

// pairing is the last one that began: under way, or over and still shown.
type pairing struct {
	num  uint32
	op   uint64
	host bool
	app  string
	link string
	now  peer.PairingState
}

var stepNames = [...]string{
	peer.Waiting: "waiting", peer.Compare: "compare", peer.Confirmed: "confirmed", peer.Paired: "paired", peer.Done: "done",
	peer.PairFailed: "failed",
}

func (p *pairing) state() *statePairing {
	st := &statePairing{
		Pairing: p.num, Role: "joiner", App: p.app, Link: p.link, Step: "waiting", Digits: p.now.Digits, Name: p.now.Name,
		Expires: p.now.Expires, HasData: p.now.HasData, Error: p.now.Err,
	}
	if p.host {
		st.Role = "host"
	}
	if n := int(p.now.Step); n > 0 && n < len(stepNames) {
		st.Step = stepNames[n]
	}
	if p.now.Step > peer.Waiting {
		st.Link = "" // it is spent
	}
	return st
}

func (s *Store) pairingState(a peer.PairingState) {
	if p := s.pairing; p != nil && p.op == a.Op {
		if a.Name == "" {
			a.Name = p.now.Name // the end does not say again with whom
		}
		p.now = a
		s.dirty = true
	}
}

// invite makes a link for a device: to this store's manager, or to an application.
func (s *Store) invite(k *call, p *params) {
	app, url := p.text("app"), s.managerURL()
	if app != "" {
		if url = s.addressOf(app); url == "" {
			p.wrong(peer.EValue, "app")
		}
	}
	if k.right(p) {
		s.pair(k, &peer.Op{App: app, Do: peer.Invite{URL: url}}, &pairing{host: true, app: app})
	}
}

// addressOf is where an application is, for devices that have no store.
func (s *Store) addressOf(id string) string {
	if a := s.apps[id]; a != nil && a.URL != "" {
		return a.URL
	}
	if !isOrigin(id) {
		return "" // a program's data syncs between stores
	}
	return strings.TrimSuffix(id, "/") + "/"
}

func (s *Store) join(k *call, p *params) {
	op := &peer.Op{Do: peer.Join{Link: p.needText("link")}}
	if k.right(p) {
		s.pair(k, op, &pairing{})
	}
}

// pair begins a pairing. It takes the last one's place when the engine has taken it.
func (s *Store) pair(k *call, op *peer.Op, p *pairing) {
	p.op = s.do(op, func(r peer.Reply) {
		if r.Err != peer.OK {
			k.fail(r.Err)
			return
		}
		s.lastNum++
		p.num, p.link = s.lastNum, r.Text
		s.pairing, s.dirty = p, true
		s.then = append(s.then, func() { // when the engine has said until when
			b := strconv.AppendUint([]byte(`{"pairing":`), uint64(p.num), 10)
			if p.host {
				b = appendString(append(b, `,"link":`...), p.link)
				b = strconv.AppendUint(append(b, `,"expires":`...), p.now.Expires, 10)
			}
			k.result(append(b, '}'))
		})
	})
}

// current returns the pairing that a call is about, nil if it is over and forgotten.
func (s *Store) current(num uint64) *pairing {
	if p := s.pairing; p != nil && uint64(p.num) == num {
		return p
	}
	return nil
}

func (s *Store) confirm(k *call, p *params) {
	num := p.needNumber("pairing")
	do := peer.Confirm{Digits: p.text("digits"), Bring: p.flag("bring"), Discard: p.flag("discard")}
	if do.Bring && do.Discard {
		p.wrong(peer.EValue, "discard")
	}
	s.onPairing(k, p, num, func(pairing uint64) peer.Verb {
		do.Target = pairing
		return do
	})
}

func (s *Store) cancel(k *call, p *params) {
	s.onPairing(k, p, p.needNumber("pairing"), func(pairing uint64) peer.Verb { return peer.Cancel{Target: pairing} })
}

// onPairing has the engine do what verb makes of the ID of its Invite or Join.
func (s *Store) onPairing(k *call, p *params, num uint64, verb func(uint64) peer.Verb) {
	if !k.right(p) {
		return
	}
	run := s.current(num)
	if run == nil {
		k.fail(peer.EExpired)
		return
	}
	s.finish(k, &peer.Op{Do: verb(run.op)})
}

// dismiss forgets a pairing that is over.
func (s *Store) dismiss(k *call, p *params) {
	if !k.right(p) {
		return
	}
	if run := s.pairing; run != nil && run.now.Step >= peer.Done {
		s.pairing, s.dirty = nil, true
	}
	k.result(empty)
}
