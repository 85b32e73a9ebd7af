package native

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// lines is a log that a test reads.
type lines struct {
	mu   sync.Mutex
	news *sync.Cond
	text bytes.Buffer
}

func newLines() *lines {
	l := &lines{}
	l.news = sync.NewCond(&l.mu)
	return l
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.news.Broadcast()
	return l.text.Write(p)
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// all is what was logged, a line each.
func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.text.String()), "\n")
}

// await waits until a line matches.
func (l *lines) await(t *testing.T, pattern string) {
	t.Helper()
	re, late := regexp.MustCompile(`(?m)`+pattern), false
	timer := time.AfterFunc(20*time.Second, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		late = true
		l.news.Broadcast()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !re.Match(l.text.Bytes()) {
		if late {
			t.Fatalf("%s was never logged, but\n%s", pattern, &l.text)
		}
		l.news.Wait()
	}
}

// want compares what was logged with patterns, one for each line.
func (l *lines) want(t *testing.T, patterns ...string) {
	t.Helper()
	got := l.all()
	for i, p := range patterns {
		if i >= len(got) || !regexp.MustCompile("^"+p+"$").MatchString(got[i]) {
			t.Fatalf("line %d: want %q in\n%s", i, p, strings.Join(got, "\n"))
		}
	}
	if len(got) > len(patterns) {
		t.Errorf("more was logged:\n%s", strings.Join(got, "\n"))
	}
}

func TestDrainIsLogged(t *testing.T) {
	log := newLines()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		s := New(Options{Log: log.logger(), DrainDelay: 3 * time.Second})
		ctx, stop := context.WithCancelCause(t.Context())
		served := make(chan error)
		go func() { served <- s.Serve(ctx, p) }()
		b := &harness{t: t, s: s, dial: func() net.Conn { return p.dial(t) }}
		x, y := b.couple(key(1))
		stop(errors.New("SIGTERM"))
		x.want("RESTARTING", "closed 1012")
		y.want("RESTARTING", "closed 1012")
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	log.want(t,
		`level=INFO msg=stopping why=SIGTERM`,
		`level=INFO msg="drain begins: .*" connections=2 delay=3s`,
		`level=INFO msg="drain ends: .*" connections=2 took=3(\.\d+)?s`,
		`level=INFO msg=stopped cut=0`,
	)
}

// TestOutage: what is logged of something that cannot be reached, with seconds as they pass.
func TestOutage(t *testing.T) {
	const down, up = "down", "up"
	for _, c := range []struct {
		name string
		at   []int // seconds
		what []string
		said []bool
	}{
		{"never reached", []int{0, 1, 59, 60, 61, 119, 120}, []string{down, down, down, down, down, down, down}, []bool{true, false, false, true, false, false, true}},
		{"away for a moment", []int{0, 1}, []string{down, up}, []bool{true, true}},
		{"never away", []int{0, 1}, []string{up, up}, []bool{false, false}},
		{"it comes and goes", []int{0, 1, 2, 3, 4, 5, 60, 61}, []string{down, up, down, up, down, up, down, up}, []bool{true, true, false, false, false, false, true, true}},
		{"away for longer the second time", []int{0, 1, 2, 60, 65}, []string{down, up, down, down, up}, []bool{true, true, false, true, true}},
	} {
		o, start := outage{}, time.Now()
		for i, at := range c.at {
			now, said := start.Add(time.Duration(at)*time.Second), false
			if c.what[i] == down {
				said = o.down(now)
			} else {
				said, _ = o.up(now)
			}
			if said != c.said[i] {
				t.Errorf("%s: %s after %d s: said %v", c.name, c.what[i], at, said)
			}
		}
	}
}

// TestNATSIsLogged: one that is not there yet, and comes. Its password is not logged.
func TestNATSIsLogged(t *testing.T) {
	port := freePort(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := newLines()
	s := New(Options{Log: log.logger(), NATS: "nats://masq:secret@" + port})
	ctx, stop := context.WithCancelCause(t.Context())
	served := make(chan error)
	go func() { served <- s.Serve(ctx, l) }()
	log.await(t, `level=WARN msg="NATS is not reached: .*" for=0s error="`)
	defer startNATS(t, port).Shutdown()
	log.await(t, `level=INFO msg="NATS is reached" after=`)
	stop(errors.New("SIGTERM"))
	if err := <-served; err != nil {
		t.Error(err)
	}
	text := strings.Join(log.all(), "\n")
	if n := strings.Count(text, "NATS is not reached"); n != 1 {
		t.Errorf("%d lines in a minute:\n%s", n, text)
	}
	if strings.Contains(text, "secret") {
		t.Errorf("the password is logged:\n%s", text)
	}
}

// freePort is an address where nothing listens.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func startNATS(t *testing.T, addr string) *server.Server {
	host, port, _ := net.SplitHostPort(addr)
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.NewServer(&server.Options{Host: host, Port: n, NoLog: true, NoSigs: true, Username: "masq", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	go srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return srv
}

// pair writes a certificate for a name, and its key.
func pair(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertificateRenewal(t *testing.T) {
	dir := t.TempDir()
	cert, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	log := newLines()
	synctest.Test(t, func(t *testing.T) {
		pair(t, dir, "one.example")
		config, err := Certificate(cert, keyFile, log.logger())
		if err != nil {
			t.Fatal(err)
		}
		// serves is whom the certificate is for after a time.
		serves := func(after time.Duration, want string) {
			t.Helper()
			time.Sleep(after)
			c, err := config.GetCertificate(&tls.ClientHelloInfo{})
			if err != nil || c.Leaf.DNSNames[0] != want {
				t.Errorf("it serves %v, %v, and %s was to come", c.Leaf.DNSNames, err, want)
			}
		}
		serves(time.Minute, "one.example")
		pair(t, dir, "two.example")
		serves(time.Second, "one.example") // it was looked at a moment ago
		serves(time.Minute, "two.example")
		write(t, cert, "half a certif")
		serves(time.Minute, "two.example")
		serves(time.Minute, "two.example") // and that is said once
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		serves(time.Minute, "two.example")
		pair(t, dir, "three.example")
		old := time.Now().Add(-1000 * time.Hour) // as from a backup
		if err := os.Chtimes(cert, old, old); err != nil {
			t.Fatal(err)
		}
		serves(time.Minute, "three.example")
	})
	until := `until=\S+`
	log.want(t,
		`level=INFO msg=certificate names=\[one.example\] `+until,
		`level=INFO msg="certificate renewed" names=\[two.example\] `+until,
		`level=WARN msg="the certificate's files have changed .*" names=\[two.example\] `+until+` error=".*"`,
		`level=WARN msg="the certificate's files have changed .*" names=\[two.example\] `+until+` error=".*"`,
		`level=INFO msg="certificate renewed" names=\[three.example\] `+until,
	)
}
