package wire

import (
	"crypto/ed25519"
	"encoding/base64"
	"strconv"
	"strings"
)

// Subprotocol is the WebSocket subprotocol of the Sync Server.
const Subprotocol = "masq.relay.v1"

// RelayVersion is the version in HELLO.
const RelayVersion = 1

// The text frames that keep a connection awake: a browser cannot send WebSocket's own pings.
const (
	PingText = "ping"
	PongText = "pong"
)

// RelayType is the first byte of a relay frame; core/PROTOCOL.md, "The Sync Server".
type RelayType uint8

// The frames, with the fields of RelayFrame that each has and its length in bytes, type byte included.
const (
	RelayData       RelayType = 0 // Body: 1 to MaxFrame
	RelayHello      RelayType = 1 // Version, Nonce, Time, Limits: 42 + 5 for each limit
	RelayJoin       RelayType = 2 // Side, Sig: 66
	RelayJoined     RelayType = 3 // Present: 2
	RelayPeer       RelayType = 4 // Present: 2
	RelayErr        RelayType = 5 // Code: 2
	RelayRestarting RelayType = 6 // ReconnectIn, TryFor: 9
	RelayPair       RelayType = 7 // Side: 2
)

// MaxJoin is how many bytes what a connection may begin with has at most: a JOIN, a PAIR or PingText.
const MaxJoin = 2 + ed25519.SignatureSize

// RelayFrame is any one frame between a device and the Sync Server. Fields that its Type does not have are zero.
type RelayFrame struct {
	Type    RelayType
	Body    []byte // DATA; ParseRelay returns a part of its input
	Version uint8  // HELLO; when it is not RelayVersion, nothing else of HELLO is parsed
	Nonce   [32]byte
	Time    uint64 // the server's clock, Unix ms
	Limits  []RelayLimit
	Side    uint8 // 0 or 1; in PAIR 0 is the host, 1 the joiner
	Sig     [ed25519.SignatureSize]byte
	Present bool // whether the other side is there
	Code    RelayCode

	ReconnectIn uint32 // ms to wait before dialling again
	TryFor      uint32 // ms for which to go on trying
}

// RelayLimit is a limit as HELLO announces it. Unknown ids are ignored.
type RelayLimit struct {
	ID    RelayLimitID
	Value uint32
}

// RelayLimitID says which limit.
type RelayLimitID uint8

// The limits that HELLO announces; the defaults are relay.Limits'.
const (
	LimitFrameBytes  RelayLimitID = 1 // bytes of a frame, type byte included
	LimitJoin        RelayLimitID = 2 // ms until JOIN or PAIR
	LimitPing        RelayLimitID = 3 // ms between the pings that the server expects
	LimitDead        RelayLimitID = 4 // ms of silence after which a connection is dead
	LimitQueueBytes  RelayLimitID = 5 // bytes queued for a receiver
	LimitSlow        RelayLimitID = 6 // ms in which a receiver takes LimitSlowBytes, or all that is queued
	LimitBytesPerSec RelayLimitID = 7 // bytes a second from a connection; above it, reading is delayed
	LimitMailbox     RelayLimitID = 8 // ms that a mailbox lives

	LimitSlowBytes    RelayLimitID = 9
	LimitTotalBytes   RelayLimitID = 10 // bytes of messages held in memory, over all connections
	LimitAddressBytes RelayLimitID = 11 // bytes of messages held in memory, over those of an address
)

// RelayCode says in ERR why the server closes a connection. The WebSocket close code is CloseBase + RelayCode.
type RelayCode uint8

// The Sync Server's error codes; core/PROTOCOL.md, "Errors".
const (
	RelayEVersion  RelayCode = 1
	RelayEAuth     RelayCode = 2 // JOIN's signature does not hold, or the host is not one of the server's
	RelayEExpired  RelayCode = 3 // no JOIN in time, silent for too long, or the mailbox's time is over
	RelayECrowded  RelayCode = 4 // that side of the mailbox is taken
	RelayERate     RelayCode = 5 // too many connections from this address
	RelayETooBig   RelayCode = 6 // a frame over the limit
	RelayESlow     RelayCode = 7 // took too little for too long
	RelayEReplaced RelayCode = 8 // a newer connection took this side
	RelayEFrame    RelayCode = 9 // a malformed frame, one out of place, or a text frame that is not PingText
)

// CloseBase is what RelayCode counts from in a WebSocket close code.
const CloseBase = 4000

