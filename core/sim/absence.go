package sim

import "github.com/masqdev/masq/core/peer"

// Months in which users open their devices now and then, and one not at all. The status has to say who was not heard for long, exactly then.

const (
	absence     = 40 // days
	overdueAge  = 30 * 24 * hour / ms
	overdueRuns = 7
	clockError  = 12 * hour / ms // by so much a clock may have been set while there was trouble
)

// apart has a seed in ten see that, and those in which a device is lost for good.
func (w *simulation) apart() bool {
	return (w.res.Seed%10 == 5 || w.longLived()) && !w.opt.Backups && !w.opt.Hostile
}

// diary is what a device knows of the others while months pass: how often it ran on another day, and when it met whom.
type diary struct {
	runs   int
	at     uint64 // when the last such day began, by its clock
	met    map[string]meeting
	before meeting // who is not in met
}

// meeting is when another device was last heard, between the two times, by this one's clock, and the days on which this one had run.
type meeting struct {
	after, before uint64
	fewest, most  int
}

// passMonths has one device be away for long. Others run on some days, and write. Then it is back.
func (w *simulation) passMonths() {
	w.waitQuiet()
	if !w.apart() || len(w.devices) < 2 || w.quiet() != "" {
		return // if it is not quiet, that is found later
	}
	away := pick(w, w.devices)
	w.log(away.name, "away", absence)
	w.did("months")
	often := map[*device]float64{}
	for _, d := range w.devices {
		often[d] = pick(w, []float64{0.1, 0.5, 1})
		d.diary = w.newDiary(d)
	}
	w.everybodyLeaves()
	for range absence {
		w.runUntil(w.now + 24*hour + w.between(10*minute, 30*minute))
		for _, d := range w.devices {
			if d != away && w.chance(often[d]) {
				d.spendTheDay()
			}
		}
		w.runUntil(w.now + w.between(10*second, 4*minute))
		w.everybodyLeaves()
	}
	for _, d := range w.devices {
		d.diary = nil
		d.open()
	}
	w.runUntil(w.now + healTime)
}

func (w *simulation) newDiary(d *device) *diary {
	now := d.clock.At(w.now)
	g := &diary{at: now, met: map[string]meeting{}, before: meeting{after: 0, before: now, fewest: -3, most: 0}}
	g.before.after = epoch - clockError
	for _, x := range d.run.others() {
		g.met[x.ID] = meeting{now, now + 2*minute/ms, -1, 0} // a day may be counted between this and the end of this run
	}
	return g
}

// spendTheDay opens a device, which writes.
func (d *device) spendTheDay() {
	if now := d.clock.At(d.w.now); now >= d.diary.at+24*hour/ms {
		d.diary.runs++
		d.diary.at = now
	}
	d.open()
	for range d.w.between(0, 3) {
		d.w.after(d.w.upTo(10*second), func() {
			if p := d.run; p != nil && !p.closing {
				d.user.write(p, 1)
			}
		})
	}
}

// everybodyLeaves ends all engines, once they have said what is true.
func (w *simulation) everybodyLeaves() {
	for _, d := range w.devices {
		if d.run != nil {
			d.diary.take(d, d.run.status, true)
			d.user.leave(d.run)
		}
	}
	w.runUntil(w.now + 2*minute)
	for _, d := range w.devices {
		if d.run != nil {
			w.stopf("%s does not end", d.name)
			d.kill(false)
		}
	}
}

// take compares a status with the diary. It is late with what has changed, unless it is the last one of a run.
func (g *diary) take(d *device, s peer.Status, last bool) {
	all := s.Devices
	for _, a := range s.Apps {
		all = append(all[:len(all):len(all)], a.Peers...)
	}
	for _, x := range all {
		now := d.clock.At(d.w.now)
		if x.Online {
			g.met[x.ID] = meeting{now, now, g.runs, g.runs}
		}
		m, ok := g.met[x.ID]
		if !ok {
			m = g.before
		}
		may := g.runs-m.fewest >= overdueRuns && now >= m.after+overdueAge
		must := g.runs-m.most >= overdueRuns && now >= m.before+overdueAge
		if x.Overdue {
			d.w.did("overdue")
		}
		if x.Overdue && !may || !x.Overdue && must && last {
			d.w.failf("%s says %v of %q being overdue: it ran on %d to %d days since that was heard %d to %d h ago", d.name, x.Overdue, x.Name,
				g.runs-m.most, g.runs-m.fewest, int64(now-m.before)/3600_000, int64(now-m.after)/3600_000)
		}
	}
}
