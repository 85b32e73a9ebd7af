package pairing

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

const (
	maxURL  = 1024                                                         // bytes of an application's URL
	maxLink = maxURL + len(linkMark) + 32 + 1 + (roster.MaxRelayURL+2)/3*4 // bytes of a link

	linkMark     = "#masq="
	linkVersion  = "1"
	labelMailbox = "masq-pair/1 mbox"
)

var linkEncoding = base64.RawURLEncoding.Strict()

// A Link invites a device. Whoever has it can answer the invite, once: it is as secret as what it leads to.
type Link struct {
	URL    string   // the application's address: https, or http on this computer; at most 1,024 bytes, without a fragment
	Secret [16]byte // random
	Relay  string   // the Sync Server's URL; empty in a link that relies on the application's own
}

// String writes the link: <url>#masq=1.<secret>[.<relay>].
func (l Link) String() string {
	s := l.URL + linkMark + linkVersion + "." + linkEncoding.EncodeToString(l.Secret[:])
	if l.Relay == "" {
		return s
	}
	return s + "." + linkEncoding.EncodeToString([]byte(l.Relay))
}

// ParseLink reads what String writes, and nothing else. It returns ErrVersion for a link of a newer Masq, else ErrLink. A
// relay in it is wss:, or ws: on this computer.
func ParseLink(s string) (Link, error) {
	if len(s) > maxLink {
		return Link{}, ErrLink
	}
	url, code, ok := strings.Cut(s, linkMark)
	version, code, dot := strings.Cut(code, ".")
	switch {
	case !ok || !dot || !validURL(url):
		return Link{}, ErrLink
	case version != linkVersion && newer(version):
		return Link{}, ErrVersion
	case version != linkVersion:
		return Link{}, ErrLink
	}
	l := Link{URL: url}
	code, relay, withRelay := strings.Cut(code, ".")
	secret, ok := decode(code)
	if !ok || len(secret) != len(l.Secret) {
		return Link{}, ErrLink
	}
	copy(l.Secret[:], secret)
	clear(secret)
	if withRelay {
		url, ok := decode(relay)
		if l.Relay = string(url); !ok || !roster.SafeRelay(l.Relay) {
			return Link{}, ErrLink
		}
	}
	return l, nil
}

// decode is strict base64url. The library's decoder would skip over line ends.
func decode(s string) ([]byte, bool) {
	b, err := linkEncoding.DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}

func newer(version string) bool {
	return version != "" && len(version) <= 4 && version[0] != '0' && strings.Trim(version, "0123456789") == ""
}

func validURL(s string) bool {
	scheme, host, _, ok := roster.SplitURL(s)
	if !ok || len(s) > maxURL || scheme != "https" && (scheme != "http" || !wire.IsLoopbackHost(host)) {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("#\"<>\\`", c) })
}

// SameApp reports whether the link leads to origin (scheme://host[:port]): a link to another application is not to be
// answered from this one.
func (l Link) SameApp(origin string) bool {
	scheme, host, _, ok := roster.SplitURL(l.URL)
	return ok && scheme+"://"+host == origin
}

// Mailbox is the name of the two devices' meeting place at the Sync Server. It says nothing of the secret.
func (l Link) Mailbox() [16]byte { return [16]byte(derive(l.Secret[:], labelMailbox, 16)) }

func derive(secret []byte, label string, n int) []byte {
	out, err := hkdf.Key(sha256.New, secret, nil, label, n)
	if err != nil {
		panic("pairing: HKDF refuses a length that is always the same") // not reached
	}
	return out
}
