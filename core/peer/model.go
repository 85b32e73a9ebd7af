package peer

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"strconv"

	"github.com/masqdev/masq/core/internal/clock"
	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/session"
	"github.com/masqdev/masq/core/wire"
)

// Engine is one device. The zero value is not ready: use New.
type Engine struct {
	cfg     Config
	rand    io.Reader
	clock   clock.Clock // all timers are in its engine time
	out     *Actions    // of the Step that runs
	replied bool        // in the Step that runs

	led   *ledger.Ledger
	state state
	err   Code  // why state is failed
	over  bool  // and Failed has been asked for
	early []*Op // operations that came before the engine was open

	openedAt Millis // when the first Step after opening was
	dialling bool   // others are dialled; see quiet

	commits    commits
	trouble    trouble
	fullness   fullness
	idle       idle
	copies     copies
	self       self
	circle     *domain      // nil: this device is by itself, or an application peer
	namespaces []*namespace // by number
	apps       map[string]*namespace
	awake      []*namespace // to which something has happened; see wake
	devices    []*device    // of all domains
	ran        runningDays  // this one
	places     places
	pairing    *pairingRun
	invites    inviteGuard

	conns           map[uint32]connUser
	lastConn        uint32
	lastReplication uint32
	offline         bool // the driver says so
	day             dayTime
	tally           uint64    // changes with what other devices are known to have, and which there are
	syncErr         Code      // why sync has stopped for good, if it has
	unsavedRosters  bool      // of some domain
	stale           []*domain // in which this device has revoked others, and nothing goes by that yet: see refreshStale
	tendAt          Millis    // when the namespaces' rosters are to be tended; 0: that is done
	reliefAt        Millis    // when that is to be done in another device's place
	relief          relief    // and in which turn
	suspect         *device   // whose doing the engine is about
	late            bool      // another device waits for what a crash could yet take
	hurriedAt       Millis    // when that was last made durable though nobody here waited
	closing         *Op       // Shutdown, waiting for its commit

	looks    looks
	status   Status
	statusAt Millis
	revision uint64       // of what the status tells
	reported uint64       // the revision that the last status told
	sent     bool         // a status has been sent
	ops      uint64       // how many operations have come
	pumps    uint64       // how often a flow was looked at for what to send
	hearing  []*namespace // of which others are to be told
}

type state uint8

const (
	unopened state = iota
	opening
	open
	failed
)

// connUser is what stands behind a connection: a channel to a device, or a pairing.
type connUser interface {
	opened()
	frame(data []byte)
	pong()
	closed(code uint16)
}

// self is this device: its keys and its name.
type self struct {
	ik   ed25519.PrivateKey
	nk   *ecdh.PrivateKey
	name string
}

// domain is a trust domain: the devices that go by one roster, and have one secret to find each other by. It is the circle, whose
// devices have every namespace, or a namespace's application peers with the full devices. A local store is in its circle, and in a
// domain for each namespace that has application peers; an application peer is in one domain and no circle.
type domain struct {
	e         *Engine
	namespace *namespace // nil: the circle
	secret    [32]byte
	root      []byte   // the entropy behind the recovery key, on the device that founded the circle; else empty
	ns        [32]byte // in an application peer: the namespace's name, which it cannot compute
	roster    *roster.Roster
	told      [][32]byte // the roster's heads when the sessions that stand were last told what is new
	unsaved   bool       // the roster has changed since it was last written
}

// namespace is a namespace on this device: its replica, what waits to be done to it, and who watches it.
type namespace struct {
	e       *Engine
	num     uint16
	app     string
	name    string     // the application's, for people
	on      bool       // it is synced at all
	gone    bool       // it was dropped: there is no data, and nothing is synced until the application is added again
	off     [][32]byte // the iks of devices of the circle that it is not synced with
	rep     *replica.Replica
	copy    *freshCopy         // that is being taken; nil: none
	was     []*replica.Replica // before trouble, while the engine opens again
	retired *replica.Replica   // the one before a copy took its place, until that is in storage
	untrue  bool               // a copy took its place, which was told, and taken back
	peers   *domain            // its application peers; nil if there never were any

	named   [32]byte // its name among devices of the circle namedBy
	namedBy *domain

	waking   bool   // it is in awake
	happened uint64 // how often something has: the queue, the replica, or a flow may have changed
	begun    uint64 // of that, what the commit in flight has
	stored   uint64 // and what is in storage for good
	looked   look

	queue    []task // in order: what waits for blocks holds back what comes after it, so operations on a key keep their order
	watches  []*watch
	shown    []shown // of what is not committed, in order
	flying   int     // how many of those are in the commit in flight
	wrong    []shown // and will never be: to be set right
	foreign  Millis  // when a record of another device last arrived
	brought  Millis  // the same, if its writer's device has sent it and is a full one; else 0
	lag      Millis  // how much longer this device waits then before it forwards
	hearing  hearing // what the others are to be told of devices that have taken what they were sent
	own      uint64  // position after the last record written here
	moving   bool    // it is being made another circle's: no sync until that is done
	limit    uint64  // its quota in bytes; 0: what Config says
	sweeping sweeping
	counted  forCheckpoint // what fullness and idle have of it
	lacks    uint64        // bytes for which there was no room when this was last written to; 0: there was
}

