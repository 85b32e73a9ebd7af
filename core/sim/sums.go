package sim

import (
	"crypto/sha256"
	"errors"
	"math/big"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// The sum that each device keeps of what it holds, and that any two of them with equal vectors hold the same. Both are read from the disks: no
// engine is asked. The keys of a member that lies are left out where two are compared: it may have told them different things under
// one dot. Each device's own sum must be right all the same.

// maxVector is how many bytes a vector may take. An eighth of what can be read, it has room for what a device itself writes beyond what it takes.
const maxVector = wire.MaxVector / 8

// sumLooks is how often the disks are looked at while there is trouble: fewer times where much is on them.
func (w *simulation) sumLooks() uint64 {
	if w.profile.heavy > 0 {
		return 4
	}
	return 20
}

// holding is what a device's disk has of one application.
type holding struct {
	vector wire.Vector
	sum    *wire.Sum // nil: it has none to tell
	all    wire.Sum  // of what is there
	recs   []wire.Record
	tame   wire.Sum // the same, without the keys of a member that lies
}

// watchSums looks at the disks again and again while there is trouble.
func (w *simulation) watchSums() {
	if !w.calm {
		w.checkSums()
		if w.chance(0.2) {
			pick(w, w.devices).checkTold(false)
		}
		w.after(w.profile.trouble/w.sumLooks(), w.watchSums)
	}
}

// checkSums has every device's sum be right, and two with equal vectors hold the same.
func (w *simulation) checkSums() {
	for _, app := range w.lookedAt() {
		var all []*holding
		held := map[*device]*holding{}
		for _, d := range w.honest() {
			h, err := d.holding(app)
			held[d] = h
			switch {
			case err != nil:
				w.failf("%s: its disk cannot be read: %v", d.name, err)
			case h == nil:
			case wire.VectorSize(h.vector) > maxVector:
				w.failf("%s: the vector of %s takes %d bytes", d.name, app, wire.VectorSize(h.vector))
			case h.sum == nil:
			default:
				all = append(all, h)
				w.checkSum(d, app, h, all[:len(all)-1])
			}
		}
		if app == notes {
			w.checkDelivered(held)
		}
	}
}

func (w *simulation) checkSum(d *device, app string, h *holding, others []*holding) {
	if w.did("sum"); *h.sum != h.all {
		w.failf("%s: the sum of %s is %x, and what is there has %x", d.name, app, *h.sum, h.all)
	}
	for _, o := range others {
		if !o.vector.Same(h.vector) {
			continue
		}
		if w.did("equal vectors"); o.tame != h.tame && (w.calm || !w.opt.Backups) {
			w.failf("%s: another holds something else of %s with the same vector", d.name, app)
		}
	}
}

// checkDiffering has a device be said to hold something else only if it does: a liar can tell two devices different things under one dot.
func (d *device) checkDiffering() {
	w := d.w
	for _, x := range d.run.others() {
		i := slices.IndexFunc(w.honest(), func(o *device) bool { return o.id == x.ID })
		if !x.Differs || i < 0 {
			continue
		}
		same := true
		for _, app := range w.lookedAt() {
			mine, err := d.holding(app)
			theirs, e := w.honest()[i].holding(app)
			if err = errors.Join(err, e); err != nil {
				w.failf("%s: a disk cannot be read: %v", d.name, err)
			}
			same = same && (mine == nil || theirs == nil || mine.all == theirs.all)
		}
		if same {
			w.failf("%s: the status says that %s holds something else, and it does not", d.name, x.Name)
		}
	}
}

// holding reads what the disk has of an application; nil if it has none.
func (d *device) holding(app string) (*holding, error) {
	l, num, err := d.namespace(app)
	if l == nil || err != nil {
		return nil, err
	}
	return d.read(l, num)
}

// namespace finds an application's on the disk; nil if it is not there.
func (d *device) namespace(app string) (*ledger.Ledger, uint16, error) {
	l, err := d.settings()
	if err != nil {
		return nil, 0, err
	}
	for _, key := range l.MetaKeys("ns/") {
		r := wire.NewReader(l.Meta(key))
		if flags, name := r.U8(), string(r.LV8(255)); flags&2 != 0 || d.isStore() && name != app || !d.isStore() && app != notes {
			continue
		}
		num := uint16(0)
		for _, c := range key[len("ns/"):] {
			num = num*10 + uint16(c-'0')
		}
		return l, num, nil
	}
	return nil, 0, nil
}

// read opens a namespace as an engine would, has it take all on the disk for durable, and walks its log as if for a device that has nothing.
func (d *device) read(l *ledger.Ledger, num uint16) (*holding, error) {
	r, err := replica.Open(l, num, replica.Config{Rand: ones{}})
	if err != nil {
		return nil, err
	}
	h := &holding{vector: r.Vector(), sum: r.Summed()}
	all, tame := new(big.Int), new(big.Int)
	for pos, end := uint64(0), false; !end; {
		r.Begin(storage.Strict)
		l.Begin()
		l.Committed()
		r.Committed()
		var raw []byte
		raw, pos, end, err = r.Next(nil, 0, pos, 1<<20)
		if errors.Is(err, ledger.ErrWait) {
			blocks, err := d.disk.Load(l.Wanted())
			if err == nil {
				err = l.Loaded(blocks)
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		recs, e := wire.ParseRecords(raw)
		if err = errors.Join(err, e); err != nil {
			return nil, err
		}
		h.recs = append(h.recs, recs...)
		for i := range recs {
			x := termOf(&recs[i])
			if all.Add(all, x); !d.w.wild(recs[i].Key) {
				tame.Add(tame, x)
			}
		}
	}
	if r.Damaged().Any {
		h.sum = nil
	}
	h.all, h.tame = sumOf(all), sumOf(tame)
	return h, nil
}

// zeros and ones are randomness for what is thrown away.
type (
	zeros struct{}
	ones  struct{}
)

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func (ones) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 1
	}
	return len(b), nil
}

func sumOf(x *big.Int) (out wire.Sum) {
	x.Mod(x, new(big.Int).Lsh(big.NewInt(1), 128)).FillBytes(out[:])
	return out
}

// termOf is what a record adds to the sum; core/PROTOCOL.md, "The sum".
func termOf(rec *wire.Record) *big.Int {
	if rec.Kind == wire.Deleted || rec.Hearsay {
		return new(big.Int)
	}
	b := wire.AppendU64(wire.AppendU64([]byte("masq-sum/1"), rec.Dot.Writer), rec.Dot.Seq)
	b = wire.AppendLV(append(wire.AppendU64(b, rec.Time), byte(rec.Kind)), []byte(rec.Key))
	h := sha256.Sum256(append(b, rec.Value...))
	return new(big.Int).SetBytes(h[:16])
}
