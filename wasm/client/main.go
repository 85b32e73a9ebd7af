//go:build js && wasm

// Command client is the engine for browsers: it drives core/peer over one function and two byte buffers.
//
// The host (js/src/engine.ts, in a Worker) sets globalThis.masqBorder before it runs this program:
//
//	grow(n)      makes the output buffer a new Uint8Array of at least n bytes and returns it
//	ready(step)  takes the function below; it is called once
//	error(text)  shows a programming error to developers
//
// and calls step(now, n, input) with the time in Unix ms and the first n bytes of input holding events; see package border.
// step answers how many bytes of actions it has written into the output buffer. It never throws: a panic in the
// engine comes out as the action failed, E_INTERNAL, and so does every step after it.
package main

import (
	"errors"
	"runtime"
	"strconv"

	"github.com/hack-pad/safejs"
	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/wasm/client/border"
)

// eInternal is the code of a bug in Masq.
const eInternal peer.Code = "E_INTERNAL"

var errArgs = errors.New("client: step takes the time, a length and a Uint8Array")

// keepBuffers is how long, in bytes, a buffer may be and still be kept for the next step.
const keepBuffers = 4 << 20

type client struct {
	host   safejs.Value
	output safejs.Value // a Uint8Array of room bytes
	room   int

	engine  *peer.Engine
	input   border.Input
	actions peer.Actions
	in, out []byte
	broken  bool
}

func main() {
	host, err := safejs.Global().Get("masqBorder")
	if err != nil {
		panic(err)
	}
	c := &client{host: host}
	step, err := safejs.FuncOf(c.call)
	if err != nil {
		panic(err)
	}
	if _, err := host.Call("ready", step); err != nil {
		panic(err)
	}
	select {} // until the Worker ends; step is never released
}

// call is step(now, n, input) as JavaScript calls it.
func (c *client) call(_ safejs.Value, args []safejs.Value) any {
	n, err := c.step(args)
	if err != nil {
		c.report(err.Error())
		return 0
	}
	return n
}

func (c *client) step(args []safejs.Value) (int, error) {
	if len(args) != 3 {
		return 0, errArgs
	}
	now, err := args[0].Float()
	if err != nil {
		return 0, err
	}
	n, err := args[1].Int()
	if err != nil {
		return 0, err
	}
	if cap(c.in) < n {
		c.in = make([]byte, n)
	}
	c.in = c.in[:n]
	if _, err := safejs.CopyBytesToGo(c.in, args[2]); err != nil {
		return 0, err
	}
	c.out = c.out[:0]
	c.run(uint64(now))
	return c.answer()
}

// run feeds the events in c.in to the engine and encodes its actions into c.out. A panic breaks the client for good.
func (c *client) run(now uint64) {
	defer func() {
		if p := recover(); p != nil {
			c.broken = true
			c.engine = nil
			c.report(describe(p))
		}
		if c.broken {
			c.out = border.Append(c.out[:0], peer.Failed{Err: eInternal})
		}
	}()
	if c.broken {
		return
	}
	if err := border.Parse(c.in, &c.input); err != nil {
		panic(err)
	}
	if c.input.Config != nil {
		clear(c.in) // the store key was in it
		c.engine = peer.New(*c.input.Config)
		c.input.Config = nil
	}
	c.engine.Step(now, peer.Events(c.input.Events), &c.actions)
	for _, a := range c.actions.List {
		c.out = border.Append(c.out, a)
	}
	c.actions.Reset()
}

// answer hands c.out over.
func (c *client) answer() (int, error) {
	n := len(c.out)
	if n > c.room {
		output, err := c.host.Call("grow", n)
		if err != nil {
			return 0, err
		}
		if c.room, err = output.Length(); err != nil {
			return 0, err
		}
		c.output = output
	}
	if n > 0 {
		if _, err := safejs.CopyBytesToJS(c.output, c.out); err != nil {
			return 0, err
		}
	}
	if cap(c.in) > keepBuffers {
		c.in = nil
	}
	if cap(c.out) > keepBuffers {
		c.out = nil
	}
	return n, nil
}

func (c *client) report(text string) { _, _ = c.host.Call("error", text) }

// describe says what the panic was and where, without arguments of functions: they may hold keys.
func describe(p any) string {
	text := "panic"
	switch p := p.(type) {
	case error:
		text += ": " + p.Error()
	case string:
		text += ": " + p
	}
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		text += "\n\t" + f.Function + ":" + strconv.Itoa(f.Line)
	}
	return text
}
