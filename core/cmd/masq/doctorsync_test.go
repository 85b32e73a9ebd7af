// Windows and macOS take authorities from the system alone, so a test cannot bring its own.
//go:build !windows && !darwin

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lxzan/gws"

	core "github.com/masqdev/masq/core/relay"
	relay "github.com/masqdev/masq/core/relay/native"
	"github.com/masqdev/masq/core/wire"
)

// authority is a certificate authority of the test's own.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, time.Hour, nil)
	return a
}

// issue makes a certificate that ends in so long, signed by a parent or, without one, by itself.
func (a *authority) issue(template *x509.Certificate, good time.Duration, parent *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(good)
	signer, signerKey := template, key
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, signerKey)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// server makes a TLS configuration of a server called name.
func (a *authority) server(name string, good time.Duration) *tls.Config {
	cert, key := a.issue(&x509.Certificate{DNSNames: []string{name}}, good, a)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// file is what SSL_CERT_FILE names.
func (a *authority) file() string {
	name := filepath.Join(a.t.TempDir(), "authority.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	if err := os.WriteFile(name, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return name
}

// listenTLS returns a listener and its port; without a configuration it has no TLS.
func listenTLS(t *testing.T, config *tls.Config) (net.Listener, string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return l, port
}

// syncServer runs a real Sync Server.
func syncServer(t *testing.T, config *tls.Config, opt relay.Options) (port string) {
	l, port := listenTLS(t, config)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- relay.New(opt).Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return port
}

// webServer is no Sync Server unless the handler is one.
func webServer(t *testing.T, config *tls.Config, handler http.HandlerFunc) (port string) {
	l, port := listenTLS(t, config)
	srv := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return port
}

// greets is a Sync Server that says another HELLO than the real one would; it lets everybody in.
type greets struct {
	gws.BuiltinEventHandler
	version uint8
	ahead   time.Duration // of the clock
}

// quiet drops what gws logs.
type quiet struct{}

func (quiet) Error(...any) {}

func (g greets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	up := gws.NewUpgrader(g, &gws.ServerOption{SubProtocols: []string{wire.Subprotocol}, Logger: quiet{}})
	if ws, err := up.Upgrade(w, r); err == nil {
		ws.ReadLoop()
	}
}

func (g greets) OnOpen(ws *gws.Conn) {
	now := uint64(time.Now().Add(g.ahead).UnixMilli())
	ws.WriteMessage(gws.OpcodeBinary, wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayHello, Version: g.version, Time: now}))
}

func (g greets) OnMessage(ws *gws.Conn, m *gws.Message) {
	defer m.Close()
	if m.Opcode == gws.OpcodeText {
		ws.WriteString(wire.PongText)
		return
	}
	ws.WriteMessage(gws.OpcodeBinary, wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayJoined}))
}

