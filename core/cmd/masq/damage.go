package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// damagedHint is what to do about values that cannot be read.
const damagedHint = `all else is served; what other devices have of it is not lost: write it again, or delete it ("masq put", "masq del")`

// damaged is what the store says of an application's values that cannot be read.
type damaged struct {
	Keys  int      `json:"keys"`
	Names []string `json:"names"`
}

// add adds keys that a list has left out. A page may begin with what the last one has ended with.
func (d *damaged) add(keys []string) {
	for _, key := range keys {
		if !slices.Contains(d.Names, key) {
			d.Keys, d.Names = d.Keys+1, append(d.Names, key)
		}
	}
}

// err is the error of a command that has left them out.
func (d *damaged) err(app string) error {
	if d.Keys == 0 {
		return nil
	}
	return hint(errors.New(d.in(app)), damagedHint)
}

// in says what cannot be read of an application.
func (d *damaged) in(app string) string {
	names := make([]string, min(len(d.Names), 16))
	for i := range names {
		names[i] = strconv.Quote(d.Names[i])
	}
	list := strings.Join(names, " ")
	if more := d.Keys - len(names); more > 0 && len(names) > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	values := "values"
	if d.Keys == 1 {
		values = "value"
	}
	return strings.TrimSuffix(fmt.Sprintf("%d %s of %s cannot be read: %s", d.Keys, values, oneLine(app), list), ": ")
}

// damaged names what cannot be read.
func (d *doctor) damaged(s *state) {
	for _, a := range s.Apps {
		if a.Damaged != nil {
			d.bad("data", damagedHint, "%s", a.Damaged.in(a.App))
		}
	}
}
