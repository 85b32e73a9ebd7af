// Package static serves a tree of static files: right types, a strict content security policy, revalidation by hash,
// and the compressed form of a file where one lies beside it. WebAssembly has a second name, with its hash in it, under which
// a browser keeps it without asking again.
//
//	h, err := pages.Handler(web.FS())
package static

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// types are the content types by suffix: the machine's own table may lack or mistake some. Others are served as bytes.
var types = map[string]string{
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".mjs":         "text/javascript; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".wasm":        "application/wasm",
	".json":        "application/json",
	".map":         "application/json",
	".webmanifest": "application/manifest+json",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".ico":         "image/x-icon",
	".woff2":       "font/woff2",
	".txt":         "text/plain; charset=utf-8",
}

// encodings are tried in this order.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// file is a static file with what is sent with it.
type file struct {
	data    []byte
	kind    string // content type
	hash    string // of data, in hex
	policy  string // Content-Security-Policy
	caching string // Cache-Control
	encoded map[string][]byte
}

const (
	revalidated = "no-cache" // it may be kept, but is asked for again each time, by its hash
	immutable   = "public, max-age=31536000, immutable"
)

// site holds all files by path. A path that is not in it is not served, so none can lead out of the tree.
type site map[string]*file

// Handler serves the files of tree, which it reads now. A directory is served by its index.html. Without an index.html at the
// root, the root says what to do about it.
func Handler(tree fs.FS) (http.Handler, error) {
	all := map[string][]byte{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		all[name] = data
		return err
	})
	if err != nil {
		return nil, err
	}
	s := site{}
	for name, data := range all {
		s.add(name, data, all)
	}
	if s["/"] == nil {
		s["/"] = newFile(".html", []byte(notBuilt))
	}
	return s, nil
}

// Built reports whether tree has a page at its root.
func Built(tree fs.FS) bool {
	_, err := fs.Stat(tree, "index.html")
	return err == nil
}

func (s site) add(name string, data []byte, all map[string][]byte) {
	f := newFile(path.Ext(name), data)
	for _, e := range encodings {
		if packed, ok := all[name+e.suffix]; ok {
			if f.encoded == nil {
				f.encoded = map[string][]byte{}
			}
			f.encoded[e.name] = packed
		}
	}
	s["/"+name] = f
	if path.Ext(name) == ".wasm" {
		kept := *f
		kept.caching = immutable
		s["/"+hashedName(name, f.hash)] = &kept
	}
	if dir, base := path.Split("/" + name); base == "index.html" {
		s[dir] = f
	}
}

// hashedName is masq.3f2a91c0.wasm for masq.wasm. js/scripts/build.mjs makes the same name.
func hashedName(name, hash string) string {
	suffix := path.Ext(name)
	return strings.TrimSuffix(name, suffix) + "." + hash[:8] + suffix
}

func newFile(suffix string, data []byte) *file {
	sum := sha256.Sum256(data)
	f := &file{data: data, kind: types[suffix], hash: hex.EncodeToString(sum[:16]), caching: revalidated}
	if f.kind == "" {
		f.kind = "application/octet-stream"
	}
	if suffix == ".html" {
		f.policy = Policy(data)
	} else {
		f.policy = Policy(nil)
	}
	return f
}

var inline = regexp.MustCompile(`(?is)<(script|style)\b([^>]*)>(.*?)</(?:script|style)\s*>`)

// Policy is the Content-Security-Policy for a page: its own files, WebAssembly, workers and WebSockets, and of inline scripts
// and styles those that stand in it now, by their hash.
func Policy(html []byte) string {
	hashes := map[string]string{}
	for _, m := range inline.FindAllSubmatch(html, -1) {
		element, attributes, body := strings.ToLower(string(m[1])), strings.ToLower(string(m[2])), m[3]
		if element == "script" && strings.Contains(attributes, "src") || len(body) == 0 {
			continue
		}
		sum := sha256.Sum256(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))) // as a browser sees it
		hashes[element] += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" + hashes["script"] + "; style-src 'self'" + hashes["style"] +
		"; worker-src 'self' blob:; connect-src 'self' ws: wss:; img-src 'self' data: blob:; object-src 'none'" +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	f := s[r.URL.Path]
	switch {
	case f == nil && s[r.URL.Path+"/"] != nil:
		http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
		return
	case f == nil:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Security-Policy", f.policy)
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.caching)
	data, tag := f.data, f.hash
	if f.encoded != nil {
		h.Set("Vary", "Accept-Encoding")
	}
	for _, e := range encodings {
		if packed, ok := f.encoded[e.name]; ok && accepts(r, e.name) {
			h.Set("Content-Encoding", e.name)
			h.Set("Content-Length", strconv.Itoa(len(packed)))
			data, tag = packed, tag+"-"+e.name
			break
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// accepts reports whether a request takes an encoding. One that is given a weight of zero it does not.
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == encoding {
			zero := []string{"q=0", "q=0.0", "q=0.00", "q=0.000"}
			return !slices.Contains(zero, strings.ReplaceAll(weight, " ", ""))
		}
	}
	return false
}

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Masq: not built yet</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}code,pre{background:#8882;padding:.1em .3em}pre{padding:.8em}:root{color-scheme:light dark}</style>
<h1>The pages are not in this binary</h1>
<p>The Sync Server runs at this address. The demo application is missing, because this <code>masq</code> was built
without it. In a clone of the repository, this builds everything and starts it:</p>
<pre>make run</pre>
<p>It needs Go, Node.js and make.</p>
</html>
`
