package roster

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/masqdev/masq/core/wire"
)

// ValidName reports whether s may be given to a device as its name: 1 to wire.MaxNameRunes characters of UTF-8, at least one of
// which can be seen, and none that is hidden, a control character or a line's end, with which a name could pass for another or break
// out of its line.
func ValidName(s string) bool {
	seen, last := false, rune(0)
	for _, c := range s {
		if hidden(c, last) {
			return false
		}
		seen = seen || visible(c)
		last = c
	}
	return seen && signedName(s)
}

// signedName reports whether an entry may have a device's name. It forbids less than ValidName, because entries are for good: what is
// shown of it is what CleanName makes of it.
func signedName(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= wire.MaxNameRunes && PlainText(s)
}

// ShownName is a name that a device has, as it may be shown: cleaned unless it is valid. Without a name, as application peers know full devices,
// it is empty.
func ShownName(s string) string {
	if s == "" || ValidName(s) {
		return s
	}
	return CleanName(s)
}

// PlainText reports whether s is UTF-8 without control and bidirectional formatting characters.
func PlainText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, tricky) }

func tricky(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }

// visible reports whether a character shows something by itself: marks that combine with another do not, nor do blanks.
func visible(c rune) bool { return !unicode.In(c, unicode.M, unicode.Z) }

const (
	nonJoiner    = 0x200c
	joiner       = 0x200d
	blankBraille = 0x2800
	emojiStyle   = 0xfe0f
)

// hidden reports whether a character behind last shows nothing of its own, and so could make two names look the same. Scripts and
// emoji that need them may have joiners and the emoji style.
func hidden(c, last rune) bool {
	emoji := last >= 0x2190 && last <= 0x2bff && last != blankBraille || last >= 0x1f000 && last <= 0x1faff
	switch c {
	case emojiStyle:
		return !emoji
	case joiner:
		return !emoji && last != emojiStyle && !joins(last)
	case nonJoiner:
		return !joins(last)
	case blankBraille, 0x2028, 0x2029: // the others are line and paragraph separator
		return true
	}
	return unicode.In(c, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// joins reports whether a character is of the scripts from Arabic to Khmer and Mongolian, in whose words joiners change what is seen.
func joins(c rune) bool { return c >= 0x0600 && c <= 0x18ff && !hidden(c, 0) }

// CleanName makes a valid name of anything: it drops what is not allowed, makes one space of many, and cuts. Of nothing
// it makes "Device".
func CleanName(s string) string {
	last := rune(0)
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c) || unicode.IsControl(c):
			c = ' '
		case c == utf8.RuneError || tricky(c) || hidden(c, last):
			return -1
		}
		last = c
		return c
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > wire.MaxNameRunes {
		s = strings.TrimSpace(string(r[:wire.MaxNameRunes]))
	}
	if !ValidName(s) {
		return "Device"
	}
	return s
}
