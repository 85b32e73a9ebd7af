//go:build ignore

package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/masqdev/masq/core/peer"
)

const (
	spare   = "wss://sync.example.org"
	manager = "http://localhost:6277/"
	notes   = "https://notes.example"
	todo    = "https://todo.example"
	photos  = "org.example.photos"

	begin = 1_793_500_000_000 // 2026-11-01
)

// scale is how much there is of what the story has.
type scale struct {
	entries        int // written together
	starts         int // of Desk, while Laptop does not hear of them
	commits        int // of Desk, before its large value
	picture        int // bytes of values
	thumbnail      int
	large          int
	browserCommits int // of Chromium, before its large value
	browserLarge   int
}

// lastEntry is the last of the entries.
var lastEntry = fmt.Sprintf("many/%03d", amounts.entries-1)

// noise is bytes that do not compress, the same for a name.
func noise(name string, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(b)
	return b
}

// contents is what every device's application begins with.
func contents(n *node, app string) {
	n.write(app, put("note/1", `{"title":"Groceries","done":false,"n":1.5}`))
	n.write(app, put("note/2", `"plain text — ünïcödé 🦊"`), putBytes("picture", noise("picture", amounts.picture)), putBytes("empty", nil))
	n.write(app, put("list", `[1,[2,{"three":null}],true]`), put("\u00e9/\u4e2d", `0`), put(strings.Repeat("k", 1024), `"the longest key"`))
	n.write(app, put("gone/early", `1`), put("gone/late", `1`), put("gone/back", `1`))
	n.write(app, del("gone/early"))
	var batch []peer.Write
	for i := range amounts.entries {
		batch = append(batch, put(fmt.Sprintf("many/%03d", i), fmt.Sprintf(`{"i":%d,"text":"entry number %d"}`, i, i)))
	}
	n.write(app, batch...)
	n.write(app, put("many/007", `"written again"`), del("many/100"))
}

// disagree has devices write the same keys without hearing of each other, so that versions stand beside each other.
func (h *harness) disagree(app map[*node]string, devices ...*node) {
	for _, n := range devices {
		n.offline(true)
	}
	for i, n := range devices {
		n.write(app[n], put("conflict", fmt.Sprintf(`"of %s"`, n.name)))
		if i == 0 {
			n.write(app[n], del("conflict/deleted"))
		} else {
			n.write(app[n], put("conflict/deleted", fmt.Sprintf(`"kept by %s"`, n.name)))
		}
		h.wait(1000)
	}
	for _, n := range devices {
		n.offline(false)
	}
	last := devices[len(devices)-1]
	last.write(app[last], put("settled", "true"))
	h.until("all have all versions", func() bool {
		for _, n := range devices {
			if len(n.do(app[n], peer.Conflicts{Key: "conflict"}).Entries) != len(devices)-1 || n.get(app[n], "settled") == "" {
				return false
			}
		}
		return true
	})
}

