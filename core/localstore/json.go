package localstore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Reading JSON strictly. encoding/json decides what is JSON (and how deep it may nest: 10,000); what is below reads text that
// it has found valid. It takes names as they are written, each once in an object, and returns values as the bytes that stand
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

// deeper reports whether arrays and objects are nested over so many levels.
func deeper(b []byte, levels int) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i) - 1
		case '{', '[':
			if depth++; depth > levels {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// unquote returns the text of a JSON string. It is not ok if b is something else, or has half of a surrogate pair: that is no
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
