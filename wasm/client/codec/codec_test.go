package codec

import (
	_ "embed"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// golden holds lines of a name, a space and a message in hex. js/test/codec.test.ts reads the same file.
//
//go:embed testdata/codec.txt
var golden string

func goldens(t testing.TB) map[string][]byte {
	out := map[string][]byte{}
	for line := range strings.Lines(golden) {
		name, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatalf("testdata/codec.txt, %s: %v", name, err)
		}
		out[name] = b
	}
	return out
}

var config = peer.Config{
	Key: [32]byte{1, 2, 31: 32}, App: "https://notes.example", Name: "Jürgen’s laptop",
	Sync: []string{"wss://a.example", "ws://localhost:6280/x"}, URL: "https://notes.example/app",
}

var events = map[string]peer.Event{
	"event.start":          peer.Start{Blocks: []storage.ID{storage.Manifest, storage.Log | 7, storage.Page | (1<<48 - 1)}},
	"event.start.empty":    peer.Start{Blocks: []storage.ID{}},
	"event.opened":         peer.Opened{Conn: 1<<32 - 1},
	"event.frame":          peer.Frame{Conn: 3, Data: []byte{0, 1, 255}},
	"event.closed":         peer.Closed{Conn: 3, Code: 4008},
	"event.tick":           peer.Tick{},
	"event.committed":      peer.Committed{},
	"event.committed.1":    peer.Committed{Err: storage.ErrExists},
	"event.committed.2":    peer.Committed{Err: storage.ErrQuota},
	"event.committed.3":    peer.Committed{Err: errStorage},
	"event.loaded":         peer.Loaded{Blocks: []storage.Block{{ID: storage.Log | 1, Data: []byte("x")}, {ID: 2}, {ID: 3, Data: []byte{}}}},
	"event.loaded.failed":  peer.Loaded{Blocks: []storage.Block{}, Err: errStorage},
	"event.offline":        peer.Offline{},
	"event.online":         peer.Online{},
	"event.pong":           peer.Pong{Conn: 9},
	"event.op.get":         &peer.Op{ID: 5<<32 | 1, Client: 5, Do: peer.Get{Key: "ключ"}},
	"event.op.list":        &peer.Op{ID: 5<<32 | 2, Client: 5, Do: peer.List{Prefix: "a/", Gte: "a/1", Lt: "a/9", After: "a/2", Reverse: true, KeysOnly: true, Limit: 1<<32 - 1}},
	"event.op.conflicts":   &peer.Op{ID: 5<<32 | 1, Client: 5, Do: peer.Conflicts{Key: "ключ"}},
	"event.op.watch":       &peer.Op{ID: 5<<32 | 3, Client: 5, Do: peer.Watch{Prefix: "a/", Since: 1<<53 - 1}},
	"event.op.unwatch":     &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Unwatch{Target: 5<<32 | 3}},
	"event.op.invite":      &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Invite{URL: "https://notes.example/app"}},
	"event.op.join":        &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Join{Link: "https://x.example/#masq=1.AA"}},
	"event.op.confirm":     &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Confirm{Target: 5<<32 | 3, Bring: true}},
	"event.op.discard":     &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Confirm{Target: 5<<32 | 3, Discard: true}},
	"event.op.cancel":      &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Cancel{Target: 5<<32 | 3}},
	"event.op.shutdown":    &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Shutdown{}},
	"event.op.rename":      &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Rename{Name: "Téléphone"}},
	"event.op.count":       &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Count{Prefix: "a/", Gte: "a/1", Lt: "a/9"}},
	"event.op.revoke":      &peer.Op{ID: 5<<32 | 4, Client: 5, Do: peer.Revoke{Device: "AA"}},
	"event.op.batch":       &peer.Op{ID: 1<<64 - 1, Client: 1<<32 - 1, Do: peer.Batch{Relaxed: true, Writes: []peer.Write{{Key: "a", Kind: wire.JSON, Value: []byte("null")}, {Key: "b", Kind: wire.Bytes, Value: []byte{}}, {Key: "c", Value: []byte{}}}}},
	"event.op.byteordered": &peer.Op{ID: 5<<32 | 5, Client: 5, Do: peer.Get{Key: "\ufeffmark"}},
}

