package localstore

import (
	"bytes"
	"maps"
	"slices"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/roster"
)

// What applications and the manager are told. Their JSON is the API.

// appStatus is what an application is told of syncing: counts, no names.
type appStatus struct {
	App       string    `json:"app,omitempty"` // for an Admin, who may follow several
	Store     string    `json:"store"`
	Sync      string    `json:"sync"`
	Error     peer.Code `json:"error,omitempty"`
	Entries   uint64    `json:"entries"`
	ToSend    uint64    `json:"toSend"` // to the device that lacks most
	ToReceive bool      `json:"toReceive"`
	Recovery  bool      `json:"recovery"`
	Devices   int       `json:"devices"`           // others that sync this application with this computer
	Online    int       `json:"online"`            // of them
	UpToDate  int       `json:"upToDate"`          // of them: they have everything
	Full      bool      `json:"full"`              // this store has no room for what they would send, or for what was written last
	FullThere int       `json:"fullThere"`         // of them: they have no room for what they lack
	Damaged   int       `json:"damaged,omitempty"` // keys whose values cannot be read
}

type stateRequest struct {
	Request     uint32 `json:"request"`
	App         string `json:"app"`
	Origin      string `json:"origin"` // who asks
	Name        string `json:"name"`
	Description string `json:"description"`
	Icon        string `json:"icon"`
	Again       bool   `json:"again"`
	Digits      string `json:"digits"`  // as the page that asks knows them
	Typing      bool   `json:"typing"`  // the user is to type them there, which has not been done
	Allowed     bool   `json:"allowed"` // the user has said yes, and is to type them still
	Program     string `json:"program,omitempty"`
	Agent
	Asked   uint64 `json:"asked"`
	Expires uint64 `json:"expires"`
}

type stateBlocked struct {
	App string `json:"app"`
}

type stateToken struct {
	ID      string `json:"id"`
	Program string `json:"program,omitempty"`
	Agent
	Since     uint64 `json:"since"`
	LastUsed  uint64 `json:"lastUsed"`
	Connected int    `json:"connected"`
}

type stateAppDevice struct {
	ID        string `json:"id"`
	On        bool   `json:"on"`
	Theirs    bool   `json:"theirs"`
	ToSend    uint64 `json:"toSend"`
	ToReceive bool   `json:"toReceive"`
	Full      bool   `json:"full"`
	Differs   bool   `json:"differs"`
}

type stateDevice struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Online    bool   `json:"online"`
	LastHeard uint64 `json:"lastHeard"`
	ToSend    uint64 `json:"toSend"`
	ToReceive bool   `json:"toReceive"`
	Full      bool   `json:"full"`
	Differs   bool   `json:"differs"`
	Overdue   bool   `json:"overdue"`
}

// stateDamaged is what cannot be read of an application.
type stateDamaged struct {
	Keys  int      `json:"keys"`
	Names []string `json:"names"`
}

type stateApp struct {
	App         string           `json:"app"`
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Icon        string           `json:"icon"`
	Native      bool             `json:"native"`
	Allowed     bool             `json:"allowed"`
	On          bool             `json:"on"`
	Entries     uint64           `json:"entries"`
	Bytes       uint64           `json:"bytes"`
	Stored      uint64           `json:"stored"`
	Quota       uint64           `json:"quota"`
	Mending     bool             `json:"mending"`
	Restored    bool             `json:"restored"`
	Full        bool             `json:"full"`
	Damaged     *stateDamaged    `json:"damaged,omitempty"`
	LastUsed    uint64           `json:"lastUsed"`
	Connected   int              `json:"connected"`
	Tokens      []stateToken     `json:"tokens"`
	Devices     []stateAppDevice `json:"devices"`
	Peers       []stateDevice    `json:"peers"`
}

type statePairing struct {
	Pairing uint32    `json:"pairing"`
	Role    string    `json:"role"`
	App     string    `json:"app,omitempty"`
	Link    string    `json:"link,omitempty"`
	Step    string    `json:"step"`
	Digits  string    `json:"digits,omitempty"`
	Name    string    `json:"name,omitempty"`
	Expires uint64    `json:"expires"`
	HasData bool      `json:"hasData,omitempty"`
	Error   peer.Code `json:"error,omitempty"`
}

