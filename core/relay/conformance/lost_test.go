package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/masqdev/masq/core/relay/native"
)

// The kinds of nodes' messages that the tests have get lost; package relay says what is in them.
const (
	nodeData = 3
	nodeSaid = 8
)

// lossyNATS is a way to NATS on which some of what a node publishes gets lost, without anybody being told.
type lossyNATS struct {
	addr string
	lose atomic.Pointer[func(payload []byte) bool] // says which; nil: nothing
}

func newLossyNATS(t *testing.T, to string) *lossyNATS {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	t.Cleanup(func() { l.Close() })
	k := &lossyNATS{addr: l.Addr().String()}
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", to)
			if err != nil {
				here.Close()
				continue
			}
			go func() { io.Copy(here, there); here.Close() }()
			go func() { k.pass(there, bufio.NewReader(here)); there.Close() }()
		}
	}()
	return k
}

// pass passes on what a node says to NATS: lines, and behind each PUB so many bytes.
func (k *lossyNATS) pass(to io.Writer, from *bufio.Reader) error {
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return err
		}
		words := strings.Fields(line)
		var payload []byte
		if len(words) > 0 && words[0] == "PUB" {
			var n int
			fmt.Sscan(words[len(words)-1], &n)
			payload = make([]byte, n+len("\r\n"))
			if _, err := io.ReadFull(from, payload); err != nil {
				return err
			}
		}
		if lose := k.lose.Load(); lose != nil && len(payload) > 0 && (*lose)(payload) {
			continue
		}
		if _, err := to.Write(append([]byte(line), payload...)); err != nil {
			return err
		}
	}
}

// losing has the next message of each of these kinds get lost, in this order, and then closes what it returns.
func (k *lossyNATS) losing(kinds ...byte) <-chan struct{} {
	lost := make(chan struct{})
	lose := func(payload []byte) bool {
		if len(kinds) == 0 || payload[0] != kinds[0] {
			return false
		}
		if kinds = kinds[1:]; len(kinds) == 0 {
			close(lost)
		}
		return true
	}
	k.lose.Store(&lose)
	return lost
}

// TestLostBetweenNodes: a frame that NATS loses shows to both sides as a gap, even when nothing is sent behind it.
func TestLostBetweenNodes(t *testing.T) {
	nats := natsServer(t)
	way := newLossyNATS(t, strings.TrimPrefix(nats, "nats://"))
	g := Target{URL: serve(t, native.Options{NATS: "nats://" + way.addr}), Other: serve(t, native.Options{NATS: nats})}
	for _, c := range []struct {
		name string
		lost []byte
		ping bool
	}{
		{"the last frame", []byte{nodeData}, false},
		{"the last frame and what reminds of it", []byte{nodeData, nodeSaid}, true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			x, y := couple(t, g)
			x.Data("one")
			y.Want("DATA one")
			lost := way.losing(c.lost...)
			x.Data("two")
			<-lost
			if c.ping {
				x.None()
			}
			y.Want("PEER false", "PEER true")
			x.Want("PEER true")
			x.Data("three")
			y.Want("DATA three")
		})
	}
}