// stores is the story of a user's stores and of what is paired with them.
func stores(h *harness) (saved []*node) {
	desk, laptop, lost := h.add("Desk", ""), h.add("Laptop", ""), h.add("Lost", "")
	desk.do(notes, peer.AddApp{Name: "Notes"})
	desk.do(todo, peer.AddApp{Name: "Todo"})
	desk.do(photos, peer.AddApp{Name: "Photos"})
	contents(desk, notes)
	desk.write(todo, put("task/1", `{"what":"water the plants"}`), put("task/2", `{"what":"call"}`))
	desk.write(photos, putBytes("thumbnail", noise("thumbnail", amounts.thumbnail)))
	h.pair(desk, laptop, "", manager)
	h.pair(desk, lost, "", manager)
	h.until("first copies", func() bool { return laptop.get(notes, lastEntry) != "" && lost.get(notes, lastEntry) != "" })
	lost.write(notes, put("from/lost", `"before it was lost"`))

	phone, tablet := h.add("Phone", notes), h.add("Tablet", todo)
	h.pair(desk, phone, notes, notes+"/")
	h.pair(desk, tablet, todo, todo+"/")
	tablet.write("", put("from/tablet", `1`))
	h.until("first copies of peers", func() bool {
		return phone.get("", "from/lost") != "" && laptop.get(todo, "from/tablet") != "" && lost.get(todo, "from/tablet") != ""
	})

	desk.again() // the second start
	desk.write(notes, put("start/2", `2`), put("conflict/deleted", `0`))
	h.wait(2000)
	h.until("all are back", func() bool { return laptop.get(notes, "start/2") != "" && phone.get("", "start/2") != "" })
	h.disagree(map[*node]string{desk: notes, laptop: notes}, desk, laptop, phone)

	desk.do("", peer.Rename{Name: "Desk, renamed"})
	desk.do("", peer.SetRelays{URLs: []string{server, spare}})
	desk.do("", peer.Revoke{Device: lost.id()})
	desk.do(todo, peer.RevokeOf{})
	desk.do(photos, peer.Prefer{Device: laptop.id(), On: false})
	laptop.do(todo, peer.Prefer{On: false})
	h.until("told", func() bool { return lost.status.Err == peer.ERevoked && len(laptop.status.Relays) == 2 })
	h.wait(5000)

	laptop.offline(true) // for good: what is deleted from here on is held back
	for i := range amounts.starts {
		desk.again()
		desk.write(notes, put("starts", fmt.Sprint(i+1)))
	}
	phone.write("", put("from/phone", `"on the way"`), put("gone/back", `"written again"`))
	h.until("desk has the phone's", func() bool { return desk.get(notes, "from/phone") != "" })
	phone.off()
	desk.write(notes, del("gone/late"), del("gone/back"), del("many/000"))
	laptop.write(notes, put("from/laptop", `"not sent yet"`), put("many/001", `"of the laptop"`))
	desk.write(notes, put("many/001", `"of the desk"`))

	desk.again() // the third start
	desk.write(notes, put("start/3", `3`))
	for i := range amounts.commits {
		desk.write(todo, put("counter", fmt.Sprint(i)))
	}
	desk.write(photos, putBytes("large", noise("large", amounts.large)))
	h.wait(5000)
	desk.write(photos, del("thumbnail"), put("after", `"the checkpoint"`))
	desk.write(notes, put("after", `"the checkpoint"`), del("many/002"), put("many/003", `"after the checkpoint"`))

	late := h.add("Late", "") // both have said yes, and it has left before the first session
	invite, _ := h.meet(desk, late, "", manager)
	h.until("granted", func() bool { return desk.pairing[invite].Step == peer.Paired })
	late.offline(true)
	desk.offline(true)
	for _, n := range []*node{desk, laptop, phone, late} {
		if n.e == nil {
			n.cut = true
			n.on()
		}
	}
	h.wait(1000)
	grants(h, desk)
	return []*node{desk, laptop, phone, lost, late}
}

// browsers is the story of an application's embedded stores, which are a circle of their own.
func browsers(h *harness) []*node {
	a, b, gone := h.add("Chromium", notes), h.add("Firefox", notes), h.add("Gone", notes)
	contents(a, "")
	h.pair(a, b, "", notes+"/")
	h.pair(a, gone, "", notes+"/")
	h.until("first copies", func() bool { return b.get("", lastEntry) != "" && gone.get("", lastEntry) != "" })
	a.again()
	a.write("", put("start/2", `2`), put("conflict/deleted", `0`))
	h.until("told", func() bool { return b.get("", "start/2") != "" && gone.get("", "start/2") != "" })
	h.disagree(map[*node]string{}, a, b, gone)
	a.do("", peer.Revoke{Device: gone.id()})
	h.until("out", func() bool { return gone.status.Err == peer.ERevoked && len(b.status.Devices) == 1 })
	b.offline(true)
	a.write("", del("gone/late"), del("many/000"))
	b.write("", put("from/firefox", `"not sent yet"`), put("many/001", `"of Firefox"`))
	a.again()
	for i := range amounts.browserCommits { // so many commits: a checkpoint follows
		a.write("", put("counter", fmt.Sprint(i)))
	}
	a.write("", putBytes("large", noise("large in a browser", amounts.browserLarge)))
	h.wait(5000)
	a.again()
	a.write("", put("start/4", `4`), put("many/001", `"of Chromium"`), del("gone/back"))
	a.offline(true)
	h.wait(1000)
	return []*node{a, b}
}
