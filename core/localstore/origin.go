package localstore

import (
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// DefaultPort spells MASQ.
const DefaultPort = 6277

// CheckHost reports whether host, a request's Host header, is this computer's name with the store's port or DefaultPort.
// Any other name was made to lead here (DNS rebinding), by a page that would then count as the store's own.
func CheckHost(host string, port uint16) bool {
	return ownHost(host, port) || ownHost(host, DefaultPort)
}

func ownHost(host string, port uint16) bool {
	end := ":" + strconv.Itoa(int(port))
	if port == 80 {
		end = "" // browsers leave it out
	}
	name, ok := strings.CutSuffix(host, end)
	return ok && (name == "localhost" || name == "127.0.0.1" || name == "[::1]")
}

// ClassifyOrigin says who asks for a WebSocket: origin is the Origin header, if present; browser is whether anything else
// in the request shows that a browser sent it (Sec-Fetch-* or the like). It refuses Origin null, none from a browser, and
// whatever is neither https: nor http: of this computer.
func ClassifyOrigin(origin string, present, browser bool, port uint16) (who Who, ok bool) {
	host, ok := strings.CutPrefix(origin, "http://")
	switch {
	case !present && !browser:
		return Who{Kind: Native}, true
	case !present:
		return Who{}, false
	case ok && ownHost(host, port):
		return Who{Kind: Manager, Origin: origin}, true
	case validOrigin(origin):
		return Who{Kind: Web, Origin: origin}, true
	}
	return Who{}, false
}

// validOrigin reports whether s is the origin of a page that may use a store, as a browser writes it.
func validOrigin(s string) bool {
	scheme, host, rest, ok := roster.SplitURL(s)
	return ok && rest == "" && len(s) <= maxAppID && (scheme == "https" || scheme == "http" && wire.IsLoopbackHost(host))
}

// isOrigin reports whether an application's id is one of the web's.
func isOrigin(app string) bool { return strings.Contains(app, "://") }

// validProgram reports whether s may be the id of a native program: a reverse domain name in small letters, org.example.app.
func validProgram(s string) bool {
	if len(s) > maxAppID || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, notLabel) {
			return false
		}
	}
	return true
}

func notLabel(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' }

// DomainOf is whose connections are counted together, so that nobody has more by having many names: all of a registrable domain,
// all programs that come by TCP, the manager's pages, masq itself.
func DomainOf(who Who) string {
	switch who.Kind {
	case Web:
		return domainOf(who.Origin)
	case Native:
		return "program:"
	case Manager:
		return "manager:"
	}
	return "masq:"
}

// domainOf is what an owner of tokens (an origin, or a native program) shares with others of the same hands: the registrable
// domain. Programs are counted apart from pages: anybody can call a program what he likes.
func domainOf(owner string) string {
	if !isOrigin(owner) {
		labels := strings.Split(owner, ".")
		return "program:" + labels[0] + "." + labels[1]
	}
	_, host, _, _ := roster.SplitURL(owner)
	host = wire.HostName(host)
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil && !wire.IsLoopbackHost(host) {
		return domain
	}
	return host // a public suffix itself, an address, this computer
}
