package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestSenselessLimitsAreRefused: settings with which no device could use the server, or which could never count.
func TestSenselessLimitsAreRefused(t *testing.T) {
	fds, known := fileDescriptors()
	if !known {
		fds = 1 << 20
	}
	for _, c := range []struct {
		name string
		args string
		want string // in the error; empty: it is taken
		todo string // in the hint
	}{
		{"as they are", "", "", ""},
		{"at their least", "--limit-join-ms 1000 --limit-ping-ms 1000 --limit-dead-ms 60000 --limit-queue-bytes 131072 --limit-slow-ms 1000 " +
			"--limit-slow-bytes 1 --limit-total-bytes 1048576 --limit-address-bytes 1048576 " +
			"--limit-bytes-per-second 65536 --limit-mailbox-ms 60000 --max-connections 1 --accept-per-second 1 --address-joined 1", "", ""},
		{"zero", "--limit-join-ms 0", "--limit-join-ms is 0, and has to be from 1000 to 600000", "5000"},
		{"JOIN in no time", "--limit-join-ms 999", "--limit-join-ms is 999", "round trip"},
		{"an hour for JOIN", "--limit-join-ms 3600000", "--limit-join-ms is 3600000", ""},
		{"frames that devices cannot send", "--limit-frame-bytes 4096", "--limit-frame-bytes is 4096, and has to be 65536", "devices"},
		{"frames over the protocol's", "--limit-frame-bytes 65537", "--limit-frame-bytes is 65537, and has to be 65536", "devices"},
		{"dead between two pings", "--limit-dead-ms 30000", "--limit-dead-ms is 30000", "ping"},
		{"dead before the second ping announced", "--limit-ping-ms 50000", "--limit-ping-ms is 50000, and --limit-dead-ms 90000", "half"},
		{"a queue for no frame", "--limit-queue-bytes 65536", "--limit-queue-bytes is 65536", "two frames"},
		{"slow at once", "--limit-slow-ms 1", "--limit-slow-ms is 1,", ""},
		{"slow for less than a frame in one go", "--limit-slow-bytes 65537", "--limit-slow-bytes is 65537,", "network"},
		{"no memory", "--limit-total-bytes 1048575", "--limit-total-bytes is 1048575,", "queues"},
		{"no memory for an address", "--limit-address-bytes 1048575", "--limit-address-bytes is 1048575,", "queues"},
		{"more memory for one than for all", "--limit-total-bytes 33554432 --limit-address-bytes 33554433", "--limit-address-bytes is 33554433, and --limit-total-bytes 33554432", "at most"},
		{"little memory for all lowers what was not set", "--limit-total-bytes 1048576", "", ""},
		{"no frame a second", "--limit-bytes-per-second 65535", "--limit-bytes-per-second is 65535", "frame"},
		{"pairing in no time", "--limit-mailbox-ms 1000", "--limit-mailbox-ms is 1000", "people"},
		{"no connection", "--max-connections 0", "--max-connections is 0", ""},
		{"more connections than numbers", "--max-connections 4294967297", "--max-connections is 4294967297", ""},
		{"more connections than file descriptors", fmt.Sprint("--max-connections ", fds), "file descriptors", "LimitNOFILE"},
		{"no address may join", "--address-joined 0", "--address-joined is 0", ""},
		{"an address over the total", "--max-connections 100 --address-joined 101", "--address-joined is 101, and --max-connections 100", "at most"},
		{"an address waiting over the total", "--max-connections 100 --address-waiting 101", "--address-waiting is 101, and --max-connections 100", ""},
		{"an address shaking hands over the total", "--max-connections 100 --address-handshakes 101", "--address-handshakes is 101", ""},
		{"a small total lowers what was not set", "--max-connections 8", "", ""},
		{"a drain that has begun before", "--drain-delay -1s", "--drain-delay is -1s", ""},
		{"a drain that never begins", "--drain-delay 24h", "--drain-delay is 24h0m0s", "10m"},
		{"NATS settings without NATS", "--nats-creds file", "--nats-creds needs --nats", ""},
		{"a topic that is a pattern", "--nats nats://localhost:1 --nats-topic masq.>", `"masq.>" is no subject`, ""},
		{"a NATS URL that is none", "--nats http://localhost:1", "is no URL of NATS", "nats://"},
		{"a NATS URL without host", "--nats nats://", "is no URL of NATS", "nats://"},
		{"a proxy that is everybody", "--proxy 0.0.0.0/0", "0.0.0.0/0 is every address", "the proxy's own"},
		{"a proxy that is everybody by IPv6", "--proxy ::/0", "::/0 is every address", "the proxy's own"},
		{"a proxy's address with host bits", "--proxy 10.0.0.1/8", `"10.0.0.1/8" is no address of a proxy`, "10.0.0.0/8"},
		{"an admin address for everybody", "--admin :0", "", ""},
		{"both on one port", "--listen 127.0.0.1:7000 --admin 127.0.0.1:7000", "--admin and --listen", ""},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			ctx, over := context.WithCancel(t.Context())
			over() // a server that begins ends at once
			args := append([]string{"masq", "sync-server"}, strings.Fields(c.args)...)
			if !strings.Contains(c.args, "--listen") {
				args = append(args, "--listen", "127.0.0.1:0")
			}
			var out, errs bytes.Buffer
			code := run(ctx, args, &ui{strings.NewReader(""), &out, &errs})
			if c.want == "" {
				if code != 0 {
					t.Errorf("code %d: %s", code, &errs)
				}
				return
			}
			e, h, _ := strings.Cut(errs.String(), "masq: hint: ")
			if code != 2 || !strings.Contains(e, c.want) || !strings.Contains(h, c.todo) || h == "" {
				t.Errorf("code %d: %s", code, &errs)
			}
		})
	}
}

// TestBadSettingsExitWith2: what the environment and the file say is looked at as flags are.
func TestBadSettingsExitWith2(t *testing.T) {
	for name, value := range map[string]string{
		"MASQ_SYNC_ADDRESS_JOINED": "many", "MASQ_SYNC_DRAIN_DELAY": "soon", "MASQ_SYNC_LOG_JSON": "perhaps",
		"MASQ_SYNC_LIMIT_PING_MS": "-1", "MASQ_SYNC_LIMIT_JOIN_MS": "0", "MASQ_SYNC_LIMIT_DEAD_MS": "1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if code := exitsWith(t, "sync-server", "--listen", "127.0.0.1:0"); code != 2 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}
