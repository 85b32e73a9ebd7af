package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

const (
	maxNodes     = 8
	checkTimeout = 10 * time.Second
)

// parseNodes reads -sync.
func parseNodes(text string) (nodes []*url.URL, err error) {
	if text == "" {
		return nil, nil
	}
	for address := range strings.SplitSeq(text, ",") {
		u, err := url.Parse(address)
		if err != nil || !roster.SafeRelay(address) || len(nodes) == maxNodes {
			return nil, fmt.Errorf("%q is no address of a Sync Server\nhint: up to %d, each like wss://sync.example.org, or ws:// on this computer", address, maxNodes)
		}
		nodes = append(nodes, u)
	}
	return nodes, nil
}

// check looks whether a node is a Sync Server that takes devices which dial host.
func check(ctx context.Context, node *url.URL, host string) error {
	ctx, stop := context.WithTimeout(ctx, checkTimeout)
	defer stop()
	key := client.NewKey() // a channel of nobody's
	c, err := client.Dial(ctx, node.String(), client.ChannelPath(key), client.Options{Host: host, Timeout: checkTimeout})
	if noSocket := (*client.DialError)(nil); errors.As(err, &noSocket) {
		return fmt.Errorf("no Sync Server is at %s: %v\nhint: start one there, or check the address", node, err)
	}
	if err == nil {
		defer c.Close()
		_, err = c.Join(ctx, key, 0)
	}
	code := wire.RelayCode(0)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, wire.RelayEAuth):
		return fmt.Errorf("the Sync Server at %s takes only devices that dial a name of its own, and those of a test dial %s\n"+
			"hint: start it without --host, or with --host localhost too (a Worker: MASQ_HOSTS)", node, host)
	case c != nil && errors.As(err, &code):
		return fmt.Errorf("%s lets no device in: %v\nhint: masq doctor --sync %[1]s looks closer", node, code)
	}
	return fmt.Errorf("%s does not answer as a Sync Server: %v\nhint: masq doctor --sync %[1]s looks closer", node, err)
}
