package localstore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

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

func decodeURL(s string) ([]byte, bool) { return unbase64(base64.RawURLEncoding, s) }