var relayCodeNames = [...]string{
	RelayEVersion: "E_VERSION", RelayEAuth: "E_AUTH", RelayEExpired: "E_EXPIRED", RelayECrowded: "E_CROWDED",
	RelayERate: "E_RATE", RelayETooBig: "E_TOOBIG", RelayESlow: "E_SLOW", RelayEReplaced: "E_REPLACED",
	RelayEFrame: "E_FRAME",
}

// String is the code's name, E_ and a word.
func (c RelayCode) String() string {
	if int(c) < len(relayCodeNames) && relayCodeNames[c] != "" {
		return relayCodeNames[c]
	}
	return "E_" + strconv.Itoa(int(c))
}

// Error makes a RelayCode an error; it is the same as String.
func (c RelayCode) Error() string { return c.String() }

// CloseCode is the WebSocket close code that goes with c.
func (c RelayCode) CloseCode() uint16 { return CloseBase + uint16(c) }

// RelayCodeOf is the RelayCode in a WebSocket close code, false if that is not one of the Sync Server's.
func RelayCodeOf(closeCode uint16) (RelayCode, bool) {
	if closeCode <= CloseBase || closeCode > CloseBase+255 {
		return 0, false
	}
	return RelayCode(closeCode - CloseBase), true
}

// AppendRelay appends f in its one form. It panics on a body over MaxFrame-1 bytes or an unknown type: a caller's bug.
func AppendRelay(b []byte, f *RelayFrame) []byte {
	b = append(b, byte(f.Type))
	switch f.Type {
	case RelayData:
		mustFit(len(f.Body), MaxFrame-1)
		return append(b, f.Body...)
	case RelayHello:
		b = append(append(b, f.Version), f.Nonce[:]...)
		b = AppendU64(b, f.Time)
		for _, l := range f.Limits {
			b = AppendU32(append(b, byte(l.ID)), l.Value)
		}
		return b
	case RelayJoin:
		return append(append(b, f.Side), f.Sig[:]...)
	case RelayJoined, RelayPeer:
		return append(b, flag(f.Present))
	case RelayErr:
		return append(b, byte(f.Code))
	case RelayRestarting:
		return AppendU32(AppendU32(b, f.ReconnectIn), f.TryFor)
	case RelayPair:
		return append(b, f.Side)
	}
	panic("wire: unknown relay frame")
}

// ParseRelay parses one frame, at most MaxFrame bytes. Its Body aliases b.
func ParseRelay(b []byte) (RelayFrame, error) {
	if len(b) == 0 || len(b) > MaxFrame {
		return RelayFrame{}, ErrMalformed
	}
	f := RelayFrame{Type: RelayType(b[0])}
	r := NewReader(b[1:])
	switch f.Type {
	case RelayData:
		f.Body = b[1:]
		return f, nil
	case RelayHello:
		if f.Version = r.U8(); f.Version != RelayVersion && r.Err() == nil {
			return f, nil // another version's HELLO goes on as that version likes
		}
		readHello(&r, &f)
	case RelayJoin:
		f.Side = readSide(&r)
		copy(f.Sig[:], r.Bytes(len(f.Sig)))
	case RelayJoined, RelayPeer:
		f.Present = readSide(&r) == 1
	case RelayErr:
		f.Code = RelayCode(r.U8())
	case RelayRestarting:
		f.ReconnectIn, f.TryFor = r.U32(), r.U32()
	case RelayPair:
		f.Side = readSide(&r)
	default:
		r.Fail()
	}
	if r.Done() != nil {
		return RelayFrame{}, ErrMalformed
	}
	return f, nil
}

// readHello reads what stands behind HELLO's version. A limit stands there at most once.
func readHello(r *Reader, f *RelayFrame) {
	copy(f.Nonce[:], r.Bytes(len(f.Nonce)))
	f.Time = r.U64()
	var seen [256]bool
	for r.Len() > 0 {
		l := RelayLimit{ID: RelayLimitID(r.U8()), Value: r.U32()}
		if seen[l.ID] {
			r.Fail()
		}
		seen[l.ID] = true
		f.Limits = append(f.Limits, l)
	}
}

