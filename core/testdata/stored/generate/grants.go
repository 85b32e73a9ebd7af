//go:build ignore

package main

import (
	"bytes"
	"fmt"

	"github.com/masqdev/masq/core/localstore"
	"github.com/masqdev/masq/core/peer"
)

// grants has a local store run on the disk, let in a page and a program, refuse another, and end.
func grants(h *harness, n *node) {
	n.off()
	s := localstore.New(localstore.Config{Peer: n.config(), Port: 6277, Version: commit})
	var queue []localstore.Event
	var speaks uint32 // who has called last
	var said []byte   // the last that it was told
	request := 0
	step := func(ev localstore.Event) {
		for queue = append(queue, ev); len(queue) > 0; {
			var out localstore.Actions
			ev, queue = queue[0], queue[1:]
			s.Step(h.now, ev, &out)
			for _, a := range out.List {
				switch a := a.(type) {
				case peer.Commit:
					queue = append(queue, localstore.Peer{Event: peer.Committed{Err: n.disk.Commit(a.Changes, a.Durability)}})
				case peer.Load:
					queue = append(queue, localstore.Peer{Event: peer.Loaded{Blocks: must(n.disk.Load(a.IDs))}})
				case peer.Dial:
					queue = append(queue, localstore.Peer{Event: peer.Closed{Conn: a.Conn}})
				case localstore.ClientSend:
					if bytes.Contains(a.Data, []byte(`"error"`)) && !bytes.Contains(a.Data, []byte("E_DENIED")) {
						panic(string(a.Data))
					}
					if a.Client == speaks {
						said = a.Data
					}
				}
			}
		}
	}
	calls := uint32(0)
	say := func(client uint32, method, params string) []byte {
		calls, speaks, said = calls+1, client, nil
		step(localstore.ClientMessage{Client: client, Data: fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, calls, method, params)})
		return said
	}
	ask := func(client uint32, origin, app string) {
		request++
		introduce(func(method, params string) []byte { return say(client, method, params) }, h.rand, origin, app)
	}
	step(localstore.Peer{Event: peer.Start{Blocks: must(n.disk.List())}})
	const admin, page, program, stranger = 1, 2, 3, 4
	step(localstore.ClientOpened{Client: admin, Who: localstore.Who{Kind: localstore.Admin}})
	step(localstore.ClientOpened{Client: page, Who: localstore.Who{Kind: localstore.Web, Origin: notes}})
	ask(page, notes, `{"name":"Notes","description":"Keeps notes","url":"`+notes+`/app"}`)
	say(admin, "allow", fmt.Sprintf(`{"request":%d}`, request))
	say(admin, "grant", `{"id":"`+photos+`","name":"Photos"}`)
	for range 3 { // after three it is blocked
		step(localstore.ClientOpened{Client: stranger, Who: localstore.Who{Kind: localstore.Web, Origin: "https://stranger.example"}})
		ask(stranger, "https://stranger.example", `{"name":"Stranger"}`)
		say(admin, "refuse", fmt.Sprintf(`{"request":%d}`, request))
		step(localstore.ClientClosed{Client: stranger})
	}
	say(admin, "put", `{"app":"`+photos+`","key":"by/program","value":{"n":1}}`)
	say(admin, "put", `{"app":"org.masq.cli","key":"from/command line","value":"yes"}`)
	h.now += 1000
	step(localstore.Stop{})
	n.cut = true
	n.on()
}
