//go:build ignore

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	"github.com/masqdev/masq/core/internal/contact"
)

const commit = "311a148"

// So many commits have a checkpoint follow.
var amounts = scale{
	entries: 102, starts: 24, commits: 480, picture: 300, thumbnail: 200, large: 65_600, browserCommits: 520, browserLarge: 5_000,
}

// kills is how often the store that writes is killed.
const kills = 6

// introduce has a page ask to be let in: it commits to a share, and reveals it once the store has shown its own.
func introduce(say func(method, params string) []byte, random io.Reader, origin, app string) {
	asker := must(contact.NewAsker(origin, 6277, random))
	url := base64.RawURLEncoding.EncodeToString
	reply := say("request", fmt.Sprintf(`{"app":%s,"commitment":%q}`, app, url(asker.Commitment())))
	var shown struct{ Result struct{ Key string } }
	check(json.Unmarshal(reply, &shown))
	must(asker.Take(must(base64.RawURLEncoding.DecodeString(shown.Result.Key))))
	share, nonce := asker.Reveal()
	say("reveal", fmt.Sprintf(`{"key":%q,"nonce":%q}`, url(share), url(nonce)))
}
