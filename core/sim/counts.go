package sim

import (
	"fmt"
	"slices"
)

// Counts is how often each of what a simulation does happened.
type Counts map[string]int

// A Row is one kind of what is counted, with the names in it. Over many seeds none of them may be 0.
type Row struct {
	Kind  string
	Names []string
}

// rows are of every simulation, but for the two kinds of liars' and of disks that were put back.
var rows = []Row{
	{"operations", []string{
		"write", "batch", "burst", "import", "import again", "delete", "large value", "bulk", "heavy", "second block", "aside",
		"other application", "move circle", "revoke", "look", "count", "list", "conflicts", "new name", "watch", "watch on",
		"unwatch", "clear out", "range", "range after a key", "range backwards", "invite", "join", "pair", "bring", "discard", "leave", "open", "fresh copy", "write amid a copy",
	}},
	{"faults", []string{
		"drop", "silent line", "cut off", "say offline", "restart server", "slow", "flip", "lose", "frame twice", "frame late", "kill",
		"power cut", "lost commits", "lost strict commits, alone", "damaged block",
		"commit got through", "death at a commit", "take over", "sleep", "disk full", "full disk", "disk error", "slow commit", "jump", "jump by years",
		"night", "switch off", "drop application",
		"start over", "lose device", "months", "copy cut off", "copy killed",
	}},
	{"checks", []string{
		"sum", "equal vectors", "mirror", "mirror after crash", "prefix mirror", "change", "prefix change", "reset", "content",
		"conflicting content", "winner", "delivered", "believed", "status made anew", "bytes", "content aside",
		"durable write", "status", "never put back", "overdue", "growth", "shut out", "named", "swept namespace", "forgotten by server", "reopened", "deletion on a full disk",
		"write on a full disk", "mended device",
	}},
}

var (
	hostileRows = []Row{{"lies", Lies()}, {"of liars", []string{"overheard message"}}}
	backupRows  = []Row{{"backups", []string{"backup", "restore", "copy", "told of a copy", "lost strict commits", "restored device"}}}
)

// Rows are what a simulation with these options counts, what must happen over many seeds first.
func Rows(opt Options) (must, may []Row) {
	switch {
	case opt.Hostile && len(opt.Lies) > 0:
		return []Row{{"lies", opt.Lies}}, rows
	case opt.Hostile:
		return hostileRows, rows
	case opt.Backups:
		return backupRows, rows
	}
	return rows, nil
}

// did counts one of the names.
func (w *simulation) did(name string) { w.counted(name, 1) }

func (w *simulation) counted(name string, n int) {
	if w.res.Counts == nil {
		w.res.Counts = Counts{}
	}
	if _, known := w.res.Counts[name]; !known && !isCounted(name) {
		panic(fmt.Sprintf("%q stands in no row of what is counted", name))
	}
	w.res.Counts[name] += n
}

func isCounted(name string) bool {
	in := func(r Row) bool { return slices.Contains(r.Names, name) }
	return slices.ContainsFunc(rows, in) || slices.ContainsFunc(hostileRows, in) || slices.ContainsFunc(backupRows, in)
}

// Add adds other counts.
func (c Counts) Add(o Counts) {
	for name, n := range o {
		c[name] += n
	}
}

// Text is a row with its counts, those that are 0 left out; "" if all are.
func (c Counts) Text(r Row) string {
	out := ""
	for _, name := range r.Names {
		if n := c[name]; n > 0 {
			out += fmt.Sprintf(", %s %d", name, n)
		}
	}
	if out == "" {
		return ""
	}
	return r.Kind + ": " + out[2:]
}

// Never are the names in rows that did not happen.
func (c Counts) Never(rows []Row) (names []string) {
	for _, r := range rows {
		for _, name := range r.Names {
			if c[name] == 0 {
				names = append(names, name)
			}
		}
	}
	return names
}
