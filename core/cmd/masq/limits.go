package main

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	core "github.com/masqdev/masq/core/relay"
	relay "github.com/masqdev/masq/core/relay/native"
	"github.com/masqdev/masq/core/wire"
)

// bound is a setting of the Sync Server's that is a number.
type bound struct {
	name        string
	standard    uint64
	least, most uint64
	usage       string
	why         string // the hint when it is out of bounds
	value       uint64
	explicit    bool
	set         func(uint64)
}

const (
	anyNumber   = math.MaxInt32
	leastBudget = 1 << 20
)

// limits are all of them. What is out of bounds would keep every device away, or would never count.
func limits(o *relay.Options) []*bound {
	plain := func(to *int) func(uint64) { return func(v uint64) { *to = int(v) } }
	announced := func(to *uint32) func(uint64) { return func(v uint64) { *to = uint32(v) } }
	l, a, d := &o.Limits, &o.PerAddress, core.New(core.Config{}).Limits()
	count := func(name string, standard uint64, usage string, to *int) *bound {
		return &bound{name: name, standard: standard, least: 1, most: anyNumber, usage: usage, set: plain(to)}
	}
	announce := func(name string, standard uint32, least, most uint64, usage, why string, to *uint32) *bound {
		return &bound{name: name, standard: uint64(standard), least: least, most: most, usage: usage, why: why, set: announced(to)}
	}
	return []*bound{
		count("max-connections", 1_000_000, "WebSockets in all, as far as there are file descriptors", &o.MaxSockets),
		count("accept-per-second", 2_000, "new connections a second; the others wait", &o.AcceptPerSecond),
		count("address-handshakes", 64, "of an address: connections that are no WebSockets yet", &a.Handshakes),
		count("address-waiting", 16, "of an address: WebSockets that have not joined", &a.Waiting),
		count("address-joined", 4096, "of an address: WebSockets that have", &a.Joined),
		count("address-new-per-minute", 600, "of an address: new WebSockets a minute", &a.NewPerMinute),
		count("address-nameplates-per-minute", 10, "of an address: nameplates opened a minute, and as many reserved", &a.NameplatesPerMinute),
		announce("limit-frame-bytes", d.FrameBytes, wire.MaxFrame, wire.MaxFrame, "bytes of a frame: 65536",
			"devices send frames of up to 65536 bytes, and the protocol has no larger ones", &l.FrameBytes),
		announce("limit-join-ms", d.Join, 1_000, 600_000, "ms until JOIN or PAIR",
			"a device needs a round trip for its JOIN, and who sends none should not stay; the default is 5000", &l.Join),
		announce("limit-ping-ms", d.Ping, 1_000, 600_000, "ms between pings",
			"devices ping every 30 s; the default is 30000", &l.Ping),
		announce("limit-dead-ms", d.Dead, 60_000, 3_600_000, "ms of silence after which a connection is dead",
			"devices ping every 30 s, and one ping may be late; the default is 90000", &l.Dead),
		announce("limit-queue-bytes", d.QueueBytes, 2*wire.MaxFrame, 1<<30, "bytes queued for a receiver",
			"a queue holds two frames at least; the default is 1048576", &l.QueueBytes),
		announce("limit-slow-ms", d.Slow, 1_000, 600_000, "ms after which a receiver that took less than --limit-slow-bytes of what is queued is dropped",
			"a phone on a bad network takes nothing for seconds; the default is 10000", &l.Slow),
		announce("limit-slow-bytes", d.SlowBytes, 1, wire.MaxFrame, "bytes that a receiver takes in --limit-slow-ms, or all that is queued",
			"above a frame a bad network could not keep up; the default is 16384", &l.SlowBytes),
		announce("limit-total-bytes", d.TotalBytes, leastBudget, anyNumber, "bytes of messages held in memory, over all connections; the process may take twice that",
			"with less there is no room for a few queues; the default is 268435456", &l.TotalBytes),
		announce("limit-address-bytes", d.AddressBytes, leastBudget, anyNumber, "bytes of messages held in memory for an address",
			"with less there is no room for a few queues; the default is 16777216", &l.AddressBytes),
		announce("limit-bytes-per-second", d.BytesPerSecond, wire.MaxFrame, anyNumber, "bytes a second from a connection; above it, reading is delayed",
			"a device sends a frame of 65536 bytes a second at least; the default is 8388608", &l.BytesPerSecond),
		announce("limit-mailbox-ms", d.Mailbox, 60_000, 86_400_000, "ms that a mailbox for pairing lives",
			"people compare digits in that time; the default is 600000", &l.Mailbox),
	}
}

func (l *bound) flag(s *settings) cli.Flag {
	return &cli.Uint64Flag{Name: l.name, Value: l.standard, Usage: l.usage, Destination: &l.value, Sources: s.sources(l.name)}
}

