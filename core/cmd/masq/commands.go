package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/masqdev/masq/core/localstore/native"
)

// dataVariable names the data directory where no flag does.
const dataVariable = "MASQ_DATA"

// dataFlag names the data directory. Each command has a flag of its own, because a flag keeps its value.
func dataFlag() cli.Flag {
	return &cli.StringFlag{Name: "data", Usage: "the store's data `directory`", Sources: cli.EnvVars(dataVariable), DefaultText: native.DefaultDir()}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON, one value a line"}
}

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Usage: "do not ask"}
}

// dataDir is the data directory that a command is about.
func dataDir(cmd *cli.Command) string {
	if dir := cmd.String("data"); dir != "" {
		return dir
	}
	return native.DefaultDir()
}

// action is what a command does with a store that runs.
type action func(ctx context.Context, u *ui, c *client, cmd *cli.Command) error

// store makes an action a command's that takes these arguments and is connected with the store.
func (u *ui) store(takes func(*cli.Command) bool, do action) cli.ActionFunc {
	return func(ctx context.Context, cmd *cli.Command) error {
		if !takes(cmd) {
			return usage(cmd)
		}
		c, err := u.dial(ctx, dataDir(cmd))
		if err != nil {
			return err
		}
		defer c.close()
		return do(ctx, u, c, cmd)
	}
}

// silent is store for an action that has no result: with --json it is {}.
func (u *ui) silent(takes func(*cli.Command) bool, do action) cli.ActionFunc {
	return u.store(takes, func(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
		err := do(ctx, u, c, cmd)
		if err == nil && cmd.Bool("json") {
			err = u.json(struct{}{})
		}
		return err
	})
}

// first makes an action one that looks at what was typed before it asks the store.
func first(check func(*cli.Command) error, do cli.ActionFunc) cli.ActionFunc {
	return func(ctx context.Context, cmd *cli.Command) error {
		if err := check(cmd); err != nil {
			return err
		}
		return do(ctx, cmd)
	}
}

// withJSON is the description of a command whose --json has these fields.
func withJSON(fields string) string { return "With --json: " + fields }

// What commands take.
func nothing(cmd *cli.Command) bool { return !cmd.Args().Present() }
func one(cmd *cli.Command) bool     { return cmd.Args().Len() == 1 }
func two(cmd *cli.Command) bool     { return cmd.Args().Len() == 2 }
func some(cmd *cli.Command) bool    { return cmd.Args().Present() }

// usage is what a command says to arguments that it does not take.
func usage(cmd *cli.Command) error {
	help := fmt.Sprintf("%q says what it takes", cmd.FullName()+" --help")
	switch {
	case cmd.ArgsUsage == "":
		return misuse(fmt.Errorf("%s takes no argument %q", cmd.Name, cmd.Args().First()), help)
	case !cmd.Args().Present():
		return misuse(fmt.Errorf("%s needs %s", cmd.Name, cmd.ArgsUsage), help)
	}
	return misuse(fmt.Errorf("%s takes %s, not %q", cmd.Name, cmd.ArgsUsage, strings.Join(cmd.Args().Slice(), " ")), help)
}
