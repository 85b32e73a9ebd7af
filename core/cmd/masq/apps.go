package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"
)

func appsCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "apps", Usage: "list the applications, and say which may use the store", Category: "store",
		Description: withJSON(`{"apps": [{"app", "name", "allowed", "on", "entries", "bytes", "stored", "quota", "full", "mending", "restored", "lastUsed", "connected", "peers"}], "requests":
[{"request", "app", "origin", "program", "name", "again", "digits", "typing", "expires"}], "blocked": [{"app"}]}. Times are Unix milliseconds.`),
		Flags:  []cli.Flag{dataFlag(), jsonFlag()},
		Action: u.store(nothing, appsList),
		Commands: []*cli.Command{
			{
				Name: "list", Usage: "list the applications and those that ask",
				Flags: []cli.Flag{dataFlag(), jsonFlag()}, Action: u.store(nothing, appsList),
			},
			{
				Name: "allow", Usage: "let an application in that asks, or that was refused for good before", ArgsUsage: "APP",
				Flags: []cli.Flag{dataFlag(), jsonFlag()}, Action: u.silent(one, appsAllow),
			},
			{
				Name: "refuse", Usage: "refuse an application that asks", ArgsUsage: "APP",
				Flags: []cli.Flag{dataFlag(), jsonFlag()}, Action: u.silent(one, appsRefuse),
			},
			{
				Name: "add", Usage: "make a token for a program of this computer; it is printed once", ArgsUsage: "ID",
				Description: withJSON(`{"app", "id", "key"}, the last two in base64url.`),
				Flags:       []cli.Flag{dataFlag(), jsonFlag(), &cli.StringFlag{Name: "name", Usage: "the application's `name` for people"}},
				Action:      u.store(one, appsAdd),
			},
			{
				Name: "quota", Usage: "say how much an application may store on this computer", ArgsUsage: "APP SIZE",
				Description: "SIZE is a number of bytes, or one with a unit: 500M, 2G, 1.5G. At first it is 1G. What is stored already stays.",
				Flags:       []cli.Flag{dataFlag(), jsonFlag()}, Action: first(quotaTakes, u.silent(two, appsQuota)),
			},
			{
				Name: "mend", Usage: "take a fresh copy of an application's data from another device", ArgsUsage: "APP",
				Description: `For a computer that was put back to an older state, as from a backup, and goes on showing what was deleted since: what the other
device has counts, and what only this computer has is kept. Until it is done, "masq apps" says so; the other device has to be online.`,
				Flags: []cli.Flag{dataFlag(), jsonFlag()}, Action: u.silent(one, appsMend),
			},
			{
				Name: "remove", Usage: "take an application's access away", ArgsUsage: "APP",
				Flags: []cli.Flag{
					dataFlag(), jsonFlag(), yesFlag(),
					&cli.BoolFlag{Name: "with-data", Usage: "delete its data from this computer too"},
				},
				Action: u.silent(one, appsRemove),
			},
		},
	}
}

// state asks the store for all that its manager shows.
func (c *client) state(ctx context.Context) (s state, err error) {
	err = c.call(ctx, "state", nil, &s)
	return s, err
}

// appsJSON is what "masq apps --json" prints.
type appsJSON struct {
	Apps     []appState `json:"apps"`
	Requests []request  `json:"requests"`
	Blocked  []blocked  `json:"blocked"`
}

func appsList(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	s, err := c.state(ctx)
	if err != nil {
		return err
	}
	if cmd.Bool("json") {
		return u.json(appsJSON{orEmpty(s.Apps), orEmpty(s.Requests), orEmpty(s.Blocked)})
	}
	for _, r := range s.Requests {
		who := r.App
		if r.Program != "" && r.Program != r.App {
			who = r.Program + ", for the data of " + r.App
		}
		digits := "shows"
		if r.Typing {
			digits = "has you type"
		}
		fmt.Fprintf(u.stdout, "%s asks for access; it calls itself %q and %s %s\n", oneLine(who), oneLine(r.Name), digits, oneLine(r.Digits))
	}
	for _, b := range s.Blocked {
		fmt.Fprintf(u.stdout, "%s was refused three times and cannot ask any more\n", oneLine(b.App))
	}
	return u.table("APPLICATION\tNAME\tMAY USE IT\tSYNCED\tENTRIES\tSTORED\tOF\tLAST USED", func(row func(...any)) {
		for _, a := range s.Apps {
			row(oneLine(a.App), orDash(oneLine(a.Name)), yesNo(a.Allowed), yesNo(a.On), a.Entries, size(a.Stored)+full(a.Full)+mending(a.Mending), size(a.Quota), when(a.LastUsed))
		}
	})
}

func full(yes bool) string {
	if yes {
		return ", full"
	}
	return ""
}

