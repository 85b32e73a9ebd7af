package localstore

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// params reads the parameters of a call, each once, by what it has to be. Ask call.right when all are read: it refuses the
// call if one was wrong, or is left over. What is read before that is the zero value where it was wrong.
type params struct {
	left []member
	code peer.Code // what was wrong, "" if nothing
	name string    // and with which
}

func (p *params) wrong(code peer.Code, name string) {
	if p.code == "" {
		p.code, p.name = code, name
	}
}

// take returns a parameter's value. null is none that a parameter may have: taken for a missing one, it would make of a range
// whose prefix somebody forgot to fill in the range of all keys.
func (p *params) take(name string) ([]byte, bool) {
	i := find(p.left, name)
	if i < 0 {
		return nil, false
	}
	v := p.left[i].value
	p.left = append(p.left[:i], p.left[i+1:]...)
	if string(v) == "null" {
		p.wrong(peer.EValue, name)
		return nil, false
	}
	return v, true
}

func (p *params) has(name string) bool { return find(p.left, name) >= 0 }

// need is take for what has to be there.
func (p *params) need(name string) []byte {
	v, ok := p.take(name)
	if !ok {
		p.wrong(peer.EValue, name)
	}
	return v
}

// text is a string, "" if there is none.
func (p *params) text(name string) string {
	v, ok := p.take(name)
	if !ok {
		return ""
	}
	s, ok := unquote(v)
	if !ok {
		p.wrong(peer.EValue, name)
	}
	return s
}

// needText is a string that has to be there.
func (p *params) needText(name string) string {
	if !p.has(name) {
		p.wrong(peer.EValue, name)
	}
	return p.text(name)
}

// key is a key of the data. Whether it may be one is the engine's to say.
func (p *params) key(name string) string {
	v := p.need(name)
	if v == nil || v[0] != '"' {
		p.wrong(peer.EValue, name)
		return ""
	}
	s, ok := unquote(v)
	if !ok {
		p.wrong(peer.EKey, name)
	}
	return s
}

func (p *params) flag(name string) bool {
	v, ok := p.take(name)
	if ok && string(v) != "true" && string(v) != "false" {
		p.wrong(peer.EValue, name)
	}
	return string(v) == "true"
}

// number is a whole number, 0 if there is none.
func (p *params) number(name string, most uint64) uint64 {
	v, ok := p.take(name)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(string(v), 10, 64)
	if err != nil || n > most {
		p.wrong(peer.EValue, name)
	}
	return n
}

// needNumber is a number that this store gave out.
func (p *params) needNumber(name string) uint64 {
	if !p.has(name) {
		p.wrong(peer.EValue, name)
	}
	return p.number(name, math.MaxUint32)
}

// secret is exactly n bytes in base64url.
func (p *params) secret(name string, n int) []byte {
	b, ok := decodeURL(p.needText(name))
	if !ok || len(b) != n {
		p.wrong(peer.EValue, name)
		return make([]byte, n)
	}
	return b
}

// write is value or bytes, one of them.
func (p *params) write() (kind wire.Kind, value []byte) {
	i := find(p.left, "value") // null is a value too
	text, isBytes := p.take("bytes")
	switch {
	case (i >= 0) == isBytes:
		p.wrong(peer.EValue, "value")
	case !isBytes:
		i = find(p.left, "value")
		value = bytes.Clone(p.left[i].value)
		p.left = append(p.left[:i], p.left[i+1:]...)
		return wire.JSON, value
	default:
		s, ok := unquote(text)
		if value, isBytes = unbase64(base64.StdEncoding, s); !ok || !isBytes {
			p.wrong(peer.EValue, "bytes")
		}
		return wire.Bytes, value
	}
	return 0, nil
}

// object is a parameter that has members of its own. Read what it returns, then close it.
func (p *params) object(name string) *params {
	v := p.need(name)
	if v == nil {
		return &params{}
	}
	list, ok := members(v)
	if !ok {
		p.wrong(peer.EValue, name)
	}
	return &params{left: list}
}

// close takes over what was wrong in an object.
func (p *params) close(in *params) {
	in.end()
	if in.code != "" {
		p.wrong(in.code, in.name)
	}
}

func (p *params) end() {
	if len(p.left) > 0 {
		p.wrong(peer.EValue, p.left[0].name)
	}
}
