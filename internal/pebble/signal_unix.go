//go:build unix

package pebble

import (
	"os/signal"
	"syscall"
)

// A write beyond the file size limit must fail, not end the process.
func init() { signal.Ignore(syscall.SIGXFSZ) }
