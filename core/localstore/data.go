package localstore

import (
	"math"
	"strconv"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// dataMethods are the methods that read and write the data of an application.
var dataMethods = map[string]method{
	"get":       {forData, (*Store).get},
	"put":       {forData, (*Store).put},
	"del":       {forData, (*Store).del},
	"batch":     {forData, (*Store).writes},
	"import":    {forData, (*Store).bring},
	"list":      {forData, (*Store).list},
	"conflicts": {forData, (*Store).conflicts},
	"count":     {forData, (*Store).count},
	"watch":     {forData, (*Store).watch},
	"unwatch":   {forData, (*Store).unwatch},
	"status":    {forData, (*Store).tellStatus},
	"room":      {forData, (*Store).room},
}

// commandLine is the application whose data masq's own commands use when they name no other. It is there for the asking.
const commandLine = "org.masq.cli"

// target reads whose data a call is about: the application's own, or what an Admin names.
func (k *call) target(p *params) string {
	if k.c.who.Kind == Admin {
		return p.needText("app")
	}
	return k.c.token.App
}

// ask has the engine do op for the connection, on its application's data, and then told what it returns, unless that is an
// error, or nobody waits for it any more.
func (s *Store) ask(k *call, op *peer.Op, then func(peer.Reply)) {
	op.Client = k.c.num
	s.whenThere(k, op.App, func() {
		s.do(op, func(r peer.Reply) {
			switch b := k.batch; {
			case r.Err == peer.EDamaged && len(r.Damaged) > 0:
				k.answer(`,"error":`, appendDamaged(nil, r.Damaged[0]))
			case r.Err != peer.OK:
				k.fail(r.Err)
			case b != nil && b.size > maxBatchAnswer && len(r.Entries) > 0:
				k.fail(peer.ETooBig)
			case !k.c.gone:
				then(r)
			}
		})
	})
}

// whenThere does run, behind making the command line's own application if that is the one and it isn't there.
func (s *Store) whenThere(k *call, id string, run func()) {
	if id != commandLine || k.c.who.Kind != Admin || s.apps[id] != nil {
		run()
		return
	}
	a := about{Name: "Command line"}
	s.do(&peer.Op{App: id, Do: peer.AddApp{Name: a.Name}}, func(r peer.Reply) {
		if r.Err == peer.EApps {
			k.fail(r.Err)
			return
		}
		s.do(keep(keepApp+id, a), func(kept peer.Reply) {
			if r.Err == peer.OK && kept.Err == peer.OK {
				s.apps[id], s.dirty = &app{a}, true
			}
			run()
		})
	})
}

func (s *Store) get(k *call, p *params) {
	op := &peer.Op{App: k.target(p), Do: peer.Get{Key: p.key("key")}}
	if k.right(p) {
		s.ask(k, op, func(r peer.Reply) {
			b := []byte{'{'}
			if len(r.Entries) > 0 {
				b = appendValue(b, r.Entries[0].Kind, r.Entries[0].Value)
			}
			k.result(append(b, '}'))
		})
	}
}

func (s *Store) conflicts(k *call, p *params) {
	op := &peer.Op{App: k.target(p), Do: peer.Conflicts{Key: p.key("key")}}
	if k.right(p) {
		s.ask(k, op, func(r peer.Reply) {
			k.result(append(appendEntries([]byte{'{'}, r.Entries, false), '}'))
		})
	}
}

func (s *Store) list(k *call, p *params) {
	app, do := k.target(p), peer.List{
		Prefix: p.text("prefix"), Gte: p.lowest(), Lt: p.highest(), After: p.text("after"),
		Reverse: p.flag("reverse"), KeysOnly: p.flag("keysOnly"), Limit: uint32(p.number("limit", math.MaxUint32)),
	}
	if k.right(p) {
		s.ask(k, &peer.Op{App: app, Do: do}, func(r peer.Reply) {
			b := appendEntries([]byte{'{'}, r.Entries, do.KeysOnly)
			b = strconv.AppendBool(append(b, `,"more":`...), r.More)
			if len(r.Damaged) > 0 {
				b = append(append(b, `,"damaged":`...), encode(r.Damaged)...)
			}
			k.result(append(b, '}'))
		})
	}
}

func (s *Store) count(k *call, p *params) {
	op := &peer.Op{App: k.target(p), Do: peer.Count{Prefix: p.text("prefix"), Gte: p.lowest(), Lt: p.highest()}}
	if k.right(p) {
		s.ask(k, op, func(r peer.Reply) {
			k.result(append(strconv.AppendUint([]byte(`{"count":`), r.Number, 10), '}'))
		})
	}
}

// room tells how much more an application may store.
func (s *Store) room(k *call, p *params) {
	app := k.target(p)
	if !k.right(p) {
		return
	}
	left := s.cfg.Peer.Quota
	if a := s.appNow(app); a != nil {
		left = a.Quota - min(a.Quota, a.Stored)
	}
	k.result(append(strconv.AppendUint([]byte(`{"bytes":`), left, 10), '}'))
}

// first is before every key and, behind a key, before everything else that is behind it: no key has U+0000.
const first = "\x00"

// lowest is from where on keys are in a range: gte and what is behind gt.
func (p *params) lowest() string {
	low := p.text("gte")
	if p.has("gt") {
		low = max(low, p.text("gt")+first)
	}
	return low
}

// highest is where a range ends: at lt and behind lte. An empty lt is before every key, not missing.
func (p *params) highest() string {
	high, bound := "", p.has("lt")
	if bound {
		high = max(p.text("lt"), first)
	}
	if p.has("lte") {
		if lte := p.text("lte") + first; !bound || lte < high {
			high = lte
		}
	}
	return high
}

func (s *Store) put(k *call, p *params) {
	w := peer.Write{Key: p.key("key")}
	w.Kind, w.Value = p.write()
	s.write(k, p, []peer.Write{w})
}

func (s *Store) del(k *call, p *params) {
	s.write(k, p, []peer.Write{{Key: p.key("key")}})
}

func (s *Store) writes(k *call, p *params) { s.write(k, p, p.operations()) }

// bring is import: where a key has another value, both are kept.
func (s *Store) bring(k *call, p *params) {
	writes := p.operations()
	s.change(k, p, &peer.Op{App: k.target(p), Do: peer.Import{Writes: writes}})
}

func (s *Store) write(k *call, p *params, writes []peer.Write) {
	op := &peer.Op{App: k.target(p), Do: peer.Batch{Writes: writes, Relaxed: p.relaxed()}}
	p.checkDepth(writes) // which an import does not: it brings along what was stored elsewhere
	s.change(k, p, op)
}

func (s *Store) change(k *call, p *params, op *peer.Op) {
	if k.right(p) {
		s.ask(k, op, func(peer.Reply) { k.result(empty) })
	}
}

// checkDepth refuses what some program that reads it could not take apart.
func (p *params) checkDepth(writes []peer.Write) {
	for _, w := range writes {
		if w.Kind == wire.JSON && deeper(w.Value, maxDepth) {
			p.wrong(peer.EValue, "value, nested over 1,000 levels")
		}
	}
}

func (p *params) relaxed() bool {
	if !p.has("durability") {
		return false
	}
	d := p.text("durability")
	if d != "strict" && d != "relaxed" {
		p.wrong(peer.EValue, "durability")
	}
	return d == "relaxed"
}

// operations are the writes of a batch.
func (p *params) operations() []peer.Write {
	v := p.need("operations")
	if v == nil {
		return nil
	}
	list, ok := elements(v, wire.MaxBatchOps)
	if !ok {
		p.wrong(peer.EValue, "operations")
	}
	if len(list) > wire.MaxBatchOps {
		p.wrong(peer.ETooBig, "operations")
		return nil
	}
	writes := make([]peer.Write, 0, len(list))
	for _, one := range list {
		m, ok := members(one)
		if !ok {
			p.wrong(peer.EValue, "operations")
			return nil
		}
		in := &params{left: m}
		w := peer.Write{Key: in.key("key")}
		switch in.needText("type") {
		case "put":
			w.Kind, w.Value = in.write()
		case "del":
		default:
			in.wrong(peer.EValue, "type")
		}
		if p.close(in); p.code != "" {
			return nil
		}
		writes = append(writes, w)
	}
	return writes
}

// watch is one that a connection has.
type watch struct {
	c   *client
	num uint64 // its number for the connection
	op  uint64
	app string
}

func (s *Store) watch(k *call, p *params) {
	app, prefix, since := k.target(p), p.text("prefix"), p.position("since")
	if !k.right(p) {
		return
	}
	c := k.c
	if len(c.watches) >= maxWatches {
		k.fail(peer.EBusy)
		return
	}
	c.lastWatch++
	w := &watch{c: c, num: c.lastWatch, app: app}
	c.watches[w.num] = w
	op := &peer.Op{App: app, Client: c.num, Do: peer.Watch{Prefix: prefix, Since: since}}
	s.whenThere(k, app, func() {
		if c.gone {
			return
		}
		w.op = s.do(op, func(r peer.Reply) {
			if r.Err != peer.OK {
				w.forget()
				k.fail(r.Err)
				return
			}
			k.result(append(w.at(r.Number), '}'))
		})
		s.watches[w.op] = w
	})
}

// position is one of an earlier answer: a decimal number in a string, because JavaScript's numbers are too short.
func (p *params) position(name string) uint64 {
	if !p.has(name) {
		return 0
	}
	s := p.text(name)
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || s[0] == '+' {
		p.wrong(peer.EValue, name)
	}
	return n
}

func (s *Store) unwatch(k *call, p *params) {
	num := p.needNumber("watch")
	if !k.right(p) {
		return
	}
	if w := k.c.watches[num]; w != nil {
		w.end()
	}
	k.result(empty)
}

func (w *watch) forget() {
	delete(w.c.watches, w.num)
	delete(w.c.s.watches, w.op)
}

// end ends a watch, also one that has not begun yet: the engine keeps their order.
func (w *watch) end() {
	w.forget()
	w.c.s.do(&peer.Op{App: w.app, Do: peer.Unwatch{Target: w.op}}, func(peer.Reply) {})
}

// at begins what is told of a watch.
func (w *watch) at(position uint64) []byte {
	b := strconv.AppendUint([]byte(`{"watch":`), w.num, 10)
	b = strconv.AppendUint(append(b, `,"position":"`...), position, 10)
	return append(b, '"')
}

func (w *watch) changed(a peer.Changed) {
	b := w.at(a.Position)
	if a.Reset {
		b = append(b, `,"reset":true`...)
	}
	b = append(b, `,"changes":[`...)
	for i, ch := range a.Changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = w.appendChange(b, &ch)
	}
	w.c.notify("changed", append(b, "]}"...))
}

func (w *watch) appendChange(b []byte, ch *peer.Change) []byte {
	b = appendString(append(b, `{"key":`...), ch.Key)
	if ch.Kind != wire.Deleted {
		b = appendValue(append(b, ','), ch.Kind, ch.Value)
	}
	if ch.HadValue {
		b = appendValue(append(b, `,"previous":{`...), ch.PrevKind, ch.Previous)
		b = append(b, '}')
	}
	from := "device"
	switch {
	case ch.Client == w.c.num:
		from = "here"
	case ch.Client != 0 || ch.Device == "":
		from = "tab"
	}
	b = strconv.AppendInt(append(b, `,"conflicts":`...), int64(ch.Others), 10)
	return append(appendString(append(b, `,"from":`...), from), '}')
}
