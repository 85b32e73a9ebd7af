package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/relay/conformance"
	"github.com/masqdev/masq/core/relay/native"
)

func TestRecorder(t *testing.T) {
	var file bytes.Buffer
	r := &recorder{file: &file}
	r.flipIn(2)
	for i, want := range []string{"abc", "acc", "abc"} {
		if got := r.tap(0, []byte("abc")); string(got) != want {
			t.Errorf("frame %d became %q", i, got)
		}
	}
	if want := "\x00\x00\x00\x03abc\x00\x00\x00\x03abc\x00\x00\x00\x03abc"; file.String() != want {
		t.Errorf("wrote %q", &file)
	}
	if c := r.counts(); c.Frames != 3 || c.Bytes != 9 || c.Flipped != 1 {
		t.Errorf("%+v", c)
	}
}

func TestOutage(t *testing.T) {
	s := &outage{addr: "127.0.0.1:0", make: func() server { return native.New(native.Options{}) }}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	h := controls(&recorder{}, s)
	ask := func(path string) (c counts, status int) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, nil))
		json.Unmarshal(w.Body.Bytes(), &c)
		return c, w.Code
	}
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, c := range []struct {
		path      string
		status    int
		listening bool
	}{
		{"/counts", 200, true}, {"/stop", 200, false}, {"/stop", 200, false}, {"/start", 200, true}, {"/start", 200, true},
		{"/flip?n=3", 200, true}, {"/flip?n=0", 400, false}, {"/flip?n=x", 400, false}, {"/stop", 200, false},
	} {
		got, status := ask(c.path)
		if status != c.status || got.Listening != c.listening {
			t.Errorf("%s: %d %+v", c.path, status, got)
		}
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("an outage leaves a connection alone")
	}
	if c, err := net.Dial("tcp", s.addr); err == nil {
		c.Close()
		t.Error("listens during an outage")
	}
}

// TestOutageIsSudden: nobody hears that the other side has left before being cut off too.
func TestOutageIsSudden(t *testing.T) {
	s := &outage{addr: "127.0.0.1:0", make: func() server {
		return native.New(native.Options{Loopback: native.AddressLimits{Waiting: 1_000}})
	}}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	var all []*conformance.Client
	for range 50 {
		k := client.NewKey()
		x := conformance.Join(t, "ws://"+s.addr, k, 0)
		x.Want("JOINED false")
		y := conformance.Join(t, "ws://"+s.addr, k, 1)
		y.Want("JOINED true")
		x.Want("PEER true")
		all = append(all, x, y)
	}
	s.stop()
	for _, c := range all {
		c.Want("closed 0")
	}
}
