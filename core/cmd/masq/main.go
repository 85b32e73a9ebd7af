// Command masq runs Masq natively: the local store, the Sync Server, and what is done with both on the command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"
)

func main() {
	os.Exit(run(untilSignal(), os.Args, &ui{os.Stdin, os.Stdout, os.Stderr}))
}

// untilSignal ends with the first signal, which is its cause; a second one ends the program at once.
func untilSignal() context.Context {
	ctx, end := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		name := "SIGINT"
		if <-signals == syscall.SIGTERM {
			name = "SIGTERM"
		}
		signal.Stop(signals)
		end(errors.New(name))
	}()
	return ctx
}

// run is main with what it uses handed in. It returns the exit code.
func run(ctx context.Context, args []string, u *ui) int {
	err := command(u).Run(ctx, args)
	if err != nil {
		u.fail(err)
	}
	return exitCode(err)
}

const description = `Masq keeps the data of applications on the user's own devices, sealed, and in sync.

"masq up" is for trying it. "masq store" runs the local store that applications of this computer share; "masq open" opens
its manager. A "masq sync-server" passes messages between devices; it stores nothing.

Shell completion: "masq completion bash" (zsh, fish, pwsh) prints a script; in bash: source <(masq completion bash)`

func command(u *ui) *cli.Command {
	root := &cli.Command{
		Name:        "masq",
		Usage:       "keep a user's data on the user's own devices, in sync",
		Description: description,
		Commands: append([]*cli.Command{
			upCommand(u), storeCommand(u), syncServerCommand(u),
			openCommand(u), appsCommand(u), devicesCommand(u), pairCommand(u), statusCommand(u), doctorCommand(u),
			versionCommand(u), helpCommand(u),
		}, dataCommands(u)...),
		HideHelpCommand:                 true,
		Version:                         version(),
		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: completionCommand,
		Reader:                          u.stdin,
		Writer:                          u.stdout,
		ErrWriter:                       u.stderr,
		ExitErrHandler:                  func(context.Context, *cli.Command, error) {}, // run prints, main exits
		Action: func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return noCommand(name)
			}
			return cli.ShowRootCommandHelp(c)
		},
	}
	prepare(root)
	return root
}

// prepare makes a command, and those below it, tell errors of usage from others.
func prepare(c *cli.Command) {
	c.HideHelpCommand = true // the one of the root does for all
	c.OnUsageError = func(_ context.Context, c *cli.Command, err error, _ bool) error {
		return misuse(err, fmt.Sprintf("%q lists the flags", strings.TrimSpace(c.FullName()+" --help")))
	}
	if do := c.Action; do != nil {
		c.Action = func(ctx context.Context, c *cli.Command) error { return tried(do(ctx, c)) }
	}
	for _, sub := range c.Commands {
		prepare(sub)
	}
}

func noCommand(name string) error {
	return misuse(fmt.Errorf("there is no command %q", name), `"masq help" lists the commands`)
}

func helpCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "help", Usage: "list the commands, or say how one is used", ArgsUsage: "[COMMAND...]",
		Action: func(ctx context.Context, cmd *cli.Command) error {
			above, c := (*cli.Command)(nil), cmd.Root()
			for _, name := range cmd.Args().Slice() {
				if above, c = c, c.Command(name); c == nil {
					return noCommand(strings.Join(cmd.Args().Slice(), " "))
				}
			}
			if above == nil {
				return cli.ShowRootCommandHelp(c)
			}
			return cli.ShowCommandHelp(ctx, above, c.Name)
		},
	}
}

// completionCommand takes the library's command for shell completion over.
func completionCommand(c *cli.Command) {
	c.Hidden, c.ArgsUsage = false, "bash|zsh|fish|pwsh"
	c.Action = func(_ context.Context, cmd *cli.Command) error {
		if nothing(cmd) {
			return cli.ShowSubcommandHelp(cmd)
		}
		return usage(cmd)
	}
	for _, shell := range c.Commands {
		print := shell.Action
		shell.Action = func(ctx context.Context, cmd *cli.Command) error {
			if !nothing(cmd) {
				return usage(cmd)
			}
			return print(ctx, cmd)
		}
	}
	prepare(c)
}
