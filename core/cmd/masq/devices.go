package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"
)

func devicesCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "devices", Usage: "list the devices that are paired, rename this one, shut one out", Category: "store",
		Description: withJSON(`{"self": {"id", "name"}, "devices": [{"id", "name", "kind", "online", "lastHeard", "toSend", "toReceive", "differs",
"overdue"}], "peers": [the same, with the one "app" that each has]}. Times are Unix milliseconds.`),
		Flags:  []cli.Flag{dataFlag(), jsonFlag()},
		Action: u.store(nothing, devicesList),
		Commands: []*cli.Command{
			{
				Name: "list", Usage: "list the devices",
				Flags: []cli.Flag{dataFlag(), jsonFlag()}, Action: u.store(nothing, devicesList),
			},
			{
				Name: "rename", Usage: "give this device another name", ArgsUsage: "NAME",
				Flags: []cli.Flag{dataFlag(), jsonFlag()}, Action: u.silent(one, devicesRename),
			},
			{
				Name: "remove", Usage: "shut a device out for good, by its name or id", ArgsUsage: "DEVICE",
				Flags: []cli.Flag{dataFlag(), jsonFlag(), yesFlag()}, Action: u.silent(one, devicesRemove),
			},
		},
	}
}

// devicesJSON is what "masq devices --json" prints.
type devicesJSON struct {
	Self    self       `json:"self"`
	Devices []device   `json:"devices"`
	Peers   []peerJSON `json:"peers"`
}

// peerJSON is a device that has one application only.
type peerJSON struct {
	App string `json:"app"`
	device
}

// peers are the application peers of all applications.
func (s state) peers() []peerJSON {
	list := []peerJSON{}
	for _, a := range s.Apps {
		for _, d := range a.Peers {
			list = append(list, peerJSON{a.App, d})
		}
	}
	return list
}

func devicesList(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	s, err := c.state(ctx)
	if err != nil {
		return err
	}
	if cmd.Bool("json") {
		return u.json(devicesJSON{s.Self, orEmpty(s.Devices), s.peers()})
	}
	return u.table("NAME\tHAS\tONLINE\tLAST HEARD\tTO SEND\tID", func(row func(...any)) {
		row(oneLine(s.Self.Name), "everything", "this device", "-", "-", s.Self.ID)
		for _, d := range s.Devices {
			row(orDash(oneLine(d.Name)), "everything", yesNo(d.Online), when(d.LastHeard), d.ToSend, d.ID)
		}
		for _, p := range s.peers() {
			row(orDash(oneLine(p.Name)), oneLine(p.App), yesNo(p.Online), when(p.LastHeard), p.ToSend, p.ID)
		}
	})
}

func devicesRename(ctx context.Context, _ *ui, c *client, cmd *cli.Command) error {
	return c.call(ctx, "rename", params{"name": cmd.Args().First()}, nil)
}

func devicesRemove(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	s, err := c.state(ctx)
	if err != nil {
		return err
	}
	all := s.peers()
	for _, d := range s.Devices {
		all = append(all, peerJSON{"", d})
	}
	d, err := find(all, "device", cmd.Args().First(), func(p peerJSON) []string { return []string{p.ID, p.Name} })
	if err != nil {
		return hint(err, `"masq devices" lists them with their ids`)
	}
	question := fmt.Sprintf("shut %s out? it gets nothing more and cannot come back without being paired anew.", oneLine(d.Name))
	if err := u.sure(ctx, cmd.Bool("yes"), question); err != nil {
		return err
	}
	return c.call(ctx, "revoke", params{"device": d.ID}, nil)
}
