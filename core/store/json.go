package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// Reading JSON strictly. encoding/json decides what is JSON (and how deep it may nest: 10,000); what is below reads text that
// it has found valid. It takes names as they are written, each once in an object, and answers values as the bytes that stand
// there, which encoding/json would not.

// validJSON reports whether b is JSON text in UTF-8.
func validJSON(b []byte) bool { return utf8.Valid(b) && json.Valid(b) }

// member is a name and what stands behind it.
type member struct {
	name  string
	value []byte
}

const maxMembers = 32 // more than any object that is read here has

// members splits an object of valid JSON. It is not ok if b is something else, or has a name twice.
func members(b []byte) (list []member, ok bool) {
	if b[0] != '{' {
		return nil, false
	}
	for i := skipSpace(b, 1); b[i] != '}'; {
		end := valueEnd(b, i)
		name, ok := unquote(b[i:end])
		if !ok || len(list) == maxMembers || find(list, name) >= 0 {
			return nil, false
		}
		i = skipSpace(b, skipSpace(b, end)+1) // behind the colon
		end = valueEnd(b, i)
		list = append(list, member{name, b[i:end]})
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return list, true
}

func find(list []member, name string) int {
	for i := range list {
		if list[i].name == name {
			return i
		}
	}
	return -1
}

// elements splits an array of valid JSON. It is not ok if b is something else, and ends behind the first most+1.
func elements(b []byte, most int) (list [][]byte, ok bool) {
	if b[0] != '[' {
		return nil, false
	}
	for i := skipSpace(b, 1); b[i] != ']' && len(list) <= most; {
		end := valueEnd(b, i)
		list = append(list, b[i:end])
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return list, true
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// valueEnd is where the value that begins at i ends.
func valueEnd(b []byte, i int) int {
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch b[i] {
			case '"':
				i = stringEnd(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	if n := bytes.IndexAny(b[i:], ",]} \t\r\n"); n >= 0 {
		return i + n
	}
	return len(b)
}

func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// unquote answers the text of a JSON string. It is not ok if b is something else, or has half of a surrogate pair: that is no
// text, and encoding/json would make another of it.
func unquote(b []byte) (string, bool) {
	if b[0] != '"' {
		return "", false
	}
	in := b[1 : len(b)-1]
	if bytes.IndexByte(in, '\\') < 0 {
		return string(in), true
	}
	var s string
	if halfPair(in) || json.Unmarshal(b, &s) != nil {
		return "", false
	}
	return s, true
}

// halfPair reports whether the inside of a JSON string escapes a surrogate without its other half.
func halfPair(in []byte) bool {
	low := -1 // where the second half of a pair has to stand
	for i := 0; i < len(in); i++ {
		if low >= 0 && i > low {
			return true
		}
		if in[i] != '\\' {
			continue
		}
		i++
		if in[i] != 'u' {
			continue
		}
		c, _ := strconv.ParseUint(string(in[i+1:i+5]), 16, 16)
		start := i - 1
		i += 4
		switch {
		case c >= 0xdc00 && c <= 0xdfff:
			if low != start {
				return true
			}
			low = -1
		case low >= 0:
			return true
		case c >= 0xd800 && c <= 0xdbff:
			low = i + 1
		}
	}
	return low >= 0
}

// unbase64 is strict: the library's decoder would skip line ends.
func unbase64(enc *base64.Encoding, s string) ([]byte, bool) {
	b, err := enc.Strict().DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}

// params reads the parameters of a call, each once, by what it has to be. Call done when all are read: it refuses the call if
// one was wrong, or is left over. What is read before that is the zero value where it was wrong.
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

// take answers a parameter's value. null is as good as none.
func (p *params) take(name string) ([]byte, bool) {
	i := find(p.left, name)
	if i < 0 {
		return nil, false
	}
	v := p.left[i].value
	p.left = append(p.left[:i], p.left[i+1:]...)
	return v, string(v) != "null"
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
	b, ok := unbase64(base64.RawURLEncoding, p.needText(name))
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

// object is a parameter that has members of its own. Read what it answers, then close it.
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

// Writing JSON. Data is appended by hand, so that its bytes stay as they are.

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			q, _ := json.Marshal(s)
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendValue appends "value":... or "bytes":"...". Other devices' engines do not look into what is called JSON: what is none
// is given as bytes, so that it cannot break out of the message. Line ends would end the message on the Unix socket.
func appendValue(b []byte, kind wire.Kind, value []byte) []byte {
	if kind != wire.JSON || !validJSON(value) {
		b = append(b, `"bytes":"`...)
		b = base64.StdEncoding.AppendEncode(b, value)
		return append(b, '"')
	}
	b = append(b, `"value":`...)
	if bytes.ContainsAny(value, "\r\n") {
		var flat bytes.Buffer
		_ = json.Compact(&flat, value) // it is valid
		value = flat.Bytes()
	}
	return append(b, value...)
}

func appendEntries(b []byte, entries []peer.Entry, keysOnly bool) []byte {
	b = append(b, `"entries":[`...)
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"key":`...), e.Key)
		if !keysOnly {
			b = appendValue(append(b, ','), e.Kind, e.Value)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// encode is for what this package has made itself, which always is JSON.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("store: " + err.Error())
	}
	return b
}

func encodeURL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
