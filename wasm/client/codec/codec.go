// Package codec is what crosses between JavaScript and the engine: events one way, actions the other, as bytes.
//
// JavaScript writes the events of a turn one behind the other, Parse takes them apart, and Append writes the engine's
// actions for the way back, so that a hundred puts cross once. Package table describes the messages; js/src/codec.gen.ts is
// the other half. testdata/codec.txt holds bytes that both halves and the table are tested against.
package codec

// Limits of what is parsed, in bytes.
const (
	maxText    = 8 << 10 // a key, a prefix, a link or a URL: the engine has its own, tighter limits
	maxOpValue = 8 << 20 // a value: the engine refuses those over wire.MaxValue with a code of its own
)
