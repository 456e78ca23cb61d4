package web

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout has the kernel close a connection once data has been unacknowledged for that long (TCP_USER_TIMEOUT,
// RFC 5482). Accepted sockets inherit the option from the listening socket; see tcp(7).
func setUserTimeout(listening syscall.RawConn, timeout time.Duration) (err error) {
	controlled := listening.Control(func(fd uintptr) {
		ms := int(timeout.Milliseconds())
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms))
	})
	if controlled != nil {
		return controlled
	}
	return err
}
