package localstore

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
)

// opening is masq open: it waits for its link to be used, and is told a code 5 s later.
func opening(t *testing.T, h *harness) (a *conn, link, code string) {
	t.Helper()
	a = h.admin()
	link = decode[struct{ Link string }](t, a.must("open", `{"code":true}`)).Link
	h.wait(4_999)
	if early := a.told("code"); len(early) != 0 {
		t.Errorf("a code before 5 s: %s", early)
	}
	h.wait(1)
	told := a.told("code")
	if len(told) != 1 {
		t.Fatalf("after 5 s: told %d codes", len(told))
	}
	c := decode[struct {
		Code    string
		Expires uint64
	}](t, told[0])
	if !regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(c.Code) || c.Expires != h.now+300_000 {
		t.Errorf("told %s at %d", told[0], h.now)
	}
	return a, link[strings.Index(link, "=")+1:], c.Code
}

// otherCode is a code that differs from one in its last character.
func otherCode(code string) string {
	end := "0"
	if strings.HasSuffix(code, end) {
		end = "1"
	}
	return code[:len(code)-1] + end
}

func (h *harness) exchange(by, value string) (*conn, peer.Code) {
	c := h.connect(Who{Manager, manager})
	return c, c.call("exchange", fmt.Sprintf(`{%q:%q}`, by, value)).code()
}

// What a person types is the code that the terminal shows, as people type.
func TestOpenByCode(t *testing.T) {
	for name, typed := range map[string]func(string) string{
		"as shown":      func(c string) string { return c },
		"small letters": strings.ToLower,
		"no hyphen":     func(c string) string { return strings.ReplaceAll(c, "-", "") },
		"blanks":        func(c string) string { return strings.ReplaceAll(c, "-", "  ") },
		"letters for digits": func(c string) string {
			return strings.NewReplacer("0", "o", "1", "l").Replace(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			a, link, code := opening(t, h)
			page, got := h.exchange("code", typed(code))
			if got != "" {
				t.Fatalf("%q for %q: %s", typed(code), code, got)
			}
			page.must("state", `{}`)
			if told := a.told("opened"); len(told) != 1 {
				t.Errorf("masq open is told %d times", len(told))
			}
			if _, got := h.exchange("code", code); got != peer.EAuth {
				t.Errorf("the code a second time: %q", got)
			}
			if _, got := h.exchange("secret", link); got != peer.EAuth {
				t.Errorf("the link of a code that was used: %q", got)
			}
		})
	}
}

func TestCodeIsGoodNoMore(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *harness, *conn, string){
		"after 5 min":             func(_ *testing.T, h *harness, _ *conn, _ string) { h.wait(300_000) },
		"masq open was ended":     func(_ *testing.T, _ *harness, a *conn, _ string) { a.leave() },
		"the store was restarted": func(_ *testing.T, h *harness, _ *conn, _ string) { h.start() },
		"masq open once more":     func(t *testing.T, h *harness, _ *conn, _ string) { opening(t, h) },
		"three wrong ones":        func(_ *testing.T, h *harness, _ *conn, code string) { wrong(h, code, 3) },
		"it came from a page": func(t *testing.T, h *harness, _ *conn, code string) {
			if m := h.web(notes).call("exchange", fmt.Sprintf(`{"code":%q}`, code)); m.code() != peer.EAuth {
				t.Errorf("a page: %s", m.raw)
			}
			wrong(h, code, 3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			a, _, code := opening(t, h)
			end(t, h, a, code)
			if c, got := h.exchange("code", code); got != peer.EAuth || c.closed.Code != CloseAuth {
				t.Errorf("%q, closed with %d", got, c.closed.Code)
			}
		})
	}
}

func wrong(h *harness, code string, times int) {
	for range times {
		h.exchange("code", otherCode(code))
	}
}

func TestCodeTriesAreCounted(t *testing.T) {
	h := newHarness(t)
	_, _, code := opening(t, h)
	wrong(h, code, 2)
	for _, none := range []string{"", "1234567", "123456789", "1234-567U8 ", "--------------------12345678"} {
		if c, got := h.exchange("code", none); got != peer.EValue && got != peer.EAuth {
			t.Errorf("%q: %q, closed with %d", none, got, c.closed.Code)
		}
	}
	_, _, code = opening(t, h)
	wrong(h, code, 2)
	if _, got := h.exchange("code", code); got != "" {
		t.Errorf("after two wrong ones: %s", got)
	}
}

// A link that is followed in time has no code, and masq open hears of it.
func TestOpenedByLink(t *testing.T) {
	h := newHarness(t)
	a := h.admin()
	link := decode[struct{ Link string }](t, a.must("open", `{"code":true}`)).Link
	if _, got := h.exchange("secret", link[strings.Index(link, "=")+1:]); got != "" {
		t.Fatal(got)
	}
	if told := a.told("opened"); len(told) != 1 {
		t.Errorf("told %d times", len(told))
	}
	h.wait(60_000)
	if told := a.told("code"); len(told) != 0 {
		t.Errorf("a code for a link that was used: %s", told)
	}
}
