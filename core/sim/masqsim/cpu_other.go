//go:build !linux

package main

import "time"

var started = time.Now()

// threadCPU is the time that has passed, in ns, where a thread's own is not to be had.
func threadCPU() int64 { return int64(time.Since(started)) }
