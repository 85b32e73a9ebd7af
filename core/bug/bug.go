// Package bug says where a panic came from.
package bug

import (
	"runtime"
	"strconv"
)

// Describe says what a panic was and where, without arguments of functions: they may hold keys. Call it in the deferred function that has
// recovered p.
func Describe(p any) string {
	text := "panic"
	switch p := p.(type) {
	case error:
		text += ": " + p.Error()
	case string:
		text += ": " + p
	}
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		text += "\n\t" + f.Function + ":" + strconv.Itoa(f.Line)
	}
	return text
}
