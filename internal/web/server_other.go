//go:build !linux

package web

import (
	"syscall"
	"time"
)

// setUserTimeout does nothing: here the system's own limit on retransmissions ends such a connection.
func setUserTimeout(syscall.RawConn, time.Duration) error { return nil }
