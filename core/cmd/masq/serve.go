package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"

	"github.com/masqdev/masq/core/relay/native"
	"github.com/masqdev/masq/core/wire"
	"github.com/masqdev/masq/web"
	"github.com/masqdev/masq/web/pages"
)

// up runs the Sync Server and the demo on one loopback port until ctx ends.
func up(ctx context.Context, stdout io.Writer, logger *slog.Logger, addr string) error {
	if !wire.IsLoopbackHost(addr) {
		return hint(fmt.Errorf("%s is not an address of this computer alone", addr),
			`"masq up" is for trying Masq here; "masq sync-server" serves others`)
	}
	listeners, err := listen(addr)
	if err != nil {
		return err
	}
	page, err := pages.Handler(web.FS())
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "masq is up at http://%s\n\n", shown(addr, listeners))
	if pages.Built(web.FS()) {
		fmt.Fprint(stdout,
			"  1. open that address in two browsers, or in two profiles of one\n",
			"  2. write a note in the first\n",
			"  3. add a device there, open the link it shows in the second, and compare the digits\n\n")
	} else {
		fmt.Fprint(stdout, "  the pages were not built into this binary: \"make run\" in a clone builds them\n\n")
	}
	fmt.Fprint(stdout, "ctrl-c ends it\n")
	server := native.New(native.Options{
		// Whoever uses this computer may open as many tabs as they like.
		Loopback: native.AddressLimits{Waiting: 1_000, Joined: 10_000, NewPerMinute: 100_000},
		Page:     page,
		Log:      logger,
	})
	return server.Serve(ctx, listeners...)
}

// syncServer runs a Sync Server until ctx ends.
func syncServer(ctx context.Context, stdout, stderr io.Writer, logger *slog.Logger, addr string, hosts []string) error {
	for i, h := range hosts {
		if hosts[i] = strings.TrimSpace(h); h == "" || strings.ContainsAny(h, "/ ") {
			return hint(fmt.Errorf("%q is not a host name", h), "give it as it stands in the address, such as sync.example.org or sync.example.org:8443")
		}
	}
	listeners, err := listen(addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "masq sync server listening on %s\n", shown(addr, listeners))
	if !wire.IsLoopbackHost(addr) && len(hosts) == 0 {
		fmt.Fprintln(stderr, "masq: hint: only devices that dial a loopback name are served; --host names others")
	}
	return native.New(native.Options{Hosts: hosts, Log: logger}).Serve(ctx, listeners...)
}

// listen is native.Listen with hints.
func listen(addr string) ([]net.Listener, error) {
	listeners, err := native.Listen(addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, hint(fmt.Errorf("%s is in use", addr), "another masq may be running; --listen takes another port, such as localhost:6281")
	case errors.Is(err, syscall.EACCES):
		return nil, hint(fmt.Errorf("no permission to listen on %s", addr), "ports below 1024 need special rights; --listen takes another")
	case err != nil:
		return nil, hint(fmt.Errorf("cannot listen on %q", addr), "--listen takes a host and a port, such as localhost:6280")
	}
	return listeners, nil
}

// shown is addr with the port that was chosen, if it left that open.
func shown(addr string, listeners []net.Listener) string {
	host, _, err := net.SplitHostPort(addr)
	_, port, perr := net.SplitHostPort(listeners[0].Addr().String())
	if err != nil || perr != nil {
		return addr
	}
	return net.JoinHostPort(host, port)
}
