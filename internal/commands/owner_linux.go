package commands

import "syscall"

// ownerOnly restricts a socket's file to its owner from the moment it exists.
func ownerOnly(conn syscall.RawConn) (err error) {
	if controlErr := conn.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); err == nil {
		err = controlErr
	}
	return err
}
