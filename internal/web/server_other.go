//go:build !linux

package web

import "syscall"

// setSendBuffer does nothing: elsewhere the system's own size applies.
func setSendBuffer(syscall.RawConn, int) error { return nil }
