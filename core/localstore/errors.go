package localstore

import (
	_ "embed" // for words
	"encoding/json"
	"strconv"
	"sync"

	"github.com/masqdev/masq/core/peer"
)

// The codes of the store's own.
const (
	eFrame  peer.Code = "E_FRAME"  // not JSON-RPC
	eMethod peer.Code = "E_METHOD" // no such method
)

// Words is what is said of a code in English, each to somebody else; "" where it cannot happen to them.
type Words struct {
	Client  string // to an application in a browser: MasqError's message
	Store   string // to who calls the store: "what is wrong: what to do"
	Value   string // the same, behind the key that it is about alone
	Command string // to who uses the command line: what to do
	Pairing string // there: what ended a pairing
	Stopped string // there: what stopped the store
}

//go:embed errors.json
var words []byte

// sentences are the words of each code. Nothing else in Masq has English of its own for a code, but the pages, which translate.
var sentences = sync.OnceValue(func() map[peer.Code]Words {
	all := map[peer.Code]Words{}
	if err := json.Unmarshal(words, &all); err != nil {
		panic(err)
	}
	return all
})

// WordsOf returns what is said of code, the zero Words if it is not known.
func WordsOf(code peer.Code) Words { return sentences()[code] }

// appendDamaged appends the error that one value cannot be read, which names its key.
func appendDamaged(b []byte, key string) []byte {
	b = strconv.AppendInt(append(b, `{"code":`...), rpcOther, 10)
	b = appendString(append(b, `,"message":`...), "the value of "+strconv.Quote(key)+" "+WordsOf(peer.EDamaged).Value)
	b = appendString(append(b, `,"data":{"code":`...), string(peer.EDamaged))
	b = appendString(append(b, `,"key":`...), key)
	return append(b, "}}"...)
}

// appendError appends an error object. name is the parameter that is wrong, if it is one.
func appendError(b []byte, rpc int, code peer.Code, name string) []byte {
	sentence := WordsOf(code).Store
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