// TestDoctorSync: what "masq doctor --sync" finds, and what it says to do about it. masq runs as a program of its own, which takes the
// test's authority from SSL_CERT_FILE.
func TestDoctorSync(t *testing.T) {
	known, unknown := newAuthority(t), newAuthority(t)
	file, month := known.file(), 30*24*time.Hour
	nothing, closed := listenTLS(t, nil)
	nothing.Close()
	hello := func(version uint8, ahead time.Duration) string {
		return "ws://localhost:" + webServer(t, nil, greets{version: version, ahead: ahead}.ServeHTTP)
	}
	for _, c := range []struct {
		name, url            string
		check, finding, hint string // of the check that fails, patterns; empty: all is well
	}{
		{"all is well", "wss://localhost:" + syncServer(t, known.server("localhost", month), relay.Options{}), "", "", ""},
		{"as its clock says", hello(1, time.Minute), "", "", ""},
		{"no such name", "wss://" + strings.Repeat("a", 64) + ".example", "reachable", `^a{64}\.example has no address: `, "check the name, and that this computer is online"},
		{"unreachable", "wss://localhost:" + closed, "reachable", `^localhost:\d+ does not take connections: `, "check that the server runs, "},
		{
			"another name", "wss://localhost:" + syncServer(t, known.server("sync.example.org", month), relay.Options{}),
			"TLS", "^the certificate is for another name than localhost$", "the server needs a certificate for this name",
		},
		{
			"expired", "wss://localhost:" + syncServer(t, known.server("localhost", -time.Minute), relay.Options{}),
			"TLS", "^the certificate is not valid at this time$", "renew it; if it is new, set this computer's clock",
		},
		{
			"ends soon", "wss://localhost:" + syncServer(t, known.server("localhost", 3*24*time.Hour), relay.Options{}),
			"TLS", "^the certificate ends in 2 days$", "renew it now",
		},
		{
			"unknown authority", "wss://localhost:" + syncServer(t, unknown.server("localhost", month), relay.Options{}),
			"TLS", "^nobody known vouches for the certificate$", "the server has to send its whole chain, ",
		},
		{
			"no TLS", "wss://localhost:" + syncServer(t, nil, relay.Options{}),
			"TLS", "^there is no TLS: ", "check that this port speaks TLS",
		},
		{"a later version", hello(2, 0), "protocol", "^it speaks version 2, this masq version 1$", "update masq, here or there"},
		{"a clock that is fast", hello(1, time.Hour), "clock", `^the clocks are (1h0m0|59m59)`, "set the clock, here or there; "},
		{"a clock that is slow", hello(1, -time.Hour), "clock", `^the clocks are (1h0m0|59m59)`, "set the clock, here or there; "},
		{
			"a web server", "wss://localhost:" + webServer(t, known.server("localhost", month), http.NotFound),
			"protocol", `does not answer as a Sync Server \(HTTP 404 Not Found\)`, "check the address: no Sync Server is there, ",
		},
		{
			"another server of WebSockets", "ws://localhost:" + webServer(t, nil, func(w http.ResponseWriter, r *http.Request) {
				if ws, err := gws.NewUpgrader(gws.BuiltinEventHandler{}, nil).Upgrade(w, r); err == nil {
					ws.ReadLoop()
				}
			}), "protocol", "does not answer as a Sync Server: .*sub-protocol", "check the address: no Sync Server is there, ",
		},
		{
			"full", "ws://localhost:" + webServer(t, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }),
			"protocol", `\(HTTP 503 Service Unavailable\)`, "it is full, ",
		},
		{
			"small frames", "ws://localhost:" + syncServer(t, nil, relay.Options{Limits: core.Limits{FrameBytes: 4096}}),
			"limits", "^it takes frames of 4096 bytes", "the server's --limit-frame-bytes has to be 65536",
		},
		{
			"a name of its own", "ws://localhost:" + syncServer(t, nil, relay.Options{Hosts: []string{"sync.example.org"}}),
			"join", `^the server does not take the name localhost:\d+$`, "start the server with --host localhost:",
		},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			checkDoctor(t, file, c.url, c.check, c.finding, c.hint)
		})
	}
}

// checkDoctor runs it and looks for the one check that fails.
func checkDoctor(t *testing.T, authority, url, check, pattern, hint string) {
	cmd := exec.Command("masq", "doctor", "--json", "--sync", url)
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+authority, "SSL_CERT_DIR="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.Output()
	if (err == nil) != (check == "") {
		t.Errorf("ended with %v", err)
	}
	var failed []finding
	passed := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		var f finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if passed[f.Check] = f.OK; !f.OK {
			failed = append(failed, f)
		}
	}
	if check == "" {
		if len(failed) > 0 || !passed["TLS"] || !passed["join"] || !passed["round trip"] {
			t.Errorf("%s", out)
		}
		return
	}
	if len(failed) != 1 || failed[0].Check != check || !strings.HasPrefix(failed[0].Hint, hint) || !regexp.MustCompile(pattern).MatchString(failed[0].Finding) {
		t.Errorf("%s", out)
	}
}
