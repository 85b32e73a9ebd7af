//go:build !windows

package native

import (
	"os"
	"syscall"
)

// ownedByUser reports whether a file is the user's whom this program runs for.
func ownedByUser(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
