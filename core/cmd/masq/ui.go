package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// ui is how the program speaks with whoever runs it. The rules: results go to stdout, everything else to stderr; lower case; one
// line "masq: error: ..." and one "masq: hint: ..." with what to do; prompts only at a terminal.
type ui struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// interactive reports whether there is somebody to ask.
func (u *ui) interactive() bool { return isTerminal(u.stdin) }

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// say writes a line for people that is no result.
func (u *ui) say(format string, args ...any) {
	fmt.Fprintf(u.stderr, "masq: "+format+"\n", args...)
}

// fail writes an error with its hint.
func (u *ui) fail(err error) {
	u.say("error: %v", err)
	u.say("hint: %s", cmp.Or(hintOf(err), `"masq help" says how commands are used`))
}

// patience is how long something may take before people are told what it is.
const patience = 2 * time.Second

// during says what is going on if it takes long. Call what it returns when that is over.
func (u *ui) during(format string, args ...any) (over func()) {
	t := time.AfterFunc(patience, func() { u.say(format, args...) })
	return func() { t.Stop() }
}

// json writes a result as one line.
func (u *ui) json(v any) error {
	e := json.NewEncoder(u.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table writes rows with aligned columns.
func (u *ui) table(header string, rows func(row func(cells ...any))) error {
	w := tabwriter.NewWriter(u.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, header)
	rows(func(cells ...any) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, c)
		}
		fmt.Fprintln(w)
	})
	return w.Flush()
}

// ask prompts for a line. Where there is nobody to ask it takes a line of stdin.
func (u *ui) ask(ctx context.Context, prompt string) (string, error) {
	if u.interactive() {
		u.prompt(prompt)
	}
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(oneByOne{u.stdin}).ReadString('\n')
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-answers:
		if a.err != nil && a.line == "" {
			return "", errors.New("no answer came")
		}
		return strings.TrimSpace(a.line), nil
	}
}

// prompt writes to the terminal, also when stderr goes elsewhere.
func (u *ui) prompt(text string) {
	out := u.stderr
	if !isTerminal(out) {
		if tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
			defer tty.Close()
			out = tty
		}
	}
	fmt.Fprint(out, text, " ")
}

// oneByOne keeps a buffered reader from taking more than a line of what others read later.
type oneByOne struct{ io.Reader }

func (r oneByOne) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

// yes asks a question that is answered by yes or no.
func (u *ui) yes(ctx context.Context, question string) (bool, error) {
	answer, err := u.ask(ctx, question+" [yes/no]")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	case "n", "no":
		return false, nil
	}
	return false, hint(fmt.Errorf("%q is neither yes nor no", answer), "nothing was changed; try again")
}

// sure lets something through that cannot be undone: with --yes, or after a yes.
func (u *ui) sure(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	if !u.interactive() {
		return hint(errors.New("this cannot be undone, and there is no terminal to ask at"), "--yes does it without asking")
	}
	ok, err := u.yes(ctx, question)
	if err == nil && !ok {
		err = hint(errors.New("nothing was changed"), "answer yes to go on")
	}
	return err
}
