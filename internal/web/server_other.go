//go:build !linux

package web

import (
	"syscall"
	"time"
)

// setOptions does nothing: elsewhere the system's own buffer sizes and limit on retransmissions apply.
func setOptions(syscall.RawConn, int, time.Duration) error { return nil }
