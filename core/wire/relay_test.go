package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func relayFrames() []RelayFrame {
	sig := [64]byte{1, 2, 63: 64}
	return []RelayFrame{
		{Type: RelayData, Body: []byte{}},
		{Type: RelayData, Body: []byte("body")},
		{Type: RelayData, Body: make([]byte, MaxFrame-1)},
		{Type: RelayHello, Version: 1, Nonce: [32]byte{1, 31: 9}, Time: 1_800_000_000_000},
		{Type: RelayHello, Version: 1, Limits: []RelayLimit{{LimitFrameBytes, 65536}, {99, 1<<32 - 1}}},
		{Type: RelayJoin, Side: 1, Sig: sig},
		{Type: RelayJoined},
		{Type: RelayJoined, Present: true},
		{Type: RelayPeer, Present: true},
		{Type: RelayErr, Code: RelayEFrame},
		{Type: RelayErr, Code: 200},
		{Type: RelayRestarting, ReconnectIn: 1000, TryFor: 1 << 31},
		{Type: RelayPair, Side: 1},
	}
}

func TestRelayFramesComeBack(t *testing.T) {
	for _, f := range relayFrames() {
		b := AppendRelay(nil, &f)
		got, err := ParseRelay(b)
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("type %d: got %+v, %v", f.Type, got, err)
		}
		if f.Type == RelayData {
			continue // of any length
		}
		if _, err := ParseRelay(append(b, 0)); err == nil {
			t.Errorf("type %d: taken with a byte left over", f.Type)
		}
		if _, err := ParseRelay(b[:len(b)-1]); err == nil {
			t.Errorf("type %d: taken with a byte too few", f.Type)
		}
	}
}

func malformedFrames() map[string][]byte {
	hello := AppendRelay(nil, &RelayFrame{Type: RelayHello, Version: 1})
	twice := append(append(bytes.Clone(hello), 1, 0, 0, 0, 1), 1, 0, 0, 0, 2)
	return map[string][]byte{
		"nothing":       {},
		"unknown type":  {8, 1},
		"side 2":        {byte(RelayPair), 2},
		"present 2":     {byte(RelayPeer), 2},
		"too long":      make([]byte, MaxFrame+1),
		"limit twice":   twice,
		"HELLO, no end": {byte(RelayHello)},
	}
}