// readSide reads a byte that is 0 or 1.
func readSide(r *Reader) uint8 {
	v := r.U8()
	if v > 1 {
		r.Fail()
	}
	return v
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// JoinMessage is what JOIN's signature is over. host is the Host that was dialled, as it stands in the HTTP request; nonce is
// HELLO's; channel is the channel's public key, as raw bytes. It panics on a host over 65,535 bytes.
func JoinMessage(host string, nonce, channel [32]byte, side uint8) []byte {
	const label = "masq-relay/1"
	b := make([]byte, 0, len(label)+2+len(host)+len(nonce)+len(channel)+1)
	b = AppendLV(append(b, label...), []byte(host))
	b = append(append(b, nonce[:]...), channel[:]...)
	return append(b, side)
}

// SignJoin makes JOIN's signature with the channel's private key.
func SignJoin(key ed25519.PrivateKey, host string, nonce [32]byte, side uint8) (sig [ed25519.SignatureSize]byte) {
	channel := [32]byte(key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
	copy(sig[:], ed25519.Sign(key, JoinMessage(host, nonce, channel, side)))
	return sig
}

// JoinFrame is JOIN for a side, signed with the channel's private key.
func JoinFrame(key ed25519.PrivateKey, host string, nonce [32]byte, side uint8) RelayFrame {
	return RelayFrame{Type: RelayJoin, Side: side, Sig: SignJoin(key, host, nonce, side)}
}

// VerifyJoin reports whether sig is JOIN's signature by the channel's key.
func VerifyJoin(channel [32]byte, host string, nonce [32]byte, side uint8, sig []byte) bool {
	return len(host) < 1<<16 && ed25519.Verify(channel[:], JoinMessage(host, nonce, channel, side), sig)
}

// NewNameplatePath is where a nameplate is asked for, by POST.
const NewNameplatePath = pairPath + "new"

// RelayKind says which of the Sync Server's kinds of channel a path leads to.
type RelayKind uint8

// The kinds, with the length of their names in bytes.
const (
	ChannelKind   RelayKind = 1 // /v1/channel/<an Ed25519 public key, 32>
	PairKind      RelayKind = 2 // /v1/pair/<a mailbox, 16>
	NameplateKind RelayKind = 3 // /v1/pair/<a nameplate, 3 to 8 of NameplateSymbols>: a mailbox whose name is short
)

// NameplateSymbols are Crockford's: no I, L, O or U. A nameplate is written in capitals.
const NameplateSymbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// How many symbols a nameplate has.
const (
	NameplateMin = 3
	NameplateMax = 8
)

const (
	channelPath = "/v1/channel/"
	pairPath    = "/v1/pair/"
)

var nameEncoding = base64.RawURLEncoding.Strict()

// ChannelPath is the path of a channel below a relay URL.
func ChannelPath(channel [32]byte) string {
	return channelPath + nameEncoding.EncodeToString(channel[:])
}

// PairPath is the path of a mailbox below a relay URL.
func PairPath(mailbox [16]byte) string { return pairPath + nameEncoding.EncodeToString(mailbox[:]) }

// NameplatePath is the path of a nameplate below a relay URL.
func NameplatePath(nameplate string) string { return pairPath + nameplate }

// IsNameplate reports whether s is one.
func IsNameplate(s string) bool {
	if len(s) < NameplateMin || len(s) > NameplateMax {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(NameplateSymbols, s[i]) < 0 {
			return false
		}
	}
	return true
}

// ParseRelayPath returns the kind and the raw name in a path; a prefix before /v1/ is allowed. kind is 0 if it is
// no path of the Sync Server's.
func ParseRelayPath(path string) (kind RelayKind, name []byte) {
	for _, k := range [...]struct {
		kind RelayKind
		path string
		size int
	}{{ChannelKind, channelPath, 32}, {PairKind, pairPath, 16}} {
		n := nameEncoding.EncodedLen(k.size)
		if len(path) < n || !strings.HasSuffix(path[:len(path)-n], k.path) {
			continue
		}
		name, err := nameEncoding.DecodeString(path[len(path)-n:])
		if err == nil && len(name) == k.size {
			return k.kind, name
		}
	}
	last := strings.LastIndexByte(path, '/') + 1
	if strings.HasSuffix(path[:last], pairPath) && IsNameplate(path[last:]) {
		return NameplateKind, []byte(path[last:])
	}
	return 0, nil
}

// IsLoopbackHost reports whether host (a name or an address, brackets and a port allowed) is a loopback name: localhost,
// a name below .localhost, 127.0.0.0/8 or [::1]. The Sync Server takes these by default; only to these may a relay URL be ws:.
func IsLoopbackHost(host string) bool {
	name := strings.ToLower(HostName(host))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || name == "[::1]" || name == "::1" {
		return true
	}
	parts := strings.Split(name, ".")
	if len(parts) != 4 || parts[0] != "127" {
		return false
	}
	for _, p := range parts {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || n > 255 || strconv.Itoa(n) != p {
			return false
		}
	}
	return true
}

// HostName is host without its port, if it has one. Brackets stay.
func HostName(host string) string {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.IndexByte(host, ':') != i && host[i-1] != ']' {
		return host // none, or a bare IPv6 address
	}
	return host[:i]
}
