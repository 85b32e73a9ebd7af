package pairing

import (
	"encoding/base64"
	"strings"
	"testing"
)

type goodLink struct {
	link Link
	text string
}

func links() []goodLink {
	secret := [16]byte{0xff, 0xee, 15: 1}
	return []goodLink{
		{Link{"https://notes.example/", secret, ""}, "https://notes.example/#masq=1._-4AAAAAAAAAAAAAAAAAAQ"},
		{Link{"https://notes.example/app?x=1", secret, "wss://r.example"}, "https://notes.example/app?x=1#masq=1._-4AAAAAAAAAAAAAAAAAAQ.d3NzOi8vci5leGFtcGxl"},
		{Link{"http://localhost:6277", secret, "ws://127.0.0.1:6278"}, "http://localhost:6277#masq=1._-4AAAAAAAAAAAAAAAAAAQ.d3M6Ly8xMjcuMC4wLjE6NjI3OA"},
	}
}

func TestLinks(t *testing.T) {
	for _, c := range links() {
		if got := c.link.String(); got != c.text {
			t.Errorf("String: %s, want %s", got, c.text)
		}
		if got, err := ParseLink(c.text); err != nil || got != c.link {
			t.Errorf("ParseLink(%s) = %+v, %v", c.text, got, err)
		}
	}
}

type linkCase struct {
	link string
	want error
}

func malformedLinks() []linkCase {
	const s = "AAAAAAAAAAAAAAAAAAAAAA" // 16 zero bytes
	b64 := base64.RawURLEncoding.EncodeToString
	return []linkCase{
		{"https://a.example#masq=1." + s, nil},
		{"", ErrLink},
		{"https://a.example", ErrLink},
		{"https://a.example#", ErrLink},
		{"https://a.example#masq", ErrLink},
		{"https://a.example#masq=", ErrLink},
		{"https://a.example#masq=1", ErrLink},
		{"https://a.example#masq=1.", ErrLink},
		{"https://a.example?masq=1." + s, ErrLink},
		{"https://a.example#x&masq=1." + s, ErrLink},
		{"https://a.example#x#masq=1." + s, ErrLink},
		{"https://a.example#masq=1." + s + "#masq=1." + s, ErrLink},
		{"https://a.example#Masq=1." + s, ErrLink},
		{"https://a.example#masq=2.what.ever", ErrVersion},
		{"https://a.example#masq=10." + s, ErrVersion},
		{"https://a.example#masq=01." + s, ErrLink},
		{"https://a.example#masq=0." + s, ErrLink},
		{"https://a.example#masq=-1." + s, ErrLink},
		{"https://a.example#masq=99999." + s, ErrLink},
		{"https://a.example#masq=x." + s, ErrLink},
		{"https://a.example#masq=." + s, ErrLink},
		{"https://a.example#masq=1." + s[1:], ErrLink},
		{"https://a.example#masq=1." + s + "A", ErrLink},
		{"https://a.example#masq=1." + s + "==", ErrLink},
		{"https://a.example#masq=1." + s[1:] + "B", ErrLink}, // a second form of the same bytes
		{"https://a.example#masq=1." + s[1:] + "+", ErrLink},
		{"https://a.example#masq=1." + s[:11] + "\n" + s[11:], ErrLink},
		{"https://a.example#masq=1." + s + "\r\n", ErrLink},
		{" https://a.example#masq=1." + s, ErrLink},
		{"https://a.example#masq=1." + s + ".", ErrLink},
		{"https://a.example#masq=1." + s + "." + b64([]byte("wss://r.example")), nil},
		{"https://a.example#masq=1." + s + "." + b64([]byte("wss://r.example")) + ".", ErrLink},
		{"https://a.example#masq=1." + s + "." + b64([]byte("wss://r.example/")), ErrLink},
		{"https://a.example#masq=1." + s + "." + b64([]byte("ws://r.example")), ErrLink},
		{"https://a.example#masq=1." + s + "." + b64([]byte("ws://127.0.0.1.r.example")), ErrLink},
		{"https://a.example#masq=1." + s + "." + b64([]byte("ws://localhost:1")), nil},
		{"https://a.example#masq=1." + s + "." + b64([]byte("https://r.example")), ErrLink},
		{"https://a.example#masq=1." + s + "." + b64([]byte("wss://r.example/\n")), ErrLink},
		{"https://a.example#masq=1." + s + ".wss://r.example", ErrLink},
		{"https://a.example#masq=1." + s + "." + b64([]byte("wss://"+strings.Repeat("r", 300))), ErrLink},
		{"http://a.example#masq=1." + s, ErrLink},
		{"http://localhost.a.example#masq=1." + s, ErrLink},
		{"http://localhost:5173/x#masq=1." + s, nil},
		{"javascript:alert(1)//#masq=1." + s, ErrLink},
		{"javascript://a.example/%0aalert(1)#masq=1." + s, ErrLink},
		{"data:text/html,x#masq=1." + s, ErrLink},
		{"//a.example#masq=1." + s, ErrLink},
		{"#masq=1." + s, ErrLink},
		{"https://#masq=1." + s, ErrLink},
		{"https://user@a.example#masq=1." + s, ErrLink},
		{"https://user:pw@a.example#masq=1." + s, ErrLink},
		{"https://A.example#masq=1." + s, ErrLink},
		{"https://a.example:443#masq=1." + s, ErrLink},
		{"https://a.example:99999#masq=1." + s, ErrLink},
		{"https://\u0430.example#masq=1." + s, ErrLink},
		{"https://a.example/\u202e#masq=1." + s, ErrLink},
		{"https://a.example/<x>#masq=1." + s, ErrLink},
		{"https://a.example/" + strings.Repeat("x", maxURL-18) + "#masq=1." + s, nil},
		{"https://a.example/" + strings.Repeat("x", maxURL-17) + "#masq=1." + s, ErrLink},
		{strings.Repeat("x", 1<<20), ErrLink},
	}
}

func TestMalformedLinks(t *testing.T) {
	for _, c := range malformedLinks() {
		l, err := ParseLink(c.link)
		if err != c.want {
			t.Errorf("%.80q: %v, want %v", c.link, err, c.want)
		}
		if err != nil && l != (Link{}) {
			t.Errorf("%.80q: refused, and yet %+v", c.link, l)
		}
	}
}

func TestSameApp(t *testing.T) {
	for _, c := range []struct {
		url, origin string
		want        bool
	}{
		{"https://a.example/x?y", "https://a.example", true},
		{"https://a.example", "https://a.example", true},
		{"http://localhost:5173/", "http://localhost:5173", true},
		{"https://a.example:8443/", "https://a.example", false},
		{"https://a.example.evil.example/", "https://a.example", false},
		{"https://evil.example/https://a.example", "https://a.example", false},
		{"https://a.example/", "https://a.example/", false},
		{"", "", false},
		{"x", "://", false},
	} {
		if got := (Link{URL: c.url}).SameApp(c.origin); got != c.want {
			t.Errorf("SameApp(%q, %q) = %v", c.url, c.origin, got)
		}
	}
}