// check refuses a value that is out of bounds.
func (l *bound) check() error {
	if l.least <= l.value && l.value <= l.most {
		return nil
	}
	bounds := fmt.Sprintf("from %d to %d", l.least, l.most)
	if l.least == l.most {
		bounds = fmt.Sprint(l.least)
	}
	todo := l.why
	if todo == "" {
		todo = fmt.Sprintf("the default is %d", l.standard)
	}
	return misuse(fmt.Errorf("--%s is %d, and has to be %s", l.name, l.value, bounds), todo)
}

// settleLimits checks the numbers, each and together, and hands them on.
func (s *settings) settleLimits(cmd *cli.Command) error {
	by := map[string]*bound{}
	for _, l := range s.limits {
		by[l.name] = l
		l.explicit = cmd.IsSet(l.name)
		if err := l.check(); err != nil {
			return err
		}
	}
	if ping, dead := by["limit-ping-ms"], by["limit-dead-ms"]; 2*ping.value > dead.value {
		return misuse(fmt.Errorf("--limit-ping-ms is %d, and --limit-dead-ms %d", ping.value, dead.value),
			"a ping may be late: the time between two is at most half of that after which a connection is dead")
	}
	total := by["max-connections"]
	if err := total.fitFiles(); err != nil {
		return err
	}
	for _, name := range []string{"address-handshakes", "address-waiting", "address-joined"} {
		if err := by[name].fit(total); err != nil {
			return err
		}
	}
	if err := by["limit-address-bytes"].fit(by["limit-total-bytes"]); err != nil {
		return err
	}
	for _, l := range s.limits {
		l.set(l.value)
	}
	return nil
}

// fit keeps what one address may have within what all may. It refuses more only if somebody has asked for both.
func (l *bound) fit(all *bound) error {
	if l.explicit && l.value > all.value && all.explicit || l.value > all.most {
		return misuse(fmt.Errorf("--%s is %d, and --%s %d", l.name, l.value, all.name, all.value), "what one address may have is at most what all may")
	}
	l.value = min(l.value, all.value)
	return nil
}

// otherFiles are file descriptors that are no devices': listeners, NATS, the operator, and connections that are being refused.
const otherFiles = 64

// fitFiles keeps the connections in all below the number of file descriptors.
func (l *bound) fitFiles() error {
	fds, known := fileDescriptors()
	if !known || l.value+otherFiles <= fds {
		return nil
	}
	if l.explicit {
		return misuse(fmt.Errorf("--%s is %d, and this process may have %d file descriptors, of which %d are for other things", l.name, l.value, fds, otherFiles),
			"raise that: LimitNOFILE= in a systemd unit, ulimits in a container, ulimit -n in a shell")
	}
	l.value = max(1, fds-min(fds, otherFiles))
	return nil
}

const longestDrainDelay = 10 * time.Minute

func (s *settings) checkDrainDelay() error {
	if d := s.opt.DrainDelay; d < 0 || d > longestDrainDelay {
		return misuse(fmt.Errorf("--drain-delay is %v, and has to be from 0 to %v", d, longestDrainDelay),
			"it is how long a load balancer takes to notice, a few seconds: from 0s to 10m")
	}
	return nil
}

var subject = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func (s *settings) checkNATS() error {
	switch {
	case s.opt.NATS == "" && s.natsCreds != "":
		return misuse(errors.New("--nats-creds needs --nats"), "--nats takes a URL such as nats://localhost:4222")
	case !subject.MatchString(s.opt.NATSTopic):
		return misuse(fmt.Errorf("%q is no subject", s.opt.NATSTopic), "--nats-topic takes words of letters, digits, - and _ with dots between, such as masq.1")
	case s.opt.NATS == "":
		return nil
	}
	for i, one := range strings.Split(s.opt.NATS, ",") {
		if !natsURL(strings.TrimSpace(one)) { // it may hold a password, so it is not shown
			return misuse(fmt.Errorf("the address number %d of --nats is no URL of NATS", i+1), "--nats takes a URL such as nats://localhost:4222, or several by commas")
		}
	}
	return nil
}

func natsURL(text string) bool {
	if !strings.Contains(text, "://") {
		text = "nats://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return false
	}
	switch u.Scheme {
	case "nats", "tls", "ws", "wss":
		return true
	}
	return false
}

// parseProxy is an address or a range whose X-Forwarded-For is believed.
func parseProxy(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	prefix, err := netip.ParsePrefix(text)
	if ip, ipErr := netip.ParseAddr(text); ipErr == nil {
		prefix, err = ip.Prefix(ip.BitLen())
	}
	switch {
	case err != nil || prefix != prefix.Masked():
		return prefix, misuse(fmt.Errorf("%q is no address of a proxy", text), "--proxy takes an address or a range, such as 10.0.0.1 or 10.0.0.0/8")
	case prefix.Bits() == 0:
		return prefix, misuse(fmt.Errorf("%s is every address: anybody could say to be anybody", prefix), "--proxy takes the proxy's own address or range, such as 10.0.0.1 or 10.0.0.0/8")
	}
	return prefix, nil
}
