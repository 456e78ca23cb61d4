package web

import (
	"errors"
	"net"
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

// hasInput reports whether a connection has sent what is not read yet.
func hasInput(conn net.Conn) (has bool) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	return err == nil && raw.Control(func(fd uintptr) {
		var first [1]byte
		n, _, err := unix.Recvfrom(int(fd), first[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		has = err == nil && n > 0
	}) == nil && has
}
