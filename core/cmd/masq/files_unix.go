//go:build !windows

package main

import "syscall"

// fileDescriptors is how many this process may have; Go has raised that to the most that the system lets it have.
func fileDescriptors() (n uint64, known bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return uint64(l.Cur), true
}