func TestRelayRefuses(t *testing.T) {
	for name, b := range malformedFrames() {
		if _, err := ParseRelay(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, err := ParseRelay([]byte{byte(RelayHello), 2, 'w', 'h', 'a', 't', 'e', 'v', 'e', 'r'})
	if err != nil || f.Version != 2 {
		t.Errorf("another version's HELLO: %+v, %v", f, err)
	}
}

func TestRelayBytes(t *testing.T) {
	for want, f := range map[string]RelayFrame{
		"0301":               {Type: RelayJoined, Present: true},
		"0504":               {Type: RelayErr, Code: RelayECrowded},
		"06000003e80000ea60": {Type: RelayRestarting, ReconnectIn: 1000, TryFor: 60000},
		"0700":               {Type: RelayPair},
		"00616263":           {Type: RelayData, Body: []byte("abc")},
	} {
		if got := hex.EncodeToString(AppendRelay(nil, &f)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRelayCodes(t *testing.T) {
	for c, want := range map[RelayCode]string{RelayEVersion: "E_VERSION", RelayEFrame: "E_FRAME", 0: "E_0", 77: "E_77"} {
		if c.String() != want {
			t.Errorf("code %d: %s", c, c)
		}
	}
	if c, ok := RelayCodeOf(RelayESlow.CloseCode()); !ok || c != RelayESlow || RelayESlow.CloseCode() != 4007 {
		t.Error("close code of E_SLOW")
	}
	for _, code := range []uint16{0, 1000, 1006, 4000, 4256} {
		if _, ok := RelayCodeOf(code); ok {
			t.Errorf("%d taken for the Sync Server's", code)
		}
	}
}

func TestJoinSignature(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	channel := [32]byte(key.Public().(ed25519.PublicKey))
	nonce := [32]byte{1}
	sig := SignJoin(key, "sync.example.org", nonce, 1)
	if !VerifyJoin(channel, "sync.example.org", nonce, 1, sig[:]) {
		t.Fatal("a good signature does not hold")
	}
	for name, held := range map[string]bool{
		"host":  VerifyJoin(channel, "sync.example.com", nonce, 1, sig[:]),
		"port":  VerifyJoin(channel, "sync.example.org:8443", nonce, 1, sig[:]),
		"nonce": VerifyJoin(channel, "sync.example.org", [32]byte{2}, 1, sig[:]),
		"chan":  VerifyJoin([32]byte{3}, "sync.example.org", nonce, 1, sig[:]),
		"side":  VerifyJoin(channel, "sync.example.org", nonce, 0, sig[:]),
		"short": VerifyJoin(channel, "sync.example.org", nonce, 1, sig[:63]),
		"long":  VerifyJoin(channel, strings.Repeat("h", 1<<16), nonce, 1, sig[:]),
	} {
		if held {
			t.Errorf("a signature holds for another %s", name)
		}
	}
	want := "masq-relay/1\x00\x01h" + string(nonce[:]) + string(channel[:]) + "\x01"
	if got := JoinMessage("h", nonce, channel, 1); string(got) != want {
		t.Errorf("signed bytes: %x", got)
	}
}

func badPaths() []string {
	c, m := ChannelPath([32]byte{0: 0xff, 31: 1}), PairPath([16]byte{15: 2})
	return []string{
		NewNameplatePath, "/v1/pair/7K", "/v1/pair/7k2", "/v1/pair/7I2", "/v1/pair/000000000", "/v1/pair/7*2", "/v1/channel/7K2", "7K2",
		"", "/", "/v1/channel/", "/v1/pair/", c[1:], c + "/", c[:len(c)-1], c + "A", m + "=",
		"/v1/channel/" + m[len("/v1/pair/"):], "/v1/pair/" + c[len("/v1/channel/"):],
		c[:len(c)-1] + "F",                 // bits left over in the last character
		c[:len(c)-2] + "\n" + c[len(c)-1:], // the decoder would skip a line break
		c[:len(c)-3] + "+/A",               // the other alphabet
		"/v1/CHANNEL/" + c[len("/v1/channel/"):],
	}
}

func TestRelayPaths(t *testing.T) {
	channel, mailbox := [32]byte{0: 0xff, 31: 1}, [16]byte{15: 2}
	c, m := ChannelPath(channel), PairPath(mailbox)
	for _, p := range []string{"", "/sync", "/a/v1/b"} {
		if k, name := ParseRelayPath(p + c); k != ChannelKind || !bytes.Equal(name, channel[:]) {
			t.Errorf("channel below %q: %d %x", p, k, name)
		}
		if k, name := ParseRelayPath(p + m); k != PairKind || !bytes.Equal(name, mailbox[:]) {
			t.Errorf("mailbox below %q: %d %x", p, k, name)
		}
	}
	for _, n := range []string{"7K2", "00000000"} {
		if k, name := ParseRelayPath("/sync" + NameplatePath(n)); k != NameplateKind || string(name) != n {
			t.Errorf("nameplate %s: %d %s", n, k, name)
		}
	}
	for _, p := range badPaths() {
		if k, _ := ParseRelayPath(p); k != 0 {
			t.Errorf("taken: %q", p)
		}
	}
}

func TestLoopbackHosts(t *testing.T) {
	for _, h := range []string{"localhost", "LOCALHOST:80", "notes.localhost:6280", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:6280", "::1"} {
		if !IsLoopbackHost(h) {
			t.Errorf("%s is a loopback name", h)
		}
	}
	for _, h := range []string{"", ":", ":80", "localhost.example.org", "127.0.0.1.example.org", "127.1", "127.0.0.01", "128.0.0.1", "::2", "[::2]:1", "localhost:1:2", "127.0.0.256"} {
		if IsLoopbackHost(h) {
			t.Errorf("%s is no loopback name", h)
		}
	}
}

func FuzzParseRelay(f *testing.F) {
	for _, fr := range relayFrames() {
		if len(fr.Body) < 100 {
			f.Add(AppendRelay(nil, &fr))
		}
	}
	f.Add([]byte{byte(RelayHello), 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := ParseRelay(b)
		if err != nil || fr.Type == RelayHello && fr.Version != RelayVersion {
			return
		}
		if got := AppendRelay(nil, &fr); !bytes.Equal(got, b) {
			t.Errorf("%x became %x", b, got)
		}
	})
}

func FuzzParseRelayPath(f *testing.F) {
	f.Add(ChannelPath([32]byte{1}))
	f.Add("/x" + PairPath([16]byte{1}))
	f.Add("/v1/channel/\n")
	f.Fuzz(func(t *testing.T, p string) {
		switch k, name := ParseRelayPath(p); k {
		case ChannelKind:
			if !strings.HasSuffix(p, ChannelPath([32]byte(name))) {
				t.Errorf("%q is not in its one form", p)
			}
		case PairKind:
			if !strings.HasSuffix(p, PairPath([16]byte(name))) {
				t.Errorf("%q is not in its one form", p)
			}
		}
	})
}

func FuzzHostName(f *testing.F) {
	f.Add("[::1]:1")
	f.Add(":")
	f.Fuzz(func(t *testing.T, h string) {
		if !strings.HasPrefix(h, HostName(h)) {
			t.Errorf("%q", h)
		}
		IsLoopbackHost(h)
	})
}
