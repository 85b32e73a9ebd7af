package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/masqdev/masq/core/localstore"
	"github.com/masqdev/masq/core/peer"
)

func pairCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "pair", Usage: "pair with another device: show a link, or join by a link that the other shows",
		Category: "store",
		Description: "Without --join this store is the one that stays: it shows a link, which the other device opens or is given by\n" +
			"\"masq pair --join\", which asks for it. Then both show who is at the other end; type here the six digits that the\n" +
			"other shows. Where there is no terminal, the link and the answers are read from standard input, a line each.\n\n" +
			withJSON(`a line for each step: {"pairing", "role", "app", "link", "step": "waiting", "compare", "confirmed", "paired",
"done" or "failed", "digits", "name", "expires", "hasData", "error"}.`),
		Flags: []cli.Flag{
			dataFlag(), jsonFlag(),
			&cli.BoolFlag{Name: "join", Usage: "join by a link of another device"},
			&cli.StringFlag{Name: "app", Usage: "give the other device only the data of the application with this `id`, a page's address"},
			&cli.BoolFlag{Name: "bring", Usage: "joining: hand over the data that is here already"},
			&cli.BoolFlag{Name: "discard", Usage: "joining: delete the data that is here already"},
		},
		Action: first(pairTakes, u.store(nothing, pair)),
	}
}

// pairTakes refuses flags that do not go together.
func pairTakes(cmd *cli.Command) error {
	switch {
	case cmd.Bool("bring") && cmd.Bool("discard"):
		return misuse(errors.New("--bring and --discard exclude each other"), whatToDo("E_DATA"))
	case cmd.Args().Present():
		return misuse(errors.New("a link is a secret, and other users of this computer can read what is typed behind a command"),
			"\"masq pair --join\" asks for the link, or reads it from standard input")
	case cmd.Bool("join") && cmd.IsSet("app"):
		return misuse(errors.New("--app is for showing a link, not for joining by one"), "the link says what this device is let into")
	}
	return nil
}

// pair goes through a pairing, from the first call to its end.
func pair(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	method, p := "invite", params{}
	switch {
	case cmd.Bool("join"):
		link, err := u.ask(ctx, "the link that the other device shows:")
		if err != nil {
			return err
		}
		method, p["link"] = "join", link
	case cmd.IsSet("app"):
		p["app"] = cmd.String("app")
	}
	var begun struct {
		Pairing uint64 `json:"pairing"`
	}
	if err := c.call(ctx, method, p, &begun); err != nil {
		return err
	}
	w := &pairingUI{ui: u, c: c, cmd: cmd, number: begun.Pairing}
	err := w.follow(ctx)
	if err != nil && !w.over {
		w.cancel(ctx)
	}
	return err
}

// pairingUI shows a pairing and asks what it asks.
type pairingUI struct {
	*ui
	c      *client // hears how it goes
	cmd    *cli.Command
	number uint64
	shown  string // the step shown last
	over   bool   // the store has ended it
}

// news is a state of the pairing, or why there are no more.
type news struct {
	pairing pairing
	err     error
}

// follow shows each step until the last, while it waits for answers.
func (w *pairingUI) follow(ctx context.Context) error {
	s, err := w.c.state(ctx)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop() // lets go of the two goroutines
	steps, answered := make(chan news), make(chan error, 1)
	go w.hear(ctx, s.Pairing, steps)
	for {
		select {
		case <-ctx.Done():
			return hint(errors.New("interrupted"), "begin again: a link is good no more when the pairing has ended")
		case err := <-answered:
			if err != nil {
				return err
			}
		case n := <-steps:
			if n.err != nil {
				return n.err
			}
			if n.pairing.Step == w.shown {
				continue
			}
			w.shown = n.pairing.Step
			if over, err := w.show(n.pairing); over || err != nil {
				w.over = over
				return err
			}
			if n.pairing.Step == "compare" {
				go func() { answered <- w.answer(ctx, n.pairing) }()
			}
		}
	}
}