// device is another device of a domain: how to reach it, and how far it has got.
type device struct {
	e      *Engine
	domain *domain
	ik     [32]byte
	nk     [32]byte
	kind   uint8
	name   string
	pair   *session.Pair
	adds   *pendingAdd // it is being paired: its ADD is signed when the first session stands
	place  bool        // see places
	claims bool        // it was reachable when places were given
	family [32]byte    // the ik of the application peer through which it came in; else its own
	crowd  float64     // how many others of its family have such a claim, and it
	number float64     // in the turn, see byTurn

	outdated   bool   // it said so when it was last met
	replacedAt Millis // when a socket to it was last replaced

	channels []*channel   // at most two: today's channel and, near the change of day, its neighbour
	repl     *replication // while one of the channels has a session

	progress  []*progress              // for each namespace that something is known of
	byName    map[*namespace]*progress // the same
	standing  standing                 // in all namespaces together
	lastHeard Millis
	unsaved   bool

	run       uint64 // on how many days this device had run when it was last heard, or got known
	known     Millis // wall time when it got known
	uncounted bool   // the two are unsaved
	overdue   bool   // it was not heard for long
}

// progress is how far a device has got with a namespace.
type progress struct {
	namespace *namespace
	have      wire.Vector // what it is known to have durably
	acked     uint64      // position in this device's log up to which it has everything durably
	heard     bool        // it has sent all that it has since this start
	whole     bool        // and since this device has the writer that it has: see elsewhere
	theirs    bool        // it syncs it with this device, as it said since this start
	declined  bool        // it does not, as it said last: nothing of it is to be sent there
	full      bool        // it has no room for more of it, as it said in the last session
	unsaved   bool
	savedAt   Millis   // in this run
	standing  standing // as it counts in the device's

	differing Millis // since when it is known to hold something else with the same vector; 0: it is not
	differs   bool   // and that has lasted
}

// channel is one relay channel to a device: a connection to the Sync Server, and on it the attempts and the session of one session.Conn.
type channel struct {
	relayConn
	d       *device
	day     uint64
	key     ed25519.PrivateKey
	sess    *session.Conn // while the connection stands
	present bool          // the other side is at the channel
	m1By    Millis        // by when it is to have begun, if it is the initiator
	upAt    Millis        // when the session came up
	moved   bool          // the session has moved data
	said    said          // since the other side came
}

// replication is what two devices say to each other in a session: rosters first, then namespaces, then vectors, then data both ways
// until one leaves. The field calls that anti-entropy. See core/PROTOCOL.md, "Inside the session".
type replication struct {
	via  *channel
	d    *device
	e    *Engine
	id   uint32 // marks records that came by it
	dead bool

	held      bool   // the roster is not to be told yet
	heldHeads []byte // the other side's heads meanwhile

	sentDone, gotDone bool
	listed            bool
	gotList           bool             // the other side has listed its namespaces
	theirs            []wire.Namespace // as it did
	theirPlace        map[[32]byte]int // in theirs, of a name; the first, if it says one twice
	ours              map[[32]byte]*namespace
	oursOf            int     // of how many namespaces that is
	flows             []*flow // one for each namespace that both sync
	byNumber          map[uint16]*flow
	byNamespace       map[*namespace]*flow
	busy              []*flow // those that may have something to say
	unready           int     // how many wait for the other's VECTOR
	wantsRoom         bool    // one of them was refused something, or refused it

	waits Millis // since when the other side is to begin; 0: it has begun
	came  int    // bytes of frames

	credit credit
	queue  [][]byte // messages for the next flush
	frames [][]byte // reused
}

