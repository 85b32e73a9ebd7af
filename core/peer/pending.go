package peer

import (
	"strings"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

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
		if d.adds != nil && d.repl == nil && e.clock.Wall() >= d.adds.until {
			d.drop()
			changed = true
			continue
		}
		kept = append(kept, d)
	}
	e.devices = kept
	e.tallied()
	if changed {
		e.savePending()
		e.touch()
	}
}
