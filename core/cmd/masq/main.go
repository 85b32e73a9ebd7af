// Command masq runs Masq natively: the local store, the Sync Server, and what is done with both on the command line.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"
)

func main() {
	// The first signal ends what runs; a second one ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args, &ui{os.Stdin, os.Stdout, os.Stderr}))
}

// run is main with what it uses handed in. It answers the exit code.
func run(ctx context.Context, args []string, u *ui) int {
	if err := command(u).Run(ctx, args); err != nil {
		u.fail(err)
		return 1
	}
	return 0
}

// hinted is an error with a line on what to do about it.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

func hint(err error, hint string) error { return &hinted{err, hint} }

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
			versionCommand(u),
		}, dataCommands(u)...),
		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: func(c *cli.Command) { c.Hidden = false },
		Reader:                          u.stdin,
		Writer:                          u.stdout,
		ErrWriter:                       u.stderr,
		ExitErrHandler:                  func(context.Context, *cli.Command, error) {}, // run prints, main exits
		Action: func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return hint(fmt.Errorf("there is no command %q", name), `"masq help" lists the commands`)
			}
			return cli.ShowRootCommandHelp(c)
		},
	}
	hintFlags(root)
	return root
}

// hintFlags makes every command answer a wrong flag with a hint.
func hintFlags(c *cli.Command) {
	c.OnUsageError = func(_ context.Context, c *cli.Command, err error, _ bool) error {
		return hint(err, fmt.Sprintf("%q lists the flags", strings.TrimSpace(c.FullName()+" --help")))
	}
	for _, sub := range c.Commands {
		hintFlags(sub)
	}
}

func versionCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(_ context.Context, cmd *cli.Command) error {
			if !nothing(cmd) {
				return usage(cmd)
			}
			if cmd.Bool("json") {
				return u.json(map[string]string{"version": version()})
			}
			_, err := fmt.Fprintln(u.stdout, "masq", version())
			return err
		},
	}
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return strings.Trim(info.Main.Version, "()")
}
