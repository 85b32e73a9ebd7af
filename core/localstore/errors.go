package localstore

import (
	"strconv"

	"github.com/masqdev/masq/core/peer"
)

// The codes of the store's own.
const (
	eFrame  peer.Code = "E_FRAME"  // not JSON-RPC
	eMethod peer.Code = "E_METHOD" // no such method
)

// sentences says of each code what is wrong and what to do.
var sentences = map[peer.Code]string{
	eFrame:        "this is not a call of JSON-RPC 2.0: send an object with jsonrpc, id, method and params by name",
	eMethod:       "there is no such method: see /openrpc.json, and update masq if it is a newer one",
	peer.EKey:     "a key is text of 1 to 1,024 bytes in UTF-8 without U+0000: use another",
	peer.EValue:   "a parameter is missing, unknown or not what it has to be: see /openrpc.json",
	peer.ETooBig:  "too big: a value has at most 1 MiB, a batch 1,000 operations and 4 MiB, a message 8 MiB: split it up",
	peer.EQuota:   "the disk is full: make room",
	peer.EFenced:  "another program has taken over the store's data: end one of them",
	peer.EDamaged: "the stored data cannot be read: restore it, or begin anew and pair again",
	peer.EVersion: "the other side, or the stored data, is of a newer masq: update",
	peer.EStorage: "the store's disk failed: see its log, and start it again",
	peer.EClosed:  "the store is stopping: connect again when it runs",
	peer.ELink:    "this is not an invite that this store can take: copy the whole link",
	peer.EExpired: "the time for this is over: ask again",
	peer.ECrowded: "another device is already answering this invite: make a new one",
	peer.EDenied:  "this is not allowed: the user decides in the store manager",
	peer.EAuth:    "not let in: prove a token first, or request one",
	peer.ECircle:  "this computer is already paired with others: pair from one of those",
	peer.ESync:    "the sync server cannot be reached, or none is set: check the network and the settings",
	peer.EBusy:    "too much at once, or something else is under way: try again when that is done",
	peer.EData:    "there is data here already: say whether to bring or to discard it",
	peer.ERevoked: "this computer was shut out of its circle: pair it anew",
	peer.EApp:     "there is no such application here: see masq apps",
}

// appendError appends an error object. name is the parameter that is wrong, if it is one.
func appendError(b []byte, rpc int, code peer.Code, name string) []byte {
	sentence := sentences[code]
	if sentence == "" {
		sentence = "this did not work: see the store's log"
	}
	if name != "" && len(name) <= maxName {
		sentence = name + ": " + sentence
	}
	b = strconv.AppendInt(append(b, `{"code":`...), int64(rpc), 10)
	b = appendString(append(b, `,"message":`...), sentence)
	b = appendString(append(b, `,"data":{"code":`...), string(code))
	return append(b, "}}"...)
}
