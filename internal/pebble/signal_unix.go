//go:build unix

package pebble

import (
	"os/signal"
	"syscall"
)

// A write beyond the limit to the size of files is to fail, and not to end the process.
func init() { signal.Ignore(syscall.SIGXFSZ) }
