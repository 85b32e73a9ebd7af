package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// state is what the store's "state" answers and tells, as far as the command line shows it.
type state struct {
	Version  string     `json:"version"`
	Port     uint16     `json:"port"`
	Name     string     `json:"name"`
	Sync     string     `json:"sync"`
	Error    string     `json:"error"`
	Relays   []string   `json:"relays"`
	Bytes    uint64     `json:"bytes"`
	Recovery bool       `json:"recovery"`
	Copied   bool       `json:"copied"`
	Requests []request  `json:"requests"`
	Blocked  []blocked  `json:"blocked"`
	Apps     []appState `json:"apps"`
	Devices  []device   `json:"devices"`
	Self     self       `json:"self"`
	Pairing  *pairing   `json:"pairing"`
}

type request struct {
	Request uint64 `json:"request"`
	App     string `json:"app"`
	Origin  string `json:"origin,omitempty"`
	Program string `json:"program,omitempty"`
	Name    string `json:"name"`
	Again   bool   `json:"again"`
	Digits  string `json:"digits"`
	Typing  bool   `json:"typing"`
	Expires uint64 `json:"expires"`
}

type blocked struct {
	App string `json:"app"`
}

type appState struct {
	App       string   `json:"app"`
	Name      string   `json:"name"`
	Allowed   bool     `json:"allowed"`
	On        bool     `json:"on"`
	Entries   uint64   `json:"entries"`
	Bytes     uint64   `json:"bytes"`
	Stored    uint64   `json:"stored"`
	Quota     uint64   `json:"quota"`
	Full      bool     `json:"full"`
	Damaged   *damaged `json:"damaged,omitempty"`
	Mending   bool     `json:"mending"`
	Restored  bool     `json:"restored"`
	LastUsed  uint64   `json:"lastUsed"`
	Connected int      `json:"connected"`
	Peers     []device `json:"peers"`
}

type self struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type device struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Kind      string `json:"kind,omitempty"`
	Online    bool   `json:"online"`
	LastHeard uint64 `json:"lastHeard"`
	ToSend    uint64 `json:"toSend"`
	ToReceive bool   `json:"toReceive"`
	Differs   bool   `json:"differs"`
	Overdue   bool   `json:"overdue"`
}

type pairing struct {
	Pairing uint64 `json:"pairing"`
	Role    string `json:"role"`
	App     string `json:"app,omitempty"`
	Link    string `json:"link,omitempty"`
	Step    string `json:"step"`
	Digits  string `json:"digits,omitempty"`
	Name    string `json:"name,omitempty"`
	Expires uint64 `json:"expires,omitempty"`
	HasData bool   `json:"hasData,omitempty"`
	Error   string `json:"error,omitempty"`
}

// size writes bytes for people.
func size(bytes uint64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, units := float64(bytes)/unit, []string{"KiB", "MiB", "GiB", "TiB"}
	for value >= unit && len(units) > 1 {
		value, units = value/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}

// when writes a time in Unix milliseconds for people.
func when(ms uint64) string {
	if ms == 0 {
		return "never"
	}
	switch ago := time.Since(time.UnixMilli(int64(ms))); {
	case ago < time.Minute:
		return "just now"
	case ago < time.Hour:
		return fmt.Sprintf("%d min ago", int(ago.Minutes()))
	case ago < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(ago.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(ago.Hours()/24))
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// orDash keeps a table's cell from being empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// find returns the one element that a name or id fits.
func find[T any](all []T, what, wanted string, names func(T) []string) (T, error) {
	var found []T
	for _, e := range all {
		for _, name := range names(e) {
			if name == wanted {
				found = append(found, e)
				break
			}
		}
	}
	var none T
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return none, fmt.Errorf("there is no %s %q", what, wanted)
	}
	return none, hint(fmt.Errorf("several are called %q", wanted), "say which by its id")
}

// oneLine keeps what others wrote from moving a terminal's cursor, or turning its text around.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, s)
}
