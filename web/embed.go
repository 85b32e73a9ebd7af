// Package web holds the pages as they are built: the demo, the script and the engine. "make build" fills them in; without
// it, FS is empty but for a .gitignore, so that everything builds anywhere.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS is what is served, index.html at its root. It is empty when nothing was built.
func FS() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // only for a name that is no path
	}
	return sub
}