type stateSelf struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type state struct {
	Version  string         `json:"version"`
	Port     uint16         `json:"port,omitempty"`
	Name     string         `json:"name"`
	Sync     string         `json:"sync"`
	Error    peer.Code      `json:"error,omitempty"`
	Relays   []string       `json:"relays"`
	Bytes    uint64         `json:"bytes,omitempty"`
	Recovery bool           `json:"recovery"`
	Copied   bool           `json:"copied,omitempty"`
	Left     *int           `json:"left,omitempty"`
	Requests []stateRequest `json:"requests"`
	Blocked  []stateBlocked `json:"blocked"`
	Apps     []stateApp     `json:"apps"`
	Devices  []stateDevice  `json:"devices"`
	Self     stateSelf      `json:"self"`
	Pairing  *statePairing  `json:"pairing"`
}

var syncNames = [...]string{peer.SyncOff: "off", peer.SyncConnecting: "connecting", peer.SyncWaiting: "waiting", peer.SyncOnline: "online"}

func syncName(s peer.Sync) string {
	if int(s) < len(syncNames) {
		return syncNames[s]
	}
	return "off"
}

// appNow is what the engine says of an application, nil if it knows none.
func (s *Store) appNow(app string) *peer.AppStatus {
	for i := range s.status.Apps {
		if s.status.Apps[i].App == app {
			return &s.status.Apps[i]
		}
	}
	return nil
}

// appStatus makes an application's status.
func (s *Store) appStatus(app string, named bool) []byte {
	st := appStatus{Store: "local", Sync: "off", Error: s.trouble(), Recovery: s.status.RecoverySet}
	if named {
		st.App = app
	}
	if a := s.appNow(app); a != nil {
		st.Entries, st.Full, st.Damaged = a.Entries, a.Full, a.Damaged.Keys
		if a.On {
			st.Sync = syncName(s.status.Sync)
		}
		for _, d := range a.Devices {
			if d.On && d.Theirs {
				st.count(s.online(d.ID), d.ToSend, d.ToReceive, d.Full)
			}
		}
		for _, d := range a.Peers {
			st.count(d.Online, d.ToSend, d.ToReceive, d.Full)
		}
	}
	return encode(st)
}

func (st *appStatus) count(online bool, toSend uint64, toReceive, full bool) {
	st.Devices++
	if online {
		st.Online++
	}
	if toSend == 0 {
		st.UpToDate++
	}
	if full {
		st.FullThere++
	}
	st.ToSend = max(st.ToSend, toSend)
	st.ToReceive = st.ToReceive || toReceive
}

// online reports whether a device of the circle is connected.
func (s *Store) online(id string) bool {
	return slices.ContainsFunc(s.status.Devices, func(d peer.Device) bool { return d.ID == id && d.Online })
}

func (s *Store) tellStatus(k *call, p *params) {
	app := k.target(p)
	if !k.right(p) {
		return
	}
	c := k.c
	if len(c.statuses) >= maxWatches {
		k.fail(peer.EBusy)
		return
	}
	if c.statuses == nil {
		c.statuses = map[string][]byte{}
	}
	c.statuses[app] = s.appStatus(app, c.who.Kind == Admin)
	k.result(c.statuses[app])
}

// tellState returns the whole State, of which the connection hears from then on.
func (s *Store) tellState(k *call, p *params) {
	if k.right(p) {
		k.c.state = encode(s.state())
		k.result(k.c.state)
	}
}

// tellManagers tells those who asked what has changed, not too often.
func (s *Store) tellManagers() {
	if !s.dirty {
		return
	}
	var now []byte
	waiting := false
	s.eachClient(func(c *client) {
		if c.state == nil || waiting {
			return
		}
		if now == nil {
			if waiting = !s.clock.Due(s.toldAt + stateEvery); waiting {
				return
			}
			now = encode(s.state())
		}
		if !bytes.Equal(now, c.state) {
			c.state = now
			c.notify("state", now)
		}
	})
	if s.dirty = waiting; now != nil {
		s.toldAt = s.clock.Now()
	}
}

