// Command masq runs Masq natively: the Sync Server, and the demo next to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	os.Exit(run(ctx, os.Args, os.Stdout, os.Stderr))
}

// run is main with what it uses handed in. It answers the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := command(stdout, stderr).Run(ctx, args)
	if err == nil {
		return 0
	}
	// What the program says: lower case, one line for the error, one for each hint, always on stderr.
	fmt.Fprintln(stderr, "masq: error:", strings.TrimRight(err.Error(), "."))
	var h *hinted
	if errors.As(err, &h) {
		fmt.Fprintln(stderr, "masq: hint:", h.hint)
	}
	return 1
}

// hinted is an error with a line on what to do about it.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

func hint(err error, hint string) error { return &hinted{err, hint} }

func command(stdout, stderr io.Writer) *cli.Command {
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	root := &cli.Command{
		Name:  "masq",
		Usage: "keep a user's data on the user's own devices, in sync",
		Commands: []*cli.Command{
			{
				Name:  "up",
				Usage: "run the Sync Server and the demo on this computer",
				Flags: []cli.Flag{&cli.StringFlag{
					Name: "listen", Value: "localhost:6280", Usage: "loopback `address` and port",
				}},
				Action: func(ctx context.Context, c *cli.Command) error {
					return up(ctx, stdout, logger, c.String("listen"))
				},
			},
			{
				Name:  "sync-server",
				Usage: "run a Sync Server, over plain HTTP; put a proxy with TLS in front of it",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "listen", Value: "localhost:6280", Usage: "`address` and port"},
					&cli.StringSliceFlag{
						Name: "host", Usage: "host `name` by which devices dial this server, with a port to allow only that one; may be repeated (default: loopback names)",
					},
				},
				Action: func(ctx context.Context, c *cli.Command) error {
					return syncServer(ctx, stdout, stderr, logger, c.String("listen"), c.StringSlice("host"))
				},
			},
			{
				Name:  "version",
				Usage: "print the version",
				Action: func(context.Context, *cli.Command) error {
					fmt.Fprintln(stdout, "masq", version())
					return nil
				},
			},
		},
		Writer:         stdout,
		ErrWriter:      stderr,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // run prints, main exits
		Action: func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return hint(fmt.Errorf("there is no command %q", name), `"masq help" lists the commands`)
			}
			return cli.ShowRootCommandHelp(c)
		},
	}
	noArguments(root)
	return root
}

// noArguments makes every command refuse arguments that it does not take, and answer a wrong flag with a hint.
func noArguments(c *cli.Command) {
	c.OnUsageError = func(_ context.Context, c *cli.Command, err error, _ bool) error {
		return hint(err, fmt.Sprintf("%q lists the flags", strings.TrimSpace(c.FullName()+" --help")))
	}
	for _, sub := range c.Commands {
		action := sub.Action
		sub.Action = func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return hint(fmt.Errorf("%s takes no argument %q", c.Name, c.Args().First()), fmt.Sprintf("%q lists the flags", c.FullName()+" --help"))
			}
			return action(ctx, c)
		}
		noArguments(sub)
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
