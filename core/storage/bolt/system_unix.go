//go:build !windows

package bolt

import (
	"os"
	"syscall"
)

// full are the system's errors for no room: on the disk, in the user's share of it, or below the limit of a file's size.
var full = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// letGo closes a file that bbolt has locked and not closed. Its memory map would keep the lock.
func letGo(f *os.File) error {
	syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	return f.Close()
}
