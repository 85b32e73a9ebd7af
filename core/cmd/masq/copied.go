package main

// What is said of a store whose data was copied, so that two of it run.
const (
	copiedText = "another copy of this store runs: its data directory was copied, and the two take turns"
	copiedHint = `on one of the two, once "masq status" there has nothing to send: end the store, move its data directory away, and pair it anew; ` +
		`"masq devices remove" would shut out both`
)

// copied says that another copy of the store runs.
func (d *doctor) copied(s *state) {
	if s.Copied {
		d.bad("copies", copiedHint, copiedText)
	}
}
