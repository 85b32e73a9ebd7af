package conformance

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/masqdev/masq/core/relay/native"
)

// TestServer checks the server at MASQ_CONFORMANCE_URL (and at MASQ_CONFORMANCE_OTHER, another node), or the native one.
func TestServer(t *testing.T) {
	g := Target{
		URL: os.Getenv("MASQ_CONFORMANCE_URL"), Other: os.Getenv("MASQ_CONFORMANCE_OTHER"), NoCaps: os.Getenv("MASQ_CONFORMANCE_NOCAPS") != "",
	}
	if g.URL == "" {
		g.URL = serve(t, native.Options{})
	}
	Run(t, g)
}

// TestTwoNodes has the parties of every channel on two nodes, with NATS between them.
func TestTwoNodes(t *testing.T) {
	opt := native.Options{NATS: natsServer(t)}
	Run(t, Target{URL: serve(t, opt), Other: serve(t, opt)})
}

// serve runs a native server and returns its URL.
func serve(t *testing.T, opt native.Options) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opt.Loopback.Waiting = 1000 // all the tests come from one address
	opt.Limits.Slow = 2_000
	s := native.New(opt)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for end := time.Now().Add(Patience); !s.Ready() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	return "ws://" + l.Addr().String()
}

func natsServer(t *testing.T) string {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(Patience) {
		t.Fatal("NATS does not start")
	}
	return s.ClientURL()
}
