package web

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setOptions sets options that accepted sockets inherit from the listening socket (tcp(7), socket(7)): the size of the
// send buffer, and after how long without an acknowledgment the kernel closes a connection (TCP_USER_TIMEOUT, RFC
// 5482).
func setOptions(listening syscall.RawConn, buffer int, timeout time.Duration) error {
	var failed error
	controlled := listening.Control(func(fd uintptr) {
		failed = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, buffer),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds())))
	})
	return os.NewSyscallError("setsockopt", errors.Join(controlled, failed))
}
