package main

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	relayclient "github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// probe is a Sync Server looked at from outside, one thing after the other: each needs the one before.
type probe struct {
	*doctor
	url     string
	u       *url.URL
	conn    *relayclient.Conn
	key     ed25519.PrivateKey // of a channel of nobody's
	started time.Time          // when HELLO was waited for
	came    time.Time
}

const probePatience = 10 * time.Second

// syncServer looks at a Sync Server.
func (d *doctor) syncServer(ctx context.Context, address string) {
	ctx, stop := context.WithTimeout(ctx, 4*probePatience)
	defer stop()
	p := &probe{doctor: d, url: address, key: relayclient.NewKey()}
	defer d.during("waiting for %s", address)()
	for _, step := range []func(context.Context) bool{p.address, p.reach, p.certificate, p.greeting, p.clock, p.limits, p.join, p.roundTrip} {
		if !step(ctx) {
			break
		}
	}
	if p.conn != nil {
		p.conn.Close()
	}
}

func (p *probe) address(context.Context) bool {
	u, err := url.Parse(p.url)
	if err != nil || !roster.SafeRelay(p.url) {
		p.bad("address", "it begins with wss:// (or ws:// on this computer) and has no slash at its end, as in wss://sync.example.org",
			"%q is not the address of a Sync Server", p.url)
		return false
	}
	p.u = u
	p.ok("sync server", "%s", p.url)
	return true
}

// hostPort is where to connect.
func (p *probe) hostPort() string {
	port := p.u.Port()
	if port == "" {
		port = map[string]string{"wss": "443", "ws": "80"}[p.u.Scheme]
	}
	return net.JoinHostPort(p.u.Hostname(), port)
}

func (p *probe) reach(ctx context.Context) bool {
	start := time.Now()
	d := net.Dialer{Timeout: probePatience}
	c, err := d.DialContext(ctx, "tcp", p.hostPort())
	dns := (*net.DNSError)(nil)
	switch {
	case errors.As(err, &dns):
		p.bad("reachable", "check the name, and that this computer is online", "%s has no address: %s", p.u.Hostname(), dns.Err)
	case err != nil:
		p.bad("reachable", "check that the server runs, and that no firewall is between", "%s does not take connections: %v", p.hostPort(), err)
	default:
		c.Close()
		p.ok("reachable", "%s in %d ms", c.RemoteAddr(), time.Since(start).Milliseconds())
		return true
	}
	return false
}

func (p *probe) certificate(ctx context.Context) bool {
	const soon = 14 * 24 * time.Hour
	if p.u.Scheme != "wss" {
		p.ok("TLS", "none, which is for this computer alone")
		return true
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: probePatience}, Config: &tls.Config{ServerName: p.u.Hostname()}}
	c, err := d.DialContext(ctx, "tcp", p.hostPort())
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		p.bad("TLS", "renew it; if it is new, set this computer's clock", "the certificate is not valid at this time")
	case errors.As(err, &name):
		p.bad("TLS", "the server needs a certificate for this name", "the certificate is for another name than %s", p.u.Hostname())
	case errors.As(err, &unknown):
		p.bad("TLS", "the server has to send its whole chain, of an authority that browsers know", "nobody known vouches for the certificate")
	case err != nil:
		p.bad("TLS", "check that this port speaks TLS", "there is no TLS: %v", err)
	default:
		defer c.Close()
		state := c.(*tls.Conn).ConnectionState()
		until := time.Until(state.PeerCertificates[0].NotAfter)
		if until < soon {
			p.bad("TLS", "renew it now", "the certificate ends in %d days", int(until.Hours()/24))
		} else {
			p.ok("TLS", "%s, the certificate is good for %d days", tls.VersionName(state.Version), int(until.Hours()/24))
		}
		return true
	}
	return false
}

