package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// probeTimeout is below what orchestrators give a health check.
const probeTimeout = 3 * time.Second

// probed are what --probe may ask for.
var probed = map[string]string{"live": "/livez", "ready": "/readyz"}

// askServer asks the Sync Server that runs with these settings whether it is live or ready, for a container's health check: there
// is no shell and no curl in it.
func (s *settings) askServer(ctx context.Context, u *ui) error {
	path := probed[s.probe]
	if path == "" {
		return misuse(fmt.Errorf("--probe %q is nothing to ask for", s.probe), "--probe takes live, or ready where --admin is set")
	}
	if s.probe == "ready" && s.admin == "" {
		return misuse(errors.New("--probe ready needs --admin"), "the server tells whether it is ready on its --admin address alone, such as 127.0.0.1:6290")
	}
	addr, scheme := cmp.Or(s.admin, s.listen), "http"
	if s.admin == "" && s.cert != "" {
		scheme = "https"
	}
	at, err := reachable(addr)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	status, text, err := fetch(ctx, scheme+"://"+at+path)
	switch {
	case err != nil:
		return hint(fmt.Errorf("no Sync Server answers at %s", at), "give --probe the settings of the server that is to run; see its log")
	case status != http.StatusOK:
		return hint(fmt.Errorf("the Sync Server is not %s: %s", s.probe, oneLine(text)), "see its log")
	}
	_, err = fmt.Fprintln(u.stdout, s.probe)
	return err
}

// reachable is where to dial what listens on addr.
func reachable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !isAddress(addr) || port == "0" {
		return "", misuse(fmt.Errorf("no server can be asked at %q", addr), "--probe takes the --admin or --listen of the server, with its port")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}

// fetch gets a short text. It does not look at the certificate, which is for the name that devices dial: nothing secret is asked or told.
func fetch(ctx context.Context, url string) (status int, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	resp, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	return resp.StatusCode, strings.TrimSpace(string(body)), err
}
