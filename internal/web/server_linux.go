package web

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// setSendBuffer sets the size of the send buffer, which accepted sockets inherit from the listening socket (socket(7)).
func setSendBuffer(listening syscall.RawConn, bytes int) error {
	var failed error
	controlled := listening.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, bytes)
	})
	return os.NewSyscallError("setsockopt", errors.Join(controlled, failed))
}
