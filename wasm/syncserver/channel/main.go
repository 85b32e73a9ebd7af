//go:build js && wasm

// Command channel is the Sync Server's core for a Worker's Durable Objects: it drives core/relay over one function and two byte
// buffers, and keeps nothing from one call to the next.
//
// The host (js/cloudflare/relay.mjs) sets globalThis.masqChannel before it runs this program:
//
//	hosts, limits  texts; see codec.Config
//	output(n)      makes a new Uint8Array of n bytes, for what this turn asks for, and returns it
//	ready(turn)    takes the function below; it is called once
//
// and calls turn(now, input) with the time in Unix ms and a Uint8Array; see package codec. turn returns a text that says what
// went wrong, or an empty one. It never throws: a panic comes out as such a text, and the next turn is as good as any.
package main

import (
	"errors"
	"fmt"

	"github.com/hack-pad/safejs"
	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/wasm/syncserver/codec"
)

var errArgs = errors.New("channel: turn takes the time and a Uint8Array")

// keepBuffers is how long, in bytes, a buffer may be and still be kept for the next turn.
const keepBuffers = 256 << 10

type channel struct {
	cfg     relay.Config
	bad     error // of cfg
	host    safejs.Value
	in, out []byte
}

func main() {
	host, err := safejs.Global().Get("masqChannel")
	if err != nil {
		panic(err)
	}
	c := &channel{host: host}
	c.configure()
	turn, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		if err := c.turn(args); err != nil {
			return err.Error()
		}
		return ""
	})
	if err != nil {
		panic(err)
	}
	if _, err := host.Call("ready", turn); err != nil {
		panic(err)
	}
	select {} // as long as the platform likes; turn is never released
}

func (c *channel) configure() {
	var texts [2]string
	for i, name := range []string{"hosts", "limits"} {
		value, err := c.host.Get(name)
		if err == nil {
			texts[i], err = value.String()
		}
		if err != nil {
			c.bad = err
			return
		}
	}
	c.cfg, c.bad = codec.Config(texts[0], texts[1])
}

func (c *channel) turn(args []safejs.Value) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("channel: panic: %v", p)
		}
	}()
	if c.bad != nil {
		return c.bad
	}
	if len(args) != 2 {
		return errArgs
	}
	now, err := args[0].Float()
	if err != nil {
		return err
	}
	n, err := args[1].Length()
	if err != nil {
		return err
	}
	if cap(c.in) < n || cap(c.in) > keepBuffers {
		c.in = make([]byte, n)
	}
	c.in = c.in[:n]
	if _, err := safejs.CopyBytesToGo(c.in, args[1]); err != nil {
		return err
	}
	if cap(c.out) > keepBuffers {
		c.out = nil
	}
	out, err := codec.Turn(c.cfg, uint64(now), c.in, c.out[:0])
	if err != nil {
		return err
	}
	c.out = out
	output, err := c.host.Call("output", len(out))
	if err != nil {
		return err
	}
	_, err = safejs.CopyBytesToJS(output, out)
	return err
}
