//go:build !linux

package commands

import "syscall"

// ownerOnly does nothing here; listen restricts the file once it exists.
func ownerOnly(syscall.RawConn) error { return nil }
