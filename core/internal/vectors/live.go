package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/session"
)

const patience = 30 * time.Second

// live has the second implementation meet a Go peer at a running Sync Server, once on each side.
func live(python, masq string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	host, stop, err := syncServer(ctx, masq)
	if err != nil {
		return fmt.Errorf("masq: error: %w\nmasq: hint: make binary builds %s", err, masq)
	}
	defer stop()
	for _, initiator := range []bool{true, false} {
		if err := meet(ctx, python, host, initiator); err != nil {
			return fmt.Errorf("a session with the second implementation: %w", err)
		}
	}
	return nil
}

// syncServer starts a Sync Server and returns its host with the port.
func syncServer(ctx context.Context, masq string) (host string, stop func(), err error) {
	cmd := exec.CommandContext(ctx, masq, "sync-server", "--listen", "127.0.0.1:0", "--json")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	var up struct{ Listen string }
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &up)
	}
	if err != nil {
		stop()
		return "", nil, err
	}
	return up.Listen, stop, nil
}

// A device is one of the circle, with its keys.
type device struct {
	ik ed25519.PrivateKey
	nk *ecdh.PrivateKey
	roster.Member
}

func newDevice(name string) device {
	_, ik, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	nk, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // likewise
	}
	return device{ik: ik, nk: nk, Member: roster.Member{
		IK: [32]byte(ik.Public().(ed25519.PublicKey)), NK: [32]byte(nk.PublicKey().Bytes()), Kind: roster.Store, Name: name,
	}}
}

// A circle is two devices, Go's and Python's, and what each knows: Go's of a third one that Python does not know yet.
type circle struct {
	own, other device
	secret     [32]byte
	roster     *roster.Roster
	known      [][]byte // what Python knows of it
}

func newCircle(initiator bool) (*circle, error) {
	c := &circle{own: newDevice("Go"), other: newDevice("Python")}
	if bytes.Compare(c.other.NK[:], c.own.NK[:]) < 0 != initiator {
		c.own.nk, c.other.nk = c.other.nk, c.own.nk
		c.own.NK, c.other.NK = c.other.NK, c.own.NK
	}
	rand.Read(c.secret[:])
	var err error
	if c.roster, err = roster.New(c.own.ik, [32]byte{1}, c.own.Member, nil); err != nil {
		return nil, err
	}
	for _, d := range []device{c.other, newDevice("A third")} {
		c.known = c.roster.Behind(nil)
		if _, err := c.roster.SignAdd(c.own.ik, d.Member, roster.Accept(d.ik, c.roster.ID(), d.Member)); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// meet is one session. initiator is Python's side of it.
func meet(ctx context.Context, python, host string, initiator bool) error {
	c, err := newCircle(initiator)
	if err != nil {
		return err
	}
	pair, err := session.NewPair(session.Keys{Self: c.own.nk, Peer: c.other.NK, Secret: c.secret})
	if err != nil {
		return err
	}
	now := uint64(time.Now().UnixMilli())
	p := &peer{circle: c, pair: pair, key: pair.ChannelKey(pair.Day(now)), host: host, ended: make(chan error, 1)}
	if err := p.dial(); err != nil {
		return err
	}
	defer p.socket.NetConn().Close()
	said, err := runSecond(ctx, python, c, host, now)
	if err != nil {
		return err
	}
	select {
	case err = <-p.ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	return c.agree(said, initiator)
}

// says is what the second implementation says at the end.
type says struct {
	Peer                   string
	Initiator              bool
	Heads, Members, Relays []string
}

// runSecond runs the second implementation.
func runSecond(ctx context.Context, python string, c *circle, host string, now uint64) (says, error) {
	entries := []string{}
	for _, e := range c.known {
		entries = append(entries, hex.EncodeToString(e))
	}
	given, err := json.Marshal(map[string]any{
		"host": host, "prefix": "", "now": now, "ik_seed": hex.EncodeToString(c.other.ik.Seed()), "nk_private": hex.EncodeToString(c.other.nk.Bytes()),
		"peer_nk": hex.EncodeToString(c.own.NK[:]), "circle_secret": hex.EncodeToString(c.secret[:]), "roster": entries,
		"relays": []string{"wss://relay.example"},
	})
	if err != nil {
		return says{}, err
	}
	cmd := exec.CommandContext(ctx, python, "-B", filepath.Join(second, "live.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(given), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return says{}, err
	}
	var s says
	return s, json.Unmarshal(out, &s)
}

// agree checks that both say the same at the end.
func (c *circle) agree(s says, initiator bool) error {
	var heads, members []string
	for _, id := range c.roster.Heads() {
		heads = append(heads, hex.EncodeToString(id[:]))
	}
	for _, m := range c.roster.Members() {
		members = append(members, hex.EncodeToString(m.IK[:]))
	}
	slices.Sort(members)
	switch {
	case s.Peer != "Go" || s.Initiator != initiator:
		return errors.New("it met somebody else")
	case len(heads) != 2 || !slices.Equal(heads, s.Heads) || len(members) != 3 || !slices.Equal(members, s.Members):
		return fmt.Errorf("the rosters differ: %d heads and %d members here, %d and %d there", len(heads), len(members), len(s.Heads), len(s.Members))
	case len(s.Relays) != 1 || !slices.Equal(s.Relays, c.roster.Relays()):
		return errors.New("its own entry was not taken")
	}
	return nil
}
