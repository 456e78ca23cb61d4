//go:build !linux

package web

import (
	"net"
	"syscall"
)

// setSendBuffer does nothing: elsewhere the system's own size applies.
func setSendBuffer(syscall.RawConn, int) error { return nil }

// hasInput is not known here.
func hasInput(net.Conn) bool { return false }
