package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
)

func openCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "open", Usage: "open the Store manager in a browser", Category: "store",
		Description: "It ends when the manager is open. A browser that cannot read the file which leads there, as those in a sandbox\n" +
			"cannot, gets nothing: a code is printed then, which the manager takes.\n\n" +
			withJSON(`{"link"}, and no browser is opened.`),
		Flags: []cli.Flag{
			dataFlag(), jsonFlag(),
			&cli.BoolFlag{Name: "print", Usage: "print the link only; it is good once, for a minute, and as secret as a password"},
		},
		Action: u.store(nothing, openManager),
	}
}

func openManager(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	asks := params{}
	if !cmd.Bool("json") && !cmd.Bool("print") {
		asks["code"] = true
	}
	var answer struct {
		Link string `json:"link"`
	}
	if err := c.call(ctx, "open", asks, &answer); err != nil {
		return err
	}
	switch {
	case cmd.Bool("json"):
		return u.json(answer)
	case cmd.Bool("print"):
		_, err := fmt.Fprintln(u.stdout, answer.Link)
		return err
	}
	return lead(ctx, u, c, dataDir(cmd), answer.Link)
}

// linkTime is how long a link is good.
const linkTime = time.Minute

// lead opens a browser on the link and waits until the manager is open. Other users of this computer can read the arguments of
// every program, so the browser is given a file that only this user can read, and which leads to the link.
func lead(ctx context.Context, u *ui, c *client, dir, link string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	file, err := writeRedirect(dir, link)
	if err != nil {
		return hint(err, `"masq open --print" prints the link, for a browser on this computer`)
	}
	defer os.Remove(file)
	defer time.AfterFunc(linkTime, func() { os.Remove(file) }).Stop()
	browsed, told := make(chan error, 1), make(chan note)
	go func() { browsed <- browse(file) }()
	go c.listen(ctx, told)
	var late <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return hint(errors.New("interrupted"), `"masq open" tries again`)
		case <-late:
			return hint(errors.New("nobody has opened the manager in time"), `"masq open" tries again`)
		case err := <-browsed:
			if err != nil {
				return err
			}
		case n, ok := <-told:
			switch {
			case !ok:
				return gone(ctx)
			case n.Method == "opened":
				return nil
			case n.Method == "code":
				if late, err = u.showCode(n, link); err != nil {
					return err
				}
			}
		}
	}
}

// showCode prints a code and where it is to be typed, and returns when it is over.
func (u *ui) showCode(n note, link string) (over <-chan time.Time, err error) {
	var code struct {
		Code    string `json:"code"`
		Expires int64  `json:"expires"`
	}
	if err := json.Unmarshal(n.Params, &code); err != nil {
		return nil, err
	}
	page, _, _ := strings.Cut(link, "#")
	u.say("if no manager has opened, go to %s in a browser on this computer, and type this code there:", page)
	_, err = fmt.Fprintln(u.stdout, code.Code)
	return time.After(time.Until(time.UnixMilli(code.Expires))), err
}

// redirectName is the files that lead to a link. One that a killed masq has left leads to a link that is not good any more.
const redirectName = "open-*.html"

// writeRedirect makes a page that leads to link, in the data directory and with mode 0600, and returns its path.
func writeRedirect(dir, link string) (path string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	removeOld(filepath.Join(dir, redirectName))
	f, err := os.CreateTemp(dir, redirectName)
	if err != nil {
		return "", err
	}
	to := html.EscapeString(link) // the store makes links of letters, digits, - and _
	_, err = fmt.Fprintf(f, `<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url=%s">
<title>Masq</title>
<a href="%[1]s">Masq</a>
`, to)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// removeOld removes files that match and whose links are over.
func removeOld(pattern string) {
	files, _ := filepath.Glob(pattern)
	for _, name := range files {
		if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > linkTime {
			os.Remove(name)
		}
	}
}

// browse opens a file in the user's browser. It may take until the browser ends.
func browse(file string) error {
	argv := []string{"xdg-open", file}
	switch runtime.GOOS {
	case "darwin":
		argv = []string{"open", file}
	case "windows":
		argv = []string{"rundll32", "url.dll,FileProtocolHandler", file}
	}
	if err := exec.Command(argv[0], argv[1:]...).Run(); err != nil {
		return hint(errors.New("no browser could be opened"), `"masq open --print" prints the link, for a browser on this computer`)
	}
	return nil
}
