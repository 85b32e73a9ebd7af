//go:build ignore

package main

import "io"

const commit = "763b28b"

// The story's large value is the largest that there is, and has a checkpoint follow.
var amounts = scale{entries: 300, picture: 3000, thumbnail: 20_000, large: 1 << 20, browserCommits: 600, browserLarge: 100_000}

// introduce has a page ask to be let in.
func introduce(say func(method, params string) []byte, _ io.Reader, _, app string) {
	say("request", `{"app":`+app+`}`)
}

// kills is 0: no store of this commit was killed.
const kills = 0
