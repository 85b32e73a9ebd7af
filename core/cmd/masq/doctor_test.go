package main

import (
	"bytes"
	"strings"
	"testing"
)

// The doctor names each device that holds something else, and says what to do.
func TestDoctorNamesDifferingDevices(t *testing.T) {
	var out bytes.Buffer
	d := &doctor{ui: &ui{stdout: &out}}
	d.differing(&state{Devices: []device{{Name: "Desk"}, {Name: "Old\nlaptop", Differs: true}}})
	if d.failed != 1 || d.err != nil || strings.Contains(out.String(), "Desk") || !strings.Contains(out.String(), "laptop holds something else") ||
		!strings.Contains(out.String(), "write or delete again") {
		t.Errorf("%d failed, %v: %s", d.failed, d.err, out.String())
	}
}