// hear passes on what the store tells of the pairing.
func (w *pairingUI) hear(ctx context.Context, p *pairing, steps chan<- news) {
	for {
		n := news{}
		switch {
		case p == nil || p.Pairing != w.number:
			n.err = hint(errors.New("the pairing has ended"), "another one has begun: begin again")
		default:
			n.pairing = *p
		}
		select {
		case steps <- n:
		case <-ctx.Done():
			return
		}
		var s state
		if err := w.c.next(ctx, "state", &s); err != nil {
			select {
			case steps <- news{err: err}:
			case <-ctx.Done():
			}
			return
		}
		p = s.Pairing
	}
}

// show prints a step, and reports whether it is the last.
func (w *pairingUI) show(p pairing) (over bool, err error) {
	if w.cmd.Bool("json") {
		err = w.json(p)
	} else {
		err = w.print(p)
	}
	switch {
	case err != nil:
		return false, err
	case p.Step == "failed":
		return true, pairingError(p.Error)
	}
	return p.Step == "done", nil
}

func (w *pairingUI) print(p pairing) (err error) {
	name := oneLine(p.Name)
	switch p.Step {
	case "waiting":
		if p.Link == "" {
			w.say("waiting for the other device")
			return nil
		}
		if isTerminal(w.stdout) {
			if code, err := qrText(p.Link); err == nil {
				fmt.Fprint(w.stdout, code)
			}
		}
		_, err = fmt.Fprintln(w.stdout, p.Link)
		w.say(`open this link on the other device, or run "masq pair --join" there; it is good once, until %s`, clock(p.Expires))
	case "compare":
		if p.Digits != "" {
			_, err = fmt.Fprintf(w.stdout, "the digits are %s\n", p.Digits)
		}
	case "confirmed":
		w.say("waiting for the yes of %s", name)
	case "paired":
		w.say("paired with %s; the first sync begins", name)
	case "done":
		_, err = fmt.Fprintf(w.stdout, "paired with %s\n", name)
	}
	return err
}

func clock(ms uint64) string { return time.UnixMilli(int64(ms)).Format("15:04:05") }

// pairingError says what a pairing's code means.
func pairingError(code string) error {
	s := localstore.WordsOf(peer.Code(code)).Pairing
	if s == "" {
		s = "the pairing failed with " + code
	}
	h := whatToDo(code)
	if h == "" {
		h = "begin again"
	}
	return hint(errors.New(s), h)
}

// answer asks the user what the pairing needs, and confirms it.
func (w *pairingUI) answer(ctx context.Context, p pairing) error {
	confirm := params{"pairing": w.number}
	name, err := oneLine(p.Name), error(nil)
	if p.Digits == "" {
		confirm["digits"], err = w.ask(ctx, fmt.Sprintf("type the six digits that %s shows:", name))
	} else {
		err = w.agree(ctx, fmt.Sprintf("does %s show the same digits, %s?", name, p.Digits))
	}
	if err == nil && p.HasData {
		err = w.bringOrDiscard(ctx, confirm)
	}
	if err != nil {
		return err
	}
	c, err := w.dial(ctx, dataDir(w.cmd)) // w.c is being read
	if err != nil {
		return err
	}
	defer c.close()
	return c.call(ctx, "confirm", confirm, nil)
}

func (w *pairingUI) agree(ctx context.Context, question string) error {
	same, err := w.yes(ctx, question)
	if err == nil && !same {
		err = hint(errors.New("nothing was paired"), "if the digits differed, somebody may be in between: begin again")
	}
	return err
}

// bringOrDiscard decides what becomes of the data that the joining device has already.
func (w *pairingUI) bringOrDiscard(ctx context.Context, confirm params) error {
	bring, discard := w.cmd.Bool("bring"), w.cmd.Bool("discard")
	if !bring && !discard {
		answer, err := w.ask(ctx, "this computer has data already. bring it along, or discard it? [bring/discard]")
		if err != nil {
			return err
		}
		bring, discard = answer == "bring", answer == "discard"
	}
	switch {
	case bring:
		confirm["bring"] = true
	case discard:
		confirm["discard"] = true
	default:
		return hint(errors.New("this computer has data already"), whatToDo("E_DATA"))
	}
	return nil
}

// cancel takes back what this program has begun, also when ctx has ended.
func (w *pairingUI) cancel(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer stop()
	c, err := w.dial(ctx, dataDir(w.cmd))
	if err != nil {
		return
	}
	defer c.close()
	c.call(ctx, "cancel", params{"pairing": w.number}, nil)
}
