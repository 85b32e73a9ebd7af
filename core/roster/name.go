package roster

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/masqdev/masq/core/wire"
)

// ValidName reports whether s may be a device's name: 1 to wire.MaxNameRunes characters of UTF-8, none of them a control
// or bidirectional formatting character, with which a name could pass for another or break out of its line.
func ValidName(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= wire.MaxNameRunes && PlainText(s)
}

// PlainText reports whether s is UTF-8 without control and bidirectional formatting characters.
func PlainText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, tricky) }

func tricky(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }

// CleanName makes a valid name of anything: it drops what is not allowed, makes one space of many, and cuts. Of nothing
// it makes "Device".
func CleanName(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c) || unicode.IsControl(c):
			return ' '
		case c == utf8.RuneError || tricky(c):
			return -1
		}
		return c
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > wire.MaxNameRunes {
		s = strings.TrimSpace(string(r[:wire.MaxNameRunes]))
	}
	if s == "" {
		return "Device"
	}
	return s
}
