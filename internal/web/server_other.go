//go:build !linux

package web

import (
	"syscall"
	"time"
)

// setUserTimeout does nothing: elsewhere the system's own limit on retransmissions applies.
func setUserTimeout(syscall.RawConn, time.Duration) error { return nil }
