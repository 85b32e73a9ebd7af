package bolt

import (
	"os"
	"syscall"
)

// full are the system's errors for no room: ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL, ERROR_DISK_QUOTA_EXCEEDED.
var full = []syscall.Errno{112, 39, 1295}

// letGo closes a file that bbolt has locked and not closed.
func letGo(f *os.File) error { return f.Close() }
