package native

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookAgain is how often the certificate's files are looked at.
const lookAgain = time.Minute

// Certificate is a TLS configuration with the certificate in two PEM files. When they change it takes the new one, within a minute, and
// logs that. A new one that cannot be used is logged, too, and the old one stays. log may be nil.
func Certificate(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &certificate{files: [2]string{certFile, keyFile}, log: log}
	if err := f.load(f.stamp()); err != nil {
		return nil, err
	}
	log.Info("certificate", f.facts()...)
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.get(), nil },
	}, nil
}

// certificate is one that is loaded, and the files that it came from.
type certificate struct {
	files [2]string // the certificate's and the key's
	log   *slog.Logger

	mu     sync.Mutex // guards all below
	loaded *tls.Certificate
	seen   stamp // of the files that were tried last
	looked time.Time
}

// stamp tells whether files are still the same: their times and sizes. A time may go back when a file is restored.
type stamp [2]struct {
	changed time.Time
	size    int64
}

func (f *certificate) stamp() (s stamp) {
	for i, name := range f.files {
		if info, err := os.Stat(name); err == nil {
			s[i].changed, s[i].size = info.ModTime(), info.Size()
		}
	}
	return s
}

func (f *certificate) load(now stamp) error {
	f.looked, f.seen = time.Now(), now
	c, err := tls.LoadX509KeyPair(f.files[0], f.files[1])
	if err == nil {
		f.loaded = &c
	}
	return err
}

// facts are what is logged of a certificate: nothing that the server would not tell everybody.
func (f *certificate) facts() []any {
	leaf := f.loaded.Leaf
	return []any{"names", leaf.DNSNames, "until", leaf.NotAfter.UTC()}
}

func (f *certificate) get() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < lookAgain {
		return f.loaded
	}
	now := f.stamp()
	if now == f.seen {
		f.looked = time.Now()
		return f.loaded
	}
	if err := f.load(now); err != nil { // half written, perhaps: the old one is better than none
		f.log.Warn("the certificate's files have changed and cannot be used; the one from before stays", append(f.facts(), "error", err)...)
	} else {
		f.log.Info("certificate renewed", f.facts()...)
	}
	return f.loaded
}