var actions = map[string]peer.Action{
	"action.reply":           peer.Reply{Op: 5<<32 | 1},
	"action.reply.error":     peer.Reply{Op: 5<<32 | 1, Err: peer.EQuota},
	"action.reply.damaged":   peer.Reply{Op: 5<<32 | 1, Err: peer.EDamaged, Damaged: []string{"k"}},
	"action.reply.entries":   peer.Reply{Op: 5<<32 | 2, More: true, Number: 1<<53 - 1, Text: "https://x.example/#masq=1.AA", Entries: []peer.Entry{{Key: "ключ", Kind: wire.JSON, Value: []byte(`"v"`)}, {Key: "\ufeffmark", Kind: wire.Bytes}}},
	"action.changed":         peer.Changed{Watch: 5<<32 | 3, Position: 4097, Changes: []peer.Change{{Key: "a", Kind: wire.JSON, Value: []byte("1"), HadValue: true, PrevKind: wire.Bytes, Previous: []byte{9}, Others: 2, Client: 5}, {Key: "b", Device: "Téléphone"}}},
	"action.status":          peer.StatusChanged{Status: peer.Status{Sync: peer.SyncOnline, Entries: 2700, Damaged: peer.Damaged{Keys: 2}, RecoverySet: true, Copied: true, Err: peer.EVersion, Self: peer.Device{ID: "me", Name: "Laptop"}, Devices: []peer.Device{{ID: "p", Name: "Phone", Online: true, LastHeard: 1700000000000, ToSend: 3, ToReceive: true, Full: true, Overdue: true}}}},
	"action.status.alone":    peer.StatusChanged{},
	"action.status.offline":  peer.StatusChanged{Status: peer.Status{Sync: peer.SyncOffline}},
	"action.pairing":         peer.PairingState{Op: 5<<32 | 4, Step: peer.Compare, Digits: "012345", Name: "Phone", Expires: 1700000060000, HasData: true},
	"action.pairing.offline": peer.PairingState{Op: 5<<32 | 4, Step: peer.Waiting, Expires: 1700000300000, HasData: true, Offline: true},
	"action.pairing.failed":  peer.PairingState{Op: 5<<32 | 4, Step: peer.PairFailed, Err: peer.EDenied},
	"action.dial":            peer.Dial{Conn: 1, URL: "wss://a.example/v1/channel/AA"},
	"action.send":            peer.Send{Conn: 1, Data: []byte{2, 0, 255}},
	"action.ping":            peer.Ping{Conn: 1},
	"action.hangup":          peer.Hangup{Conn: 1},
	"action.commit":          peer.Commit{Durability: storage.Relaxed, Changes: storage.Commit{After: storage.Log | 5, Adds: []storage.Block{{ID: storage.Log | 7, Data: []byte("log")}}, Puts: []storage.Block{{ID: storage.Manifest, Data: []byte("m")}, {ID: storage.Segment | 1}}, Dels: []storage.ID{storage.Log | 6}}},
	"action.load":            peer.Load{IDs: []storage.ID{storage.Page | (1<<48 - 1), 0}},
	"action.wakeat":          peer.WakeAt{At: 1700000000000},
	"action.failed":          peer.Failed{Err: peer.EFenced},
}

func TestEvents(t *testing.T) {
	files := goldens(t)
	var in Input
	if err := Parse(files["event.config"], &in); err != nil || !reflect.DeepEqual(*in.Config, config) || len(in.Events) != 0 {
		t.Errorf("event.config: %v, %+v", err, in.Config)
	}
	for name, want := range events {
		err := Parse(files[name], &in)
		if err != nil || in.Config != nil || len(in.Events) != 1 || !reflect.DeepEqual(in.Events[0], want) {
			t.Errorf("%s: %v\n got %#v\nwant %#v", name, err, in.Events, want)
		}
	}
}

func TestActions(t *testing.T) {
	files := goldens(t)
	for name, a := range actions {
		if got := Append([]byte{42}, a)[1:]; !reflect.DeepEqual(got, files[name]) {
			t.Errorf("%s %x", name, got)
		}
	}
	if want := len(events) + len(actions) + 1; len(files) != want {
		t.Errorf("testdata/codec.txt has %d messages, the tests %d", len(files), want)
	}
}

func TestManyAtOnce(t *testing.T) {
	files := goldens(t)
	var in Input
	b := append(append(append([]byte{}, files["event.config"]...), files["event.start"]...), files["event.tick"]...)
	if err := Parse(b, &in); err != nil || in.Config == nil || len(in.Events) != 2 {
		t.Errorf("three messages: %v, %d events", err, len(in.Events))
	}
	if err := Parse(nil, &in); err != nil || in.Config != nil || len(in.Events) != 0 {
		t.Errorf("none: %v, %+v", err, in)
	}
}

// What a frame or a value was parsed from is overwritten by the next step.
func TestParseKeepsNothingOfItsInput(t *testing.T) {
	files := goldens(t)
	for _, name := range []string{"event.frame", "event.loaded", "event.op.batch", "event.op.list"} {
		var in Input
		b := append([]byte{}, files[name]...)
		if err := Parse(b, &in); err != nil {
			t.Fatal(name, err)
		}
		clear(b)
		if !reflect.DeepEqual(in.Events[0], events[name]) {
			t.Errorf("%s changed with its input", name)
		}
	}
}

func TestCutAndLongInput(t *testing.T) {
	var in Input
	for name, b := range goldens(t) {
		if !strings.HasPrefix(name, "event.") {
			continue
		}
		for n := 1; n < len(b); n++ {
			if Parse(b[:n], &in) == nil {
				t.Errorf("%s cut to %d bytes is taken", name, n)
			}
		}
		long := append(append([]byte{}, b...), 0)
		long[4]++
		if name != "event.frame" && Parse(long, &in) == nil {
			t.Errorf("%s with a byte more is taken", name)
		}
	}
	for _, b := range [][]byte{{0, 0, 0, 0, 0}, {99, 0, 0, 0, 0}, {eventStart, 0, 0, 0, 4, 255, 255, 255, 255}} {
		if Parse(b, &in) == nil {
			t.Errorf("%x is taken", b)
		}
	}
}

func FuzzParse(f *testing.F) {
	for name, b := range goldens(f) {
		if strings.HasPrefix(name, "event.") {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var in Input
		if err := Parse(b, &in); err != nil && err != wire.ErrMalformed {
			t.Errorf("unexpected error %v", err)
		}
	})
}
