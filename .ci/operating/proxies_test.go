package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// certificate makes one for localhost, which is its own authority, and returns the names of its files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	return cert, key
}

// proxy is an example in front of a server.
type proxy struct {
	name  string
	start func(t *testing.T, server, port, cert, key string)
}

var proxies = []proxy{
	{"nginx", func(t *testing.T, server, port, cert, key string) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "masq.conf"), replace(t, read(t, "core/relay/examples/nginx.conf"),
			"listen 443 ssl", "listen 127.0.0.1:"+port+" ssl", "http://127.0.0.1:6280", "http://"+server,
			"/etc/letsencrypt/live/sync.example.org/fullchain.pem", cert, "/etc/letsencrypt/live/sync.example.org/privkey.pem", key,
			"/var/log/nginx/masq.log", filepath.Join(dir, "masq.log"), "server_name sync.example.org", "server_name localhost"))
		temp := ""
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			temp += fmt.Sprintf("\t%s_temp_path %s;\n", kind, filepath.Join(dir, kind))
		}
		write(t, filepath.Join(dir, "nginx.conf"), "daemon off;\nmaster_process off;\npid "+filepath.Join(dir, "pid")+";\nerror_log stderr;\nevents {}\nhttp {\n"+temp+"\tinclude masq.conf;\n}\n")
		begin(t, exec.Command("nginx", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr"), "")
	}},
	{"Caddy", func(t *testing.T, server, port, cert, key string) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "Caddyfile"), "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"+replace(t, read(t, "core/relay/examples/Caddyfile"),
			"\treverse_proxy", "\tbind 127.0.0.1\n\ttls "+cert+" "+key+"\n\treverse_proxy"))
		cmd := exec.Command("caddy", "run", "--config", filepath.Join(dir, "Caddyfile"), "--adapter", "caddyfile")
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "MASQ_HOST=localhost:"+port, "MASQ_SERVER="+server)
		begin(t, cmd, "serving initial configuration")
	}},
}

// reach waits until a proxy takes connections.
func reach(t *testing.T, addr string) {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestProxies: the conformance suite passes through each example, and each device counts by its own address.
func TestProxies(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			cert, key := certificate(t)
			server := syncServer(t, "--proxy", "127.0.0.1", "--address-waiting", "1000")
			port := freePort(t)
			p.start(t, server, port, cert, key)
			reach(t, "127.0.0.1:"+port)
			t.Run("addresses", func(t *testing.T) { addresses(t, port) })
			t.Run("conformance", func(t *testing.T) {
				cmd := exec.Command("go", "test", "-count", "1", "-run", "TestServer", "./core/relay/conformance")
				cmd.Dir, cmd.Env = root, append(os.Environ(), "MASQ_CONFORMANCE_URL=wss://localhost:"+port, "SSL_CERT_FILE="+cert)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
			t.Run("doctor", func(t *testing.T) {
				cmd := exec.Command(masq(t), "doctor", "--sync", "wss://localhost:"+port)
				cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+cert)
				out, _ := cmd.CombinedOutput() // the certificate ends soon, which is all that is wrong
				if n := strings.Count(string(out), "FAIL"); n != 1 || !strings.Contains(string(out), "the server takes the name localhost:"+port) {
					t.Errorf("%s", out)
				}
			})
		})
	}
}

// addresses asks for more nameplates than one address gets, saying each time to be another. Then another address asks for one.
func addresses(t *testing.T, port string) {
	ask := func(from, says string) int {
		client := http.Client{Timeout: limit, Transport: &http.Transport{
			DialContext:     (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
		}}
		r, err := http.NewRequest(http.MethodPost, "https://localhost:"+port+"/v1/pair/new", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", says)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for i := range 11 {
		want := http.StatusOK
		if i == 10 {
			want = http.StatusTooManyRequests
		}
		if got := ask("127.0.0.5", fmt.Sprintf("203.0.113.%d", i)); got != want {
			t.Errorf("request %d of one address: %d, want %d", i, got, want)
		}
	}
	if got := ask("127.0.0.6", "127.0.0.5"); got != http.StatusOK {
		t.Errorf("another address: %d", got)
	}
}

// TestNginxWaitsLongest: longer than devices ping, and longer than the server waits for that.
func TestNginxWaitsLongest(t *testing.T) {
	for _, name := range []string{"proxy_read_timeout", "proxy_send_timeout"} {
		m := regexp.MustCompile(name + ` (\d+)s;`).FindStringSubmatch(read(t, "core/relay/examples/nginx.conf"))
		if m == nil {
			t.Fatalf("there is no %s", name)
		}
		if s, _ := strconv.Atoi(m[1]); s <= 90 {
			t.Errorf("%s is %d s, and the server waits for 90", name, s)
		}
	}
}