// trouble is why the store does not work, or else why it does not sync; "" if nothing is wrong.
func (s *Store) trouble() peer.Code {
	if s.broken != peer.OK {
		return s.broken
	}
	return s.status.Err
}

func (s *Store) state() state {
	st := state{
		Version: s.cfg.Version, Port: s.cfg.Port, Name: s.status.Self.Name, Sync: syncName(s.status.Sync), Error: s.trouble(),
		Relays: append([]string{}, s.status.Relays...), Bytes: s.disk, Recovery: s.status.RecoverySet, Copied: s.status.Copied,
		Requests: []stateRequest{}, Blocked: []stateBlocked{}, Apps: []stateApp{}, Devices: stateDevices(s.status.Devices),
		Self: stateSelf{s.status.Self.ID, s.status.Self.Name},
	}
	if left := s.status.Left; left < peer.EnoughLeft {
		st.Left = &left
	}
	for _, r := range s.pending {
		if r.keys != nil {
			st.Requests = append(st.Requests, r.state())
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(s.refused)) {
		if s.refused[owner] >= maxRefusals {
			st.Blocked = append(st.Blocked, stateBlocked{owner})
		}
	}
	ids := map[string]bool{}
	for id := range s.apps {
		ids[id] = true
	}
	for _, a := range s.status.Apps {
		ids[a.App] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		st.Apps = append(st.Apps, s.stateApp(id))
	}
	if p := s.pairing; p != nil {
		st.Pairing = p.state()
	}
	return st
}

func (r *request) state() stateRequest {
	st := stateRequest{
		Request: r.num, App: r.app, Origin: r.owner, Name: r.about.Name, Description: r.about.Description, Icon: r.about.Icon,
		Again: r.again, Digits: r.keys.Digits, Typing: r.typing && !r.typed, Allowed: r.allowed,
		Agent: r.c.agent, Asked: r.asked, Expires: r.expires,
	}
	if !isOrigin(r.owner) {
		st.Program = r.owner
	}
	return st
}

func (s *Store) stateApp(id string) stateApp {
	st := stateApp{App: id, Native: !isOrigin(id), Tokens: []stateToken{}, Devices: []stateAppDevice{}, Peers: []stateDevice{}}
	if a := s.appNow(id); a != nil {
		st.Name, st.On, st.Entries, st.Bytes, st.Peers = a.Name, a.On, a.Entries, a.Bytes, stateDevices(a.Peers)
		st.Stored, st.Quota, st.Full = a.Stored, a.Quota, a.Full
		if d := a.Damaged; d.Keys > 0 {
			st.Damaged = &stateDamaged{Keys: d.Keys, Names: append([]string{}, d.Names...)}
		}
		st.Mending, st.Restored = a.Mending, a.Restored
		for _, d := range a.Devices {
			st.Devices = append(st.Devices, stateAppDevice(d))
		}
	}
	if a := s.apps[id]; a != nil {
		st.Name, st.Description, st.Icon = a.Name, a.Description, a.Icon
		st.Allowed = id == commandLine // which needs no token
	}
	for _, t := range s.tokensOf(id) {
		one := stateToken{ID: t.id, Agent: t.Agent, Since: t.Since, LastUsed: t.LastUsed, Connected: s.connected(t)}
		if !isOrigin(t.Owner) {
			one.Program = t.Owner
		}
		st.Allowed = true
		st.Connected += one.Connected
		st.LastUsed = max(st.LastUsed, t.LastUsed)
		st.Tokens = append(st.Tokens, one)
	}
	return st
}

// connected is how many connections a token has let in.
func (s *Store) connected(t *token) int {
	n := 0
	for _, c := range s.clients {
		if c.token == t {
			n++
		}
	}
	return n
}

func stateDevices(in []peer.Device) []stateDevice {
	out := make([]stateDevice, 0, len(in))
	for _, d := range in {
		kind := "embedded"
		if d.Kind == roster.Store {
			kind = "store"
		}
		out = append(out, stateDevice{d.ID, d.Name, kind, d.Online, d.LastHeard, d.ToSend, d.ToReceive, d.Full, d.Differs, d.Overdue})
	}
	return out
}
