package main

import "syscall"

// threadCPU is the CPU time of this thread in ns: the collector's own threads do not count.
func threadCPU() int64 {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if syscall.Getrusage(thread, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
