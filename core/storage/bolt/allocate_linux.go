package bolt

import (
	"errors"
	"os"
	"syscall"
)

// allocate has the system give a file a part that it does not have yet.
func allocate(f *os.File, from, size int64) error {
	for range 100 {
		err := syscall.Fallocate(int(f.Fd()), 0, from, size)
		switch {
		case errors.Is(err, syscall.EINTR): // a tmpfs begins anew each time
		case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
			return zeros(f, from, size)
		default:
			return err
		}
	}
	return zeros(f, from, size)
}
