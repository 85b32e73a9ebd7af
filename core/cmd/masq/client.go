package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/masqdev/masq/core/localstore"
	"github.com/masqdev/masq/core/localstore/native"
	"github.com/masqdev/masq/core/peer"
)

// client speaks JSON-RPC with the store, one text a line, on the Unix socket in its data directory. It is for one goroutine.
type client struct {
	ui    *ui
	conn  net.Conn
	lines *bufio.Scanner
	last  int
	notes []note // notifications that came while an answer was awaited
}

// note is a notification.
type note struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// maxLine is how long a line of the store's may be.
const maxLine = 64 << 20

// dial connects to the store that runs with a data directory.
func (u *ui) dial(ctx context.Context, dir string) (*client, error) {
	path, err := native.SocketPath(dir)
	if err != nil {
		return nil, hintFor(err)
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, hint(fmt.Errorf("no store is running with the data in %s", dir),
			`"masq store" starts one, or "masq up" for trying Masq; --data names another data directory`)
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	c := &client{ui: u, conn: conn, lines: bufio.NewScanner(conn)}
	c.lines.Buffer(nil, maxLine)
	return c, nil
}

func (c *client) close() { c.conn.Close() }

// rpcError is an error that the store answered.
type rpcError struct {
	Message string `json:"message"`
	Data    struct {
		Code string `json:"code"`
		Key  string `json:"key"` // which it is about alone
	} `json:"data"`
}

func (e *rpcError) Error() string { return e.Message }

// params are a call's.
type params = map[string]any

// call asks the store for something and decodes what it returns into result, unless that is nil.
func (c *client) call(ctx context.Context, method string, p params, result any) error {
	defer c.ui.during("waiting for the store")()
	if p == nil {
		p = params{}
	}
	c.last++
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.last, "method": method, "params": p})
	if err != nil {
		return err
	}
	if _, err := c.conn.Write(append(request, '\n')); err != nil {
		return gone(ctx)
	}
	for {
		var m struct {
			note
			ID     *int            `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  *rpcError       `json:"error"`
		}
		if err := c.read(ctx, &m); err != nil {
			return err
		}
		switch {
		case m.Method != "":
			c.notes = append(c.notes, m.note)
		case m.Error != nil:
			return withHint(m.Error)
		case m.ID == nil || *m.ID != c.last || result == nil:
			return nil
		default:
			return json.Unmarshal(m.Result, result)
		}
	}
}

// next waits for a notification of a method and decodes it into p. Those of others are dropped.
func (c *client) next(ctx context.Context, method string, p any) error {
	for {
		n, err := c.note(ctx)
		if err != nil {
			return err
		}
		if n.Method == method {
			return json.Unmarshal(n.Params, p)
		}
	}
}

// note waits for a notification.
func (c *client) note(ctx context.Context) (n note, err error) {
	if len(c.notes) > 0 {
		n, c.notes = c.notes[0], c.notes[1:]
		return n, nil
	}
	err = c.read(ctx, &n)
	return n, err
}

// listen passes on all notifications, and closes told when there are no more.
func (c *client) listen(ctx context.Context, told chan<- note) {
	defer close(told)
	for {
		n, err := c.note(ctx)
		if err != nil {
			return
		}
		select {
		case told <- n:
		case <-ctx.Done():
			return
		}
	}
}

func (c *client) read(ctx context.Context, v any) error {
	if !c.lines.Scan() {
		return gone(ctx)
	}
	return json.Unmarshal(c.lines.Bytes(), v)
}

// gone is why the connection has ended.
func gone(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return hint(errors.New("the store has stopped"), `"masq store" starts it again`)
}

// whatToDo is what to do about a store's code on the command line, "" where the store's own sentence says it.
func whatToDo(code string) string { return localstore.WordsOf(peer.Code(code)).Command }

// inWords is a store's code with what it means, where that is something that has stopped.
func inWords(code string) string {
	if words := localstore.WordsOf(peer.Code(code)).Stopped; words != "" {
		return words + " (" + code + ")"
	}
	return code
}

// misused are the codes for what was typed: no store would take it at any time.
var misused = map[string]bool{"E_KEY": true, "E_VALUE": true, "E_LINK": true, "E_TOOBIG": true}

// withHint makes of what the store says, "what is wrong: what to do", an error with a hint.
func withHint(e *rpcError) error {
	sentence, todo := e.Message, `"masq help" says how commands are used`
	if i := strings.LastIndex(sentence, ": "); i > 0 {
		sentence, todo = sentence[:i], sentence[i+2:]
	}
	if h := whatToDo(e.Data.Code); h != "" && e.Data.Key == "" {
		todo = h
	}
	if misused[e.Data.Code] {
		return misuse(&rpcError{Message: sentence, Data: e.Data}, todo)
	}
	return hint(&rpcError{Message: sentence, Data: e.Data}, todo)
}
