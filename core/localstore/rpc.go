package localstore

import (
	"bytes"

	"github.com/masqdev/masq/core/peer"
)

// JSON-RPC 2.0, strictly: parameters by name; an unknown one is refused, so that a newer application learns that this store
// does not do what it asks for; unknown members of the call itself are passed over; a name that stands twice is refused. A
// call without an id is carried out and not answered.

// The codes of JSON-RPC.
const (
	rpcParse   = -32700 // not JSON
	rpcRequest = -32600 // not a call
	rpcMethod  = -32601 // no such method, or not for you
	rpcParams  = -32602
	rpcOther   = -32000
)

// call is one that has to be answered, once.
type call struct {
	c      *client
	id     []byte // as it stands in the call; nil: no answer is wanted
	method string
	size   int
	batch  *batch // nil: it came alone
	slot   int
	done   bool
}

// batch gathers the answers to the calls of an array.
type batch struct {
	left  int
	size  int
	parts [][]byte
}

// message takes in what a client said.
func (s *Store) message(c *client, data []byte) {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) > MaxMessage:
		c.close(CloseTooBig, peer.ETooBig)
	case !validJSON(data):
		c.refuse(nil, rpcParse, eFrame)
		c.close(CloseFormat, eFrame)
	case data[0] == '{':
		s.call(c, data, nil, 0)
	case data[0] == '[':
		s.batch(c, data)
	default:
		c.refuse(nil, rpcRequest, eFrame)
		c.close(CloseFormat, eFrame)
	}
}

func (s *Store) batch(c *client, data []byte) {
	calls, _ := elements(data, maxBatch)
	switch {
	case len(calls) == 0:
		c.refuse(nil, rpcRequest, eFrame)
		return
	case len(calls) > maxBatch:
		c.refuse(nil, rpcRequest, peer.ETooBig)
		return
	}
	b := &batch{left: len(calls), parts: make([][]byte, len(calls))}
	for i, one := range calls {
		s.call(c, one, b, i)
	}
}

// call reads one call and has it carried out.
func (s *Store) call(c *client, data []byte, b *batch, slot int) {
	k := &call{c: c, batch: b, slot: slot, size: len(data)}
	c.ask(k)
	p, ok := k.read(data)
	switch {
	case c.gone:
	case !ok:
		k.id = []byte("null")
		k.refuse(rpcRequest, eFrame, "")
	case c.unanswered > maxUnanswered || s.bytes[c.who] > maxUnansweredBytes:
		k.fail(peer.EBusy)
	case s.broken != "":
		k.fail(s.broken)
	default:
		s.dispatch(k, p)
	}
}

// read parses the call. Its id is not set when it is not ok.
func (k *call) read(data []byte) (*params, bool) {
	list, ok := members(data)
	if !ok {
		return nil, false
	}
	call := params{left: list}
	version, method := call.needText("jsonrpc"), call.needText("method")
	var id []byte
	if i := find(call.left, "id"); i >= 0 {
		id = call.left[i].value
		if c := id[0]; c != '"' && c != '-' && (c < '0' || c > '9') || len(id) > maxIDLen {
			return nil, false
		}
	}
	p := &params{}
	if call.has("params") {
		p = call.object("params")
	}
	if call.code != "" && call.name == "params" { // an array, or something else
		call.code, p.code, p.name = "", peer.EValue, "params"
	}
	if call.code != "" || version != "2.0" {
		return nil, false
	}
	k.id, k.method = id, method
	return p, true
}

// right reports whether all parameters were; if not it has answered the call.
func (k *call) right(p *params) bool {
	p.end()
	if p.code != "" {
		k.refuse(rpcOf(p.code), p.code, p.name)
	}
	return p.code == ""
}

// empty is the result of what has none.
var empty = []byte("{}")

// result returns the call. It keeps none of r's memory.
func (k *call) result(r []byte) {
	k.answer(`,"result":`, r)
}

// fail returns it with an error.
func (k *call) fail(code peer.Code) {
	k.refuse(rpcOf(code), code, "")
}

// rpcOf is JSON-RPC's number for an error.
func rpcOf(code peer.Code) int {
	if code == peer.EKey || code == peer.EValue {
		return rpcParams
	}
	return rpcOther
}

// refuse is fail with JSON-RPC's number, and the parameter that is wrong.
func (k *call) refuse(rpc int, code peer.Code, name string) {
	k.answer(`,"error":`, appendError(nil, rpc, code, name))
}

// end returns with nothing, or an error.
func (k *call) end(code peer.Code) {
	if code != peer.OK {
		k.fail(code)
		return
	}
	k.result(empty)
}

func (k *call) answer(as string, r []byte) {
	if k.done || k.c.gone {
		return
	}
	k.done = true
	k.c.unanswered--
	k.c.owe(-k.size)
	var text []byte
	if k.id != nil {
		text = make([]byte, 0, len(r)+len(k.id)+40)
		text = append(append(text, `{"jsonrpc":"2.0","id":`...), k.id...)
		text = append(append(append(text, as...), r...), '}')
	}
	switch b := k.batch; {
	case b != nil:
		b.answer(k, text)
	case text != nil:
		k.c.send(text)
	}
}

func (b *batch) answer(k *call, text []byte) {
	b.parts[k.slot] = text
	b.size += len(text)
	if b.left--; b.left > 0 || b.size == 0 {
		return
	}
	all := make([]byte, 0, b.size+len(b.parts)+2)
	for _, part := range b.parts {
		if part != nil {
			all = append(append(all, ','), part...)
		}
	}
	all[0] = '['
	k.c.send(append(all, ']'))
}

// refuse returns something that is no call.
func (c *client) refuse(id []byte, rpc int, code peer.Code) {
	k := &call{c: c, id: id}
	if id == nil {
		k.id = []byte("null")
	}
	c.ask(k)
	k.refuse(rpc, code, "")
}

// notify sends a notification.
func (c *client) notify(method string, params []byte) {
	b := make([]byte, 0, len(params)+len(method)+50)
	b = append(append(append(b, `{"jsonrpc":"2.0","method":"`...), method...), `","params":`...)
	c.send(append(append(b, params...), '}'))
}
