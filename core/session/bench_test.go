package session

import (
	"fmt"
	"testing"
)

// BenchmarkHandshake is both sides of a whole handshake with its first two frames.
func BenchmarkHandshake(b *testing.B) {
	i, r := testConns(b)
	for b.Loop() {
		shake(b, i, r)
	}
}

// BenchmarkPair is what a device does once for each other device.
func BenchmarkPair(b *testing.B) {
	k := keysOf(seedKey(b, 1), seedKey(b, 2), 9)
	for b.Loop() {
		mustPair(b, k)
	}
}

// BenchmarkFrame is a message of that size, sealed, opened and both ends rekeyed.
func BenchmarkFrame(b *testing.B) {
	for _, size := range []int{200, 4 << 10, 60_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			i, r := connected(b)
			msg := dataOf(size)
			out := make([][]byte, 0, 1)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				i.live.frames, r.live.frames = 0, 0 // no hard close
				frames, err := i.Seal(0, out, msg)
				if err != nil {
					b.Fatal(err)
				}
				if res := r.Receive(0, frames[0][1:]); res.Err != nil {
					b.Fatal(res.Err)
				}
			}
		})
	}
}
