package localstore

import (
	"fmt"
	"strings"
	"testing"
)

// What a call costs besides the network and the disk.
func BenchmarkCalls(b *testing.B) {
	value := strings.Repeat("x", 100)
	for _, c := range []struct{ name, call string }{
		{"put", `{"jsonrpc":"2.0","id":1,"method":"put","params":{"key":"kN","value":"` + value + `"}}`},
		{"get", `{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"kN"}}`},
		{"list", `{"jsonrpc":"2.0","id":1,"method":"list","params":{"limit":100}}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := newHarness(b)
			app, _ := h.app(notes)
			for i := range 1000 {
				app.say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"put","params":{"key":"k%d","value":%q}}`, i, value))
			}
			delete(h.conns, app.num) // nobody reads the answers
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				app.say(strings.Replace(c.call, "kN", fmt.Sprintf("k%d", i%1000), 1))
			}
		})
	}
}
