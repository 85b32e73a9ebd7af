package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/masqdev/masq/core/localstore/native"
	"github.com/masqdev/masq/core/storage/bolt"
)

// data looks at what is on the disk while no store can be asked, which is why.
func (d *doctor) data(why error) {
	defer d.during("reading the data")()
	c, err := native.Inspect(d.dir, d.noKeyring)
	if c.Held || errors.Is(err, bolt.ErrBusy) {
		d.bad("store", "if it is a store that starts, wait; if it hangs, end it", "no store answers, but another process has the data in %s open", d.dir)
	} else {
		d.bad("store", hintOf(why), "%v", why)
	}
	const check = "data"
	var stopped *native.EngineError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok(check, "there is none yet; the store makes it")
	case errors.Is(err, bolt.ErrBusy):
		d.ok(check, "it is being written, and was not looked at")
	case err != nil && errors.As(err, &stopped):
		d.bad(check, hintOf(hintFor(stopped)), "%v: %v", hintFor(stopped), err)
	case err != nil:
		d.bad(check, hintOf(hintFor(err)), "%v", err)
	case errors.Is(c.Locked, fs.ErrNotExist):
		d.bad(check, "put the file masq.key back, or move the data away to begin anew", "there is data but no key to it; its %d blocks are in order", c.Blocks)
	case c.Locked != nil:
		d.bad(check, hintOf(hintFor(c.Locked)), "%v; its %d blocks are in order", hintFor(c.Locked), c.Blocks)
	case len(c.Damaged) > 0:
		for _, x := range c.Damaged {
			d.bad(check, damagedHint, "%s", (&damaged{x.Keys, x.Names}).in(x.App))
		}
	default:
		d.ok(check, "%s, all of it can be read", counted(c))
	}
}

func counted(c native.Contents) string {
	apps := "applications"
	if c.Apps == 1 {
		apps = "application"
	}
	keys := "keys"
	if c.Keys == 1 {
		keys = "key"
	}
	return fmt.Sprintf("%d %s with %d %s", c.Apps, apps, c.Keys, keys)
}
