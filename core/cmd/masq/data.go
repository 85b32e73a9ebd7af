package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/urfave/cli/v3"
)

// defaultApp is the namespace of the command line's own. The store makes it when it is first used.
const defaultApp = "org.masq.cli"

// entry is a key with its value, as the store writes it: JSON, or bytes in base64. It is also what --json prints.
type entry struct {
	Key   string          `json:"key,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
	Bytes *[]byte         `json:"bytes,omitempty"`
}

func (e entry) empty() bool { return e.Value == nil && e.Bytes == nil }

// String is how a value stands in a line for people.
func (e entry) String() string {
	if e.Bytes != nil {
		return fmt.Sprintf("(%s of bytes)", size(uint64(len(*e.Bytes))))
	}
	return string(e.Value)
}

func dataCommands(u *ui) []*cli.Command {
	app := func() cli.Flag {
		return &cli.StringFlag{Name: "app", Value: defaultApp, Usage: "the application whose data it is, by its `id`"}
	}
	limit := &cli.IntFlag{Name: "limit", Usage: "print at most so many `keys`; 0: all", Validator: notNegative}
	return []*cli.Command{
		{
			Name: "get", Usage: "print a value", ArgsUsage: "KEY", Category: "data",
			Description: withJSON(`{"key", "value"}, or {"key", "bytes"} with the bytes in base64.`),
			Flags: []cli.Flag{
				app(), dataFlag(), jsonFlag(),
				&cli.BoolFlag{Name: "bytes", Usage: "print a value that is bytes as it is"},
				&cli.StringFlag{Name: "file", Usage: "write it into a `file`"},
			},
			Action: u.store(one, get),
		},
		{
			Name: "put", Usage: "write a value: JSON, or - for standard input", ArgsUsage: "KEY VALUE", Category: "data",
			Description: "Other users of this computer can read what is typed behind a command while it runs. A value that is\n" +
				"not for them comes from standard input, or out of a file.",
			Flags: []cli.Flag{
				app(), dataFlag(), jsonFlag(),
				&cli.BoolFlag{Name: "bytes", Usage: "take the value as bytes, whatever is in it"},
				&cli.StringFlag{Name: "file", Usage: "take the value out of a `file`"},
			},
			Action: u.put,
		},
		{
			Name: "del", Usage: "delete keys", ArgsUsage: "KEY...", Category: "data",
			Flags:  []cli.Flag{app(), dataFlag(), jsonFlag()},
			Action: u.silent(some, del),
		},
		{
			Name: "ls", Usage: "list keys with their values", Category: "data",
			Description: withJSON(`a line for each key, as "masq get --json" prints it.`),
			Flags: []cli.Flag{
				app(), dataFlag(), jsonFlag(),
				&cli.StringFlag{Name: "prefix", Usage: "only keys that begin with `text`"},
				&cli.BoolFlag{Name: "keys", Usage: "without the values"},
				limit,
			},
			Action: u.store(nothing, ls),
		},
		{
			Name: "count", Usage: "print how many keys have a value", Category: "data",
			Description: withJSON(`{"count"}.`),
			Flags: []cli.Flag{
				app(), dataFlag(), jsonFlag(),
				&cli.StringFlag{Name: "prefix", Usage: "only keys that begin with `text`"},
			},
			Action: u.store(nothing, count),
		},
		{
			Name: "watch", Usage: "print what changes, a line for each key, until ctrl-c", Category: "data",
			Description: withJSON(`a line for each key: {"key", "value" or "bytes" or "deleted": true, "from": "here", "tab" or "device",
"conflicts": how many other versions there are}.`),
			Flags: []cli.Flag{
				app(), dataFlag(), jsonFlag(),
				&cli.StringFlag{Name: "prefix", Usage: "only keys that begin with `text`"},
				&cli.IntFlag{Name: "count", Usage: "end after so many `changes`; 0: never", Validator: notNegative},
			},
			Action: u.store(nothing, watch),
		},
	}
}

// notNegative refuses a number of which nobody knows what it means: it would be taken for "all".
func notNegative(n int) error {
	if n < 0 {
		return errors.New("it must be 0 or more")
	}
	return nil
}

func get(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	key := cmd.Args().First()
	e := entry{}
	if err := c.call(ctx, "get", params{"app": cmd.String("app"), "key": key}, &e); err != nil {
		return err
	}
	raw := cmd.Bool("bytes") || cmd.IsSet("file")
	switch e.Key = key; {
	case e.empty():
		return hint(fmt.Errorf("there is no key %q", key), `"masq ls" lists the keys`)
	case cmd.Bool("json"):
		return u.json(e)
	case e.Bytes != nil && !raw:
		return hint(fmt.Errorf("the value of %q is bytes", key), "--bytes prints them as they are, --file F writes them into a file")
	}
	data := append(bytes.Clone(e.Value), '\n')
	if e.Bytes != nil {
		data = *e.Bytes
	}
	if file := cmd.String("file"); file != "" {
		return os.WriteFile(file, data, 0o600)
	}
	_, err := u.stdout.Write(data)
	return err
}

// putTakes: a key, and a value unless that is in a file.
func putTakes(cmd *cli.Command) bool {
	n := cmd.Args().Len()
	return n == 2 && !cmd.IsSet("file") || n == 1 && cmd.IsSet("file")
}

// maxValue is a value's limit with room for spaces around it; the store checks it exactly.
const maxValue = 2 << 20

// put looks at the value before it asks the store.
func (u *ui) put(ctx context.Context, cmd *cli.Command) error {
	if !putTakes(cmd) {
		return usage(cmd)
	}
	data, err := u.valueOf(cmd)
	if err != nil {
		return err
	}
	p := params{"app": cmd.String("app"), "key": cmd.Args().First()}
	switch {
	case cmd.Bool("bytes"):
		p["bytes"] = data
	case !json.Valid(data) || !utf8.Valid(data):
		return misuse(errors.New("the value is not JSON"), `text needs quotes, as in: masq put note '"hello"'; --bytes takes anything`)
	default:
		p["value"] = json.RawMessage(data)
	}
	return u.silent(putTakes, func(ctx context.Context, _ *ui, c *client, _ *cli.Command) error {
		return c.call(ctx, "put", p, nil)
	})(ctx, cmd)
}

// valueOf returns the value that a put is given: an argument, standard input or a file.
func (u *ui) valueOf(cmd *cli.Command) ([]byte, error) {
	if file := cmd.String("file"); file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, hint(fmt.Errorf("cannot read %s", file), "--file takes the path of a file")
		}
		defer f.Close()
		return readValue(f)
	}
	if value := cmd.Args().Get(1); value != "-" {
		return []byte(value), nil
	}
	return readValue(u.stdin)
}

func readValue(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxValue+1))
	if err == nil && len(data) > maxValue {
		err = misuse(errors.New("the value is too big"), "a value has at most 1 MiB")
	}
	return data, err
}

func del(ctx context.Context, _ *ui, c *client, cmd *cli.Command) error {
	var ops []params
	for _, key := range cmd.Args().Slice() {
		ops = append(ops, params{"type": "del", "key": key})
	}
	return c.call(ctx, "batch", params{"app": cmd.String("app"), "operations": ops}, nil)
}

func ls(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	left, after := cmd.Int("limit"), ""
	lost := &damaged{}
	for {
		p := params{"app": cmd.String("app"), "prefix": cmd.String("prefix"), "keysOnly": cmd.Bool("keys")}
		if after != "" {
			p["after"] = after
		}
		if left > 0 {
			p["limit"] = left
		}
		var page struct {
			Entries []entry  `json:"entries"`
			More    bool     `json:"more"`
			Damaged []string `json:"damaged"`
		}
		if err := c.call(ctx, "list", p, &page); err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := u.line(cmd, e); err != nil {
				return err
			}
			after = e.Key
		}
		lost.add(page.Damaged)
		if left -= len(page.Entries); !page.More || len(page.Entries) == 0 || cmd.Int("limit") > 0 && left <= 0 {
			return lost.err(cmd.String("app"))
		}
	}
}

func count(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	var keys struct {
		Count uint64 `json:"count"`
	}
	err := c.call(ctx, "count", params{"app": cmd.String("app"), "prefix": cmd.String("prefix")}, &keys)
	switch {
	case err != nil:
	case cmd.Bool("json"):
		err = u.json(keys)
	default:
		_, err = fmt.Fprintln(u.stdout, keys.Count)
	}
	return err
}

// line prints a key, and its value if that is wanted.
func (u *ui) line(cmd *cli.Command, e entry) error {
	var err error
	switch {
	case cmd.Bool("json"):
		err = u.json(e)
	case cmd.Bool("keys"):
		_, err = fmt.Fprintln(u.stdout, oneLine(e.Key))
	default:
		_, err = fmt.Fprintf(u.stdout, "%s\t%s\n", oneLine(e.Key), oneLine(e.String()))
	}
	return err
}

// change is what watch prints with --json.
type change struct {
	entry
	Deleted   bool   `json:"deleted,omitempty"`
	From      string `json:"from"`
	Conflicts int    `json:"conflicts"`
}

func watch(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	app := cmd.String("app")
	if err := c.call(ctx, "watch", params{"app": app, "prefix": cmd.String("prefix")}, nil); err != nil {
		return err
	}
	u.say("watching; ctrl-c ends it")
	for n := 0; ; {
		var changed struct {
			Changes []change `json:"changes"`
		}
		if err := c.next(ctx, "changed", &changed); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for _, ch := range changed.Changes {
			if err := u.changed(cmd, ch); err != nil {
				return err
			}
			if n++; n == cmd.Int("count") {
				return nil
			}
		}
	}
}

func (u *ui) changed(cmd *cli.Command, ch change) error {
	ch.Deleted = ch.empty()
	if cmd.Bool("json") {
		return u.json(ch)
	}
	line := fmt.Sprintf("put\t%s\t%s", oneLine(ch.Key), oneLine(ch.String()))
	if ch.Deleted {
		line = "del\t" + oneLine(ch.Key)
	}
	if ch.Conflicts > 0 {
		line += fmt.Sprintf("\t(%d more versions)", ch.Conflicts)
	}
	_, err := fmt.Fprintln(u.stdout, line)
	return err
}
