//go:build !linux

package bolt

import "os"

// allocate has the system give a file a part that it does not have yet.
func allocate(f *os.File, from, size int64) error { return zeros(f, from, size) }
