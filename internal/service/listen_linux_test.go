package service

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// unixSocket is a Unix socket that does not block.
func unixSocket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestTheSocketOfABusyProcessIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	at, busy := &unix.SockaddrUnix{Name: path}, unixSocket(t)
	if err := unix.Bind(busy, at); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(busy, 0); err != nil {
		t.Fatal(err)
	}
	for unix.Connect(unixSocket(t), at) == nil { // until its queue is full: it accepts nothing
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		t.Fatal("its queue has room")
	}
	listener, err := listenUnix(path)
	if err == nil {
		listener.Close()
		t.Fatal("a second process listens there")
	}
	if want := path + " is in use by another process"; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the socket is gone: %v", err)
	}
}
