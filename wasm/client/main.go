//go:build js && wasm

// Command client is the engine for browsers: it drives core/peer over three functions and two byte buffers in its own memory.
//
// The host (js/src/wasm.ts, in a Worker) sets globalThis.masqCodec before it runs this program:
//
//	ready()      the functions may be called from now on; it is called once
//	error(text)  shows a programming error to developers
//
// and calls what the program exports:
//
//	input(n)      returns where n bytes of events are to be written
//	step(now, n)  takes the time in Unix ms and these events, and returns how many bytes of actions there are; see package codec
//	output()      returns where these actions are, valid until the next call of input or step
//
// step never throws: a panic in the engine comes out as the action failed, E_INTERNAL, and so does every step after it. Nothing that is
// called by step may wait for anything (the runtime does not return to the host before the function does): the engine does no I/O.
//
// Between the steps the host calls resume, which every Go program exports: the garbage collector works in goroutines, and they run only
// then. A collection that lasts over many steps would slow down all that they write.
//
// The functions are exported to WebAssembly and not given to JavaScript as values (js.FuncOf), because such a call costs more than the
// engine does for a put: each of its arguments becomes a value with a finalizer, and another goroutine handles it.
package main

import (
	"errors"
	"unsafe"

	"github.com/hack-pad/safejs"
	"github.com/masqdev/masq/core/bug"
	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/wasm/client/codec"
)

var errInput = errors.New("client: step is for as many bytes as input was asked for, at most")

// keepBuffers is how long, in bytes, a buffer may be and still be kept for the next step.
const keepBuffers = 4 << 20

type client struct {
	host    safejs.Value
	engine  *peer.Engine
	input   codec.Input
	actions peer.Actions
	in, out []byte
	broken  bool
}

// the is the program's one client: exported functions have no receiver.
var the client

func main() {
	host, err := safejs.Global().Get("masqCodec")
	if err != nil {
		panic(err)
	}
	the.host = host
	if _, err := host.Call("ready"); err != nil {
		panic(err)
	}
	select {} // until the Worker ends
}

//lint:ignore U1000 the host calls it
//go:wasmexport input
func input(n int32) unsafe.Pointer {
	c := &the
	if n < 0 {
		n = 0
	}
	if cap(c.in) < int(n) || cap(c.in) > keepBuffers {
		c.in = make([]byte, n)
	}
	c.in = c.in[:n]
	return unsafe.Pointer(unsafe.SliceData(c.in))
}

//lint:ignore U1000 the host calls it
//go:wasmexport output
func output() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(the.out)) }

//lint:ignore U1000 the host calls it
//go:wasmexport step
func step(now float64, n int32) int32 {
	c := &the
	if cap(c.out) > keepBuffers {
		c.out = nil
	}
	c.out = c.out[:0]
	if n < 0 || int(n) > len(c.in) {
		c.report(errInput.Error())
		return 0
	}
	c.in = c.in[:n]
	c.run(uint64(now))
	return int32(len(c.out))
}

// run feeds the events in c.in to the engine and encodes its actions into c.out. A panic breaks the client for good.
func (c *client) run(now uint64) {
	defer func() {
		if p := recover(); p != nil {
			c.broken = true
			c.engine = nil
			c.report(bug.Describe(p))
		}
		if c.broken {
			c.out = codec.Append(c.out[:0], peer.Failed{Err: peer.EInternal})
		}
	}()
	if c.broken {
		return
	}
	if err := codec.Parse(c.in, &c.input); err != nil {
		panic(err)
	}
	if c.input.Config != nil {
		clear(c.in) // the store key was in it
		c.engine = peer.New(*c.input.Config)
		c.input.Config = nil
	}
	c.engine.Step(now, peer.Events(c.input.Events), &c.actions)
	for _, a := range c.actions.List {
		c.out = codec.Append(c.out, a)
	}
	c.actions.Reset()
}

func (c *client) report(text string) { _, _ = c.host.Call("error", text) }
