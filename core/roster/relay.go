package roster

import (
	"strconv"
	"strings"

	"github.com/masqdev/masq/core/wire"
)

// MaxRelayURL is how long a relay's URL may be, in bytes.
const MaxRelayURL = 255

// ValidRelay reports whether s is the URL of a Sync Server: wss:// or ws://, a host, perhaps a port and a path, at most
// MaxRelayURL bytes, in the one form in which a browser's URL.href has it, without the slash at the end. So it has no user,
// query or fragment, no capital letters in the host, no default port, no dots for path segments and nothing percent-encoded.
func ValidRelay(s string) bool {
	scheme, _, path, ok := SplitURL(s)
	switch {
	case !ok, len(s) > MaxRelayURL, scheme != "wss" && scheme != "ws":
		return false
	case path == "":
		return true
	case path[0] != '/', strings.HasSuffix(path, "/"):
		return false
	}
	for seg := range strings.SplitSeq(path[1:], "/") {
		if seg == "." || seg == ".." || strings.ContainsFunc(seg, notPath) {
			return false
		}
	}
	return true
}

// SafeRelay reports whether s is a ValidRelay that may come from outside of the circle: wss://, or ws:// to this
// computer.
func SafeRelay(s string) bool {
	scheme, host, _, _ := SplitURL(s)
	return ValidRelay(s) && (scheme == "wss" || wire.IsLoopbackHost(host))
}

// SplitURL splits scheme://host[:port] and what follows, which keeps its first character and is not looked at. It is not
// ok unless the host is in small ASCII letters or brackets and the port, if any, not the scheme's default.
func SplitURL(s string) (scheme, host, rest string, ok bool) {
	scheme, host, ok = strings.Cut(s, "://")
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host, rest = host[:i], host[i:]
	}
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i:]
	}
	return scheme, host, rest, ok && validHost(name) && validPort(scheme, port)
}

func validPort(scheme, port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port[1:], 10, 16)
	secure := scheme == "https" || scheme == "wss"
	return err == nil && strconv.Itoa(int(n)) == port[1:] && n != 0 && !(secure && n == 443) && !(!secure && n == 80)
}

func validHost(h string) bool {
	if inner, ok := strings.CutPrefix(h, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && strings.Contains(inner, ":") && strings.Trim(inner, "0123456789abcdef:.") == ""
	}
	return h != "" && !strings.ContainsFunc(h, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_'
	})
}

func notPath(c rune) bool {
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	return !letter && !strings.ContainsRune("-._~!$&'()*+,;=:@", c)
}
