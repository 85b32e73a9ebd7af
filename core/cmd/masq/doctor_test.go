package main

import (
	"bytes"
	"strings"
	"testing"
)

// The doctor names each device that holds something else, and says what to do.
func TestDoctorNamesDifferingDevices(t *testing.T) {
	for _, c := range []struct {
		restored bool
		hint     string
	}{{false, "run it on the one of the two"}, {true, "this store was put back"}} {
		var out bytes.Buffer
		d := &doctor{ui: &ui{stdout: &out}}
		d.differing(&state{
			Apps: []appState{{App: "https://notes.example", Restored: c.restored}}, Devices: []device{{Name: "Desk"}, {Name: "Old\nlaptop", Differs: true}},
		})
		if d.failed != 1 || d.err != nil || strings.Contains(out.String(), "Desk") || !strings.Contains(out.String(), "laptop holds something else") ||
			!strings.Contains(out.String(), c.hint) || !strings.Contains(out.String(), "masq apps mend") {
			t.Errorf("%d failed, %v: %s", d.failed, d.err, out.String())
		}
	}
}

// The doctor names each device that was not heard for long, and says how to remove it.
func TestDoctorNamesOverdueDevices(t *testing.T) {
	var out bytes.Buffer
	d := &doctor{ui: &ui{stdout: &out}}
	phones := []appState{{App: "https://notes.example", Peers: []device{{ID: "p1", Name: "Phone", Overdue: true}, {ID: "p2", Name: "Tablet"}}}}
	d.overdue(&state{Devices: []device{{ID: "d1", Name: "Desk"}, {ID: "d2", Name: "Old\nlaptop", Overdue: true, LastHeard: 1_800_000_000_000}}, Apps: phones})
	text := out.String()
	if d.failed != 2 || d.err != nil || strings.Contains(text, "Desk") || strings.Contains(text, "Tablet") ||
		!strings.Contains(text, "laptop (d2) has not been heard for more than 30 days: last just now") ||
		!strings.Contains(text, "Phone (p1) has not been heard for more than 30 days: never") || !strings.Contains(text, `"masq devices remove"`) {
		t.Errorf("%d failed, %v: %s", d.failed, d.err, text)
	}
}

// The doctor says that the store was copied, and what is safe to do.
func TestDoctorTellsOfCopies(t *testing.T) {
	var out bytes.Buffer
	d := &doctor{ui: &ui{stdout: &out}}
	d.copied(&state{})
	if d.failed != 0 || out.Len() != 0 {
		t.Errorf("without a copy: %s", out.String())
	}
	d.copied(&state{Copied: true})
	if text := out.String(); d.failed != 1 || d.err != nil || !strings.Contains(text, "another copy of this store runs") || !strings.Contains(text, "pair it anew") {
		t.Errorf("%d failed, %v: %s", d.failed, d.err, text)
	}
}
