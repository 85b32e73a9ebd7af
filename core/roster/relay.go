package roster

import (
	"strconv"
	"strings"
)

// MaxRelayURL is how long a relay's URL may be, in bytes.
const MaxRelayURL = 255

// ValidRelay reports whether s is the URL of a Sync Server: wss:// or ws://, a host, perhaps a port and a path, at most
// MaxRelayURL bytes, in the one form in which a browser's URL.href has it, without the slash at the end. So it has no user, query or
// fragment, no capital letters in the host, no default port, no dots for path segments and nothing percent-encoded.
func ValidRelay(s string) bool {
	if len(s) > MaxRelayURL {
		return false
	}
	scheme, authority, path := SplitURL(s)
	host, port := splitPort(authority)
	switch {
	case scheme != "wss" && scheme != "ws", !validHost(host), !validPort(port):
		return false
	case scheme == "wss" && port == "443", scheme == "ws" && port == "80":
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

// Loopback reports whether the URL's host is this computer: localhost, a name under it, 127.0.0.0/8 or [::1].
func Loopback(url string) bool {
	_, authority, _ := SplitURL(url)
	host, port := splitPort(authority)
	if !validPort(port) {
		return false
	}
	if host == "localhost" || host == "[::1]" || strings.HasSuffix(host, ".localhost") && validHost(host) {
		return true
	}
	parts := strings.Split(host, ".")
	for _, p := range parts {
		if n, err := strconv.ParseUint(p, 10, 8); err != nil || strconv.Itoa(int(n)) != p {
			return false
		}
	}
	return len(parts) == 4 && parts[0] == "127"
}

// SplitURL splits scheme://authority/path. The path keeps its slash. All are empty when s has no authority.
func SplitURL(s string) (scheme, authority, path string) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return "", "", ""
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return scheme, rest[:i], rest[i:]
	}
	return scheme, rest, ""
}

// splitPort splits host[:port]. A colon without a port answers a port that is not valid.
func splitPort(authority string) (host, port string) {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.HasSuffix(authority, "]") {
		return authority, ""
	}
	if i == len(authority)-1 {
		return authority[:i], ":"
	}
	return authority[:i], authority[i+1:]
}

func validPort(p string) bool {
	n, err := strconv.ParseUint(p, 10, 16)
	return p == "" || err == nil && strconv.Itoa(int(n)) == p
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
