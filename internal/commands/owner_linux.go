package commands

import "syscall"

// ownerOnly has a socket's file be for its owner from the moment that it is there.
func ownerOnly(conn syscall.RawConn) (err error) {
	if controlErr := conn.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); err == nil {
		err = controlErr
	}
	return err
}
