package localstore

import "strings"

// Agent is what a connection's browser calls itself, in names that this package knows: nothing of what it says is shown. It is for
// the user's eye, who has several browsers; anybody can say to be any.
type Agent struct {
	Browser string `json:"browser,omitempty"`
	System  string `json:"system,omitempty"`
}

const maxAgent = 512 // bytes of a User-Agent that are looked at

// The first one counts: most browsers also claim to be those that stand behind them.
var (
	browsers = [][2]string{
		{"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Vivaldi/", "Vivaldi"},
		{"SamsungBrowser/", "Samsung Internet"}, {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"},
		{"Chromium/", "Chromium"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systems = [][2]string{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
		{"Macintosh", "macOS"}, {"FreeBSD", "FreeBSD"}, {"OpenBSD", "OpenBSD"}, {"Linux", "Linux"},
	}
)

// AgentOf reads a User-Agent header. What is not known stays empty.
func AgentOf(header string) Agent {
	header = header[:min(len(header), maxAgent)]
	return Agent{firstIn(header, browsers), firstIn(header, systems)}
}

func firstIn(s string, names [][2]string) string {
	for _, n := range names {
		if strings.Contains(s, n[0]) {
			return n[1]
		}
	}
	return ""
}
