package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"

	"github.com/urfave/cli/v3"
)

func openCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "open", Usage: "open the Store manager in a browser", Category: "store",
		Description: withJSON(`{"link"}, and no browser is opened.`),
		Flags: []cli.Flag{
			dataFlag(), jsonFlag(),
			&cli.BoolFlag{Name: "print", Usage: "print the link only; it is good once, for a minute, and as secret as a password"},
		},
		Action: u.store(nothing, openManager),
	}
}

func openManager(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	var answer struct {
		Link string `json:"link"`
	}
	if err := c.call(ctx, "open", nil, &answer); err != nil {
		return err
	}
	switch {
	case cmd.Bool("json"):
		return u.json(answer)
	case cmd.Bool("print"):
		_, err := fmt.Fprintln(u.stdout, answer.Link)
		return err
	}
	return browse(ctx, answer.Link)
}

// browse opens an address in the user's browser.
func browse(ctx context.Context, url string) error {
	argv := []string{"xdg-open", url}
	switch runtime.GOOS {
	case "darwin":
		argv = []string{"open", url}
	case "windows":
		argv = []string{"rundll32", "url.dll,FileProtocolHandler", url}
	}
	if err := exec.CommandContext(ctx, argv[0], argv[1:]...).Run(); err != nil {
		return hint(errors.New("no browser could be opened"), `"masq open --print" prints the link, for a browser on this computer`)
	}
	return nil
}