func (p *probe) greeting(ctx context.Context) bool {
	const check = "protocol"
	p.started = time.Now()
	conn, err := relayclient.Dial(ctx, p.url, relayclient.ChannelPath(p.key), relayclient.Options{Timeout: probePatience})
	p.came = time.Now()
	var noSocket *relayclient.DialError
	var restarting *relayclient.RestartingError
	var version *relayclient.VersionError
	switch {
	case errors.As(err, &noSocket):
		p.noSyncServer(check, noSocket)
	case errors.As(err, &restarting):
		p.bad(check, "try again in a minute", "the server restarts")
	case errors.As(err, &version):
		p.bad(check, "update masq, here or there", "it speaks version %d, this masq version %d", version.Version, wire.RelayVersion)
	case err != nil:
		p.bad(check, "check the address", "%v", err)
	default:
		p.conn = conn
		p.ok(check, "version %d", conn.Hello.Version)
		return true
	}
	return false
}

// noSyncServer says why there is no WebSocket.
func (p *probe) noSyncServer(check string, err *relayclient.DialError) {
	todo, status := "check the address: no Sync Server is there, or a proxy does not let WebSockets pass", ""
	if err.StatusCode != 0 {
		status = " (" + err.Error() + ")"
	}
	if err.StatusCode == http.StatusTooManyRequests || err.StatusCode == http.StatusServiceUnavailable {
		todo = "it is full, or has had too many connections from here: try again in a minute"
	}
	p.bad(check, todo, "%s does not answer as a Sync Server%s: %v", p.url, status, err.Err)
}

func (p *probe) clock(context.Context) bool {
	const skewed = 5 * time.Minute
	skew := time.UnixMilli(int64(p.conn.Hello.Time)).Sub(p.started.Add(p.came.Sub(p.started) / 2)).Round(time.Millisecond)
	if skew.Abs() > skewed {
		p.bad("clock", "set the clock, here or there; devices go by the server's until then", "the clocks are %v apart", skew.Abs())
	} else {
		p.ok("clock", "the clocks are %v apart", skew.Abs())
	}
	return true
}

func (p *probe) limits(context.Context) bool {
	got := p.conn.Limits()
	frame, silence := got[wire.LimitFrameBytes], got[wire.LimitDead]
	switch {
	case frame != 0 && frame < wire.MaxFrame:
		p.bad("limits", fmt.Sprintf("the server's --limit-frame-bytes has to be %d", wire.MaxFrame), "it takes frames of %d bytes, and devices send %d", frame, wire.MaxFrame)
	case silence != 0 && silence < 60_000:
		p.bad("limits", "the server's --limit-dead-ms has to be above 60000", "it drops whoever is silent for %d ms, and devices ping every 30 s", silence)
	default:
		p.ok("limits", "frames of %d bytes, %d bytes a second, %d ms of silence", frame, got[wire.LimitBytesPerSec], silence)
	}
	return true
}

func (p *probe) roundTrip(ctx context.Context) bool {
	const check, slow = "round trip", time.Second
	var took []time.Duration
	for range 5 {
		d, err := p.conn.Ping(ctx)
		if err != nil {
			p.bad(check, "something on the way holds WebSocket messages back", "a ping is not answered")
			return false
		}
		took = append(took, d)
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > slow {
		p.bad(check, "the network is slow, or the server is far away or busy", "%d ms", median.Milliseconds())
	} else {
		p.ok(check, "%.1f ms", median.Seconds()*1000)
	}
	return true
}

// join joins a channel of nobody's, which tells whether the server takes its own name.
func (p *probe) join(ctx context.Context) bool {
	_, err := p.conn.Join(ctx, p.key, 0)
	var closed *relayclient.CloseError
	switch {
	case err == nil:
		p.ok("join", "the server takes the name %s", p.u.Host)
		return true
	case errors.Is(err, wire.RelayEAuth):
		p.bad("join", fmt.Sprintf("start the server with --host %s, and have a proxy in front pass Host on", p.u.Host), "the server does not take the name %s", p.u.Host)
	case errors.Is(err, wire.RelayERate):
		p.bad("join", "wait a minute; behind a proxy the server needs --proxy, or all its devices count as one", "too many connections from here")
	case errors.As(err, &closed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p.bad("join", "try again", "a channel cannot be joined: %v", err)
	default:
		p.bad("join", "update masq, here or there", "JOIN is answered by something else: %v", err)
	}
	return false
}