// flow is one namespace within a session: a cursor over this device's log, and how far the other's has been taken.
type flow struct {
	repl      *replication
	namespace *namespace
	rep       *replica.Replica // the namespace's when the session began, or a fresh copy
	p         *progress        // of the other device
	number    uint16           // the other's number for it

	announced uint64            // the revision of the writers that the other side has been told of
	said      map[uint64]uint64 // and of each, below which block its numbers are; nil: none yet
	met       uint64            // of this device's log, what the other knew or had been sent when it said what it says now
	disowned  bool              // it sent a record in this device's name that this device has not written
	lacking   bool              // something that came was not believed: the cursor stays where it is
	doubted   bool              // nor was all of some END
	retracted bool              // this side has told it a vector that is no longer true

	busy  bool        // it is in the session's busy
	ready bool        // the other's VECTOR is here: sending may begin
	begun bool        // the other has been sent all that there was
	anew  bool        // it lacks what it was known to have
	peer  wire.Vector // what the other has, or will have once it has taken what was sent
	pos   uint64      // the cursor
	dirty bool        // DATA went out since the last END
	ends  []sentEnd   // not acknowledged yet
	ended wire.Vector // what the last END amounted to, with those before it

	base   wire.Vector // what this device had when the other's VECTOR came
	spread wire.Vector // of what the other has, what the others in session were told
	given  wire.Vector // what this device has said by ACK to have
	by     *flow       // another full device's, which tells the other of this device; nil: none
	byHas  wire.Vector // what that has said that the other has
	owing  Millis      // since when HAVE waits for that; 0: it does not

	told      wire.Vector      // what the other knows this device to have durably
	toldAt    Millis           // when HAVE was last sent
	receiving bool             // DATA came since the last END
	refused   uint64           // bytes that were more than there is room for: no more is taken in this session; 0: none
	stopped   bool             // the other has no room: no more is sent in this session
	stored    uint64           // bytes that this side had stored then
	fullAt    Millis           // when either was
	taken     int              // bytes since the cursor was last saved
	theirLog  wire.Incarnation // the incarnation of the other's log

	theirSum     *wire.Sum   // what the other said last that it holds; nil: nothing yet
	theirSumOf   wire.Vector // with what vector
	theirClaims  wire.Vector // what its ENDs have said, stored there or not
	theirSaid    wire.Vector // what it has said in this session that it has stored, by ACK, too
	theirSumSaid wire.Vector // what that was then
	ownSum       *wire.Sum   // what this side held when that was last looked at
	ownSumAt     Millis      // and since when
	weighed      bool        // these two have been compared
	saidSum      wire.Sum    // the last own sum that the other was told, or that was found to be its own
	toldSum      wire.Sum    // the last that was told itself
	asked        bool        // the other side told its sum again
}

type sentEnd struct {
	pos uint64
	vec wire.Vector
}

func (e *Engine) publicIK() [32]byte { return [32]byte(e.self.ik.Public().(ed25519.PublicKey)) }

func (e *Engine) publicNK() [32]byte { return [32]byte(e.self.nk.PublicKey().Bytes()) }

func (e *Engine) isStore() bool { return e.cfg.App == "" }

func (e *Engine) kind() uint8 {
	if e.isStore() {
		return roster.Store
	}
	return roster.Embedded
}

// home is the domain that this device belongs to: its circle, or, in an application peer, its namespace's. Nil: it is by itself.
func (e *Engine) home() *domain {
	if e.circle != nil || e.isStore() || len(e.namespaces) == 0 {
		return e.circle
	}
	return e.namespaces[0].peers
}

// domains are the circle and those of the namespaces' application peers.
func (e *Engine) domains() []*domain {
	var out []*domain
	if e.circle != nil {
		out = append(out, e.circle)
	}
	for _, n := range e.namespaces {
		if n.peers != nil {
			out = append(out, n.peers)
		}
	}
	return out
}

// namespaceOf is the namespace of an application, nil if there is none; an embedded store has one for everything.
func (e *Engine) namespaceOf(app string) *namespace {
	if !e.isStore() && len(e.namespaces) > 0 {
		return e.namespaces[0]
	}
	return e.apps[app]
}

func (e *Engine) deviceOf(nk [32]byte) *device {
	for _, d := range e.devices {
		if d.nk == nk {
			return d
		}
	}
	return nil
}

func (e *Engine) deviceByID(id string) *device {
	for _, d := range e.devices {
		if d.id() == id {
			return d
		}
	}
	return nil
}

// out reports whether this device was shut out of the domain.
func (dom *domain) out() bool { return dom.roster.Revoked(dom.e.publicIK()) }

// in reports whether this device is a member; else it was granted the domain and not added yet, or it is out.
func (dom *domain) in() bool { return dom.member(dom.e.publicIK()) }

func (dom *domain) member(ik [32]byte) bool { return dom.roster.Has(ik) }

// guest reports whether this device is in the domain as an application peer.
func (dom *domain) guest() bool { return dom.ns != [32]byte{} }

func (n *namespace) number() string { return strconv.Itoa(int(n.num)) }

// shares reports whether the device has to do with the namespace: those of the circle have with all.
func (d *device) shares(n *namespace) bool {
	return d.domain.namespace == nil || d.domain.namespace == n
}

func (d *device) member() bool { return d.domain.member(d.ik) }

func (d *device) id() string { return deviceID(d.ik) }

func deviceID(ik [32]byte) string { return base64.RawURLEncoding.EncodeToString(ik[:]) }
