package static

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func tree() fstest.MapFS {
	t := fstest.MapFS{}
	for name, data := range map[string]string{
		"index.html":      "<!doctype html><script>strip()</script><script src=a.js></script><SCRIPT\nasync>two()\r\n</SCRIPT><style>b{}</style>",
		"a.js":            "console.log()",
		"masq.wasm":       "\x00asm",
		"masq.wasm.br":    "small",
		"masq.wasm.gz":    "larger",
		"demo/index.html": "demo",
		".gitignore":      "*",
		"odd.xyz":         "?",
	} {
		t[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return t
}

func get(t *testing.T, h http.Handler, method, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = target
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestFiles(t *testing.T) {
	h, err := Handler(tree())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		status       int
		kind         string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/index.html", 200, "text/html; charset=utf-8"},
		{"GET", "/a.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/masq.wasm", 200, "application/wasm"},
		{"GET", "/masq.cd5d4935.wasm", 200, "application/wasm"},
		{"HEAD", "/masq.cd5d4935.wasm", 200, "application/wasm"},
		{"POST", "/masq.cd5d4935.wasm", 405, ""},
		{"GET", "/masq.cd5d4936.wasm", 404, ""},
		{"GET", "/masq.cd5d4935a48c0672cb06407bb443bc00.wasm", 404, ""},
		{"GET", "/a.54198823.js", 404, ""},
		{"GET", "/odd.xyz", 200, "application/octet-stream"},
		{"GET", "/demo/", 200, "text/html; charset=utf-8"},
		{"GET", "/demo", 301, ""},
		{"POST", "/", 405, ""},
		{"GET", "/.gitignore", 404, ""},
		{"GET", "/../pages.go", 404, ""},
		{"GET", "/demo/../a.js", 404, ""},
		{"GET", "/demo/..%2fa.js", 404, ""},
		{"GET", "//a.js", 404, ""},
		{"GET", "a.js", 404, ""},
		{"GET", "/nothing", 404, ""},
	} {
		resp := get(t, h, c.method, c.path)
		if resp.StatusCode != c.status || c.kind != "" && resp.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", c.path, resp.Header)
		}
	}
}

func TestRevalidation(t *testing.T) {
	h, _ := Handler(tree())
	tag := get(t, h, "GET", "/masq.wasm").Header.Get("ETag")
	if resp := get(t, h, "GET", "/masq.wasm", "If-None-Match", tag); tag == "" || resp.StatusCode != 304 {
		t.Errorf("with the tag %s: %d", tag, resp.StatusCode)
	}
	if resp := get(t, h, "GET", "/masq.wasm", "If-None-Match", tag, "Accept-Encoding", "br"); resp.StatusCode != 200 {
		t.Errorf("another form has another tag: %d", resp.StatusCode)
	}
}

// A name with the hash of what it names can be kept for good. Any other is asked for again.
func TestKept(t *testing.T) {
	h, _ := Handler(tree())
	for path, want := range map[string]string{
		"/":                   "no-cache",
		"/a.js":               "no-cache",
		"/masq.wasm":          "no-cache",
		"/masq.cd5d4935.wasm": "public, max-age=31536000, immutable",
		"/masq.cd5d4936.wasm": "",
	} {
		if got := get(t, h, "GET", path).Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	plain, hashed := get(t, h, "GET", "/masq.wasm"), get(t, h, "GET", "/masq.cd5d4935.wasm")
	tag := hashed.Header.Get("ETag")
	if tag == "" || tag != plain.Header.Get("ETag") {
		t.Errorf("one file has the tags %s and %s", tag, plain.Header.Get("ETag"))
	}
	again := get(t, h, "GET", "/masq.cd5d4935.wasm", "If-None-Match", tag)
	if again.StatusCode != 304 || again.Header.Get("Cache-Control") != hashed.Header.Get("Cache-Control") {
		t.Errorf("asked again: %d %v", again.StatusCode, again.Header)
	}
	if packed := get(t, h, "GET", "/masq.cd5d4935.wasm", "Accept-Encoding", "br").Header; packed.Get("Content-Encoding") != "br" ||
		packed.Get("Cache-Control") != hashed.Header.Get("Cache-Control") {
		t.Errorf("compressed: %v", packed)
	}
}

func TestEncodings(t *testing.T) {
	h, _ := Handler(tree())
	for accept, want := range map[string]string{
		"":                        "",
		"gzip, deflate, br, zstd": "br",
		"gzip;q=1.0, deflate":     "gzip",
		"br;q=0, gzip":            "gzip",
		"br; q=0.0":               "",
		"brotli":                  "",
	} {
		resp := get(t, h, "GET", "/masq.wasm", "Accept-Encoding", accept)
		if got := resp.Header.Get("Content-Encoding"); got != want || resp.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("accepting %q: %q", accept, got)
		}
		if resp.Header.Get("Content-Type") != "application/wasm" {
			t.Errorf("accepting %q: %v", accept, resp.Header)
		}
	}
	if enc := get(t, h, "GET", "/a.js", "Accept-Encoding", "br").Header.Get("Content-Encoding"); enc != "" {
		t.Errorf("there is no %s form of this", enc)
	}
}

func TestPolicy(t *testing.T) {
	h, _ := Handler(tree())
	p := get(t, h, "GET", "/").Header.Get("Content-Security-Policy")
	for _, want := range []string{
		"script-src 'self' 'wasm-unsafe-eval' 'sha256-", "worker-src 'self' blob:", "connect-src 'self' ws: wss:",
		"style-src 'self' 'sha256-", "frame-ancestors 'none'",
		"'sha256-Y7h/vSWStXa/xW8l2ZtL0qT62ESYbwUz9E8z6hn5JrA='", // strip()
	} {
		if !strings.Contains(p, want) {
			t.Errorf("%q is not in %q", want, p)
		}
	}
	if n := strings.Count(p, "sha256-"); n != 3 { // two scripts and a style; the one with src needs none
		t.Errorf("%d hashes in %q", n, p)
	}
	if strings.Contains(get(t, h, "GET", "/a.js").Header.Get("Content-Security-Policy"), "sha256") {
		t.Error("a script has inline scripts")
	}
}

func TestNotBuilt(t *testing.T) {
	empty := fstest.MapFS{".gitignore": &fstest.MapFile{}}
	h, err := Handler(empty)
	if err != nil || Built(empty) || !Built(tree()) {
		t.Fatal(err)
	}
	resp := get(t, h, "GET", "/")
	if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "style-src 'self' 'sha256-") {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}
