package main

import (
	"fmt"
	"slices"
)

// overdueHint is what to do about a device that was not heard for long.
const overdueHint = `if it does not come back, "masq devices remove" shuts it out; until then what is deleted leaves a trace here, kept for it`

// overdue are the devices that were not heard for long.
func (s *state) overdue() []device {
	all := slices.Clone(s.Devices)
	for _, p := range s.peers() {
		all = append(all, p.device)
	}
	return slices.DeleteFunc(all, func(d device) bool { return !d.Overdue })
}

// overdueText says that a device was not heard for long.
func (d *device) overdueText() string {
	last := "never"
	if d.LastHeard != 0 {
		last = "last " + when(d.LastHeard)
	}
	return fmt.Sprintf("%s (%s) has not been heard for more than 30 days: %s", orDash(oneLine(d.Name)), d.ID, last)
}