func mending(yes bool) string {
	if yes {
		return ", takes a fresh copy"
	}
	return ""
}

// orEmpty makes an empty list of none, for JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// asking finds the request of an application.
func (c *client) asking(ctx context.Context, app string) (state, request, error) {
	s, err := c.state(ctx)
	if err != nil {
		return s, request{}, err
	}
	r, err := find(s.Requests, "request of", app, func(r request) []string {
		return []string{r.App, r.Program, fmt.Sprint(r.Request)}
	})
	if err != nil {
		err = hint(err, `"masq apps" lists those that ask; requests last 10 minutes`)
	}
	return s, r, err
}

func appsAllow(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	app := cmd.Args().First()
	s, r, err := c.asking(ctx, app)
	if err == nil {
		if r.Typing {
			u.say("type %s into the application: it has data, which moves nowhere else", oneLine(r.Digits))
		}
		return c.call(ctx, "allow", params{"request": r.Request}, nil)
	}
	for _, b := range s.Blocked {
		if b.App == app {
			u.say("%s may ask again: let it do so, then allow it", oneLine(app))
			return c.call(ctx, "unblock", params{"app": app}, nil)
		}
	}
	return err
}

func appsRefuse(ctx context.Context, _ *ui, c *client, cmd *cli.Command) error {
	_, r, err := c.asking(ctx, cmd.Args().First())
	if err != nil {
		return err
	}
	return c.call(ctx, "refuse", params{"request": r.Request}, nil)
}

// tokenJSON is what "masq apps add --json" prints.
type tokenJSON struct {
	App string `json:"app"`
	ID  string `json:"id"`
	Key string `json:"key"`
}

func appsAdd(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	t := tokenJSON{App: cmd.Args().First()}
	name := cmd.String("name")
	if name == "" {
		name = t.App
	}
	if err := c.call(ctx, "grant", params{"id": t.App, "name": name}, &t); err != nil {
		return err
	}
	if cmd.Bool("json") {
		return u.json(t)
	}
	_, err := fmt.Fprintf(u.stdout, "id: %s\nkey: %s\n", t.ID, t.Key)
	if err == nil {
		u.say("keep the key secret: it is not shown again, and whoever has it may use the data of %s", oneLine(t.App))
	}
	return err
}

func appsRemove(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	app, data := cmd.Args().First(), cmd.Bool("with-data")
	s, err := c.state(ctx)
	if err != nil {
		return err
	}
	if _, err := find(s.Apps, "application", app, func(a appState) []string { return []string{a.App} }); err != nil {
		return hint(err, whatToDo("E_APP"))
	}
	if data {
		question := fmt.Sprintf("delete all data of %s from this computer?", oneLine(app))
		if err := u.sure(ctx, cmd.Bool("yes"), question); err != nil {
			return err
		}
	}
	return c.call(ctx, "removeApp", params{"app": app, "data": data}, nil)
}

// quotaTakes refuses a size that is none.
func quotaTakes(cmd *cli.Command) error {
	if !two(cmd) {
		return nil // of which the command says what it takes
	}
	if _, ok := parseSize(cmd.Args().Get(1)); !ok {
		return misuse(fmt.Errorf("%q is not a size", cmd.Args().Get(1)), "a size is a number of bytes of at least 1M, such as 500M or 2G")
	}
	return nil
}

func appsQuota(ctx context.Context, _ *ui, c *client, cmd *cli.Command) error {
	bytes, _ := parseSize(cmd.Args().Get(1))
	return c.call(ctx, "setQuota", params{"app": cmd.Args().First(), "bytes": bytes}, nil)
}

func appsMend(ctx context.Context, _ *ui, c *client, cmd *cli.Command) error {
	err := c.call(ctx, "mend", params{"app": cmd.Args().First()}, nil)
	var refused *rpcError
	if errors.As(err, &refused) && refused.Data.Code == "E_VALUE" {
		return hint(errors.New("there is no other device to take a fresh copy from"), "it has to be a local store of yours that syncs the application with this one")
	}
	return err
}

// parseSize reads a number of bytes, maybe with a unit of powers of 1,024.
func parseSize(s string) (bytes uint64, ok bool) {
	number := strings.TrimRight(strings.ToUpper(s), "IB")
	unit := 1.0
	if i := strings.IndexAny(number, "KMGT"); i >= 0 && i == len(number)-1 {
		unit = math.Pow(1024, float64(strings.IndexByte("KMGT", number[i])+1))
		number = number[:i]
	}
	n, err := strconv.ParseFloat(number, 64)
	if n *= unit; err != nil || !(n >= 1<<20 && n <= 1<<50) {
		return 0, false
	}
	return uint64(n), true
}
