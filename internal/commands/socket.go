package commands

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
)

// socketName is the socket, in the store's folder, through which a server is asked.
const socketName = "CONTROL"

// maxPath is how long a socket's path may be on every system that has them.
const maxPath = 100

// path gives the socket's path, short enough for the system as long as the folder is open.
func path(folder *os.File) (string, error) {
	path, err := filepath.Abs(filepath.Join(folder.Name(), socketName))
	switch {
	case err != nil || len(path) <= maxPath:
		return path, err
	case runtime.GOOS == "linux":
		return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName), nil
	}
	return "", fmt.Errorf("the path %s is too long for a socket; this system takes %d bytes", path, maxPath)
}

// listen makes the socket, for the owner of the store alone. One that is there already was left by a server that was
// killed: the caller has the store.
func listen(dir string) (listener net.Listener, err error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	inside, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			inside.Close()
		}
	}()
	path, err := path(folder)
	if err != nil {
		return nil, err
	}
	if err := inside.Remove(socketName); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error { return ownerOnly(conn) }}
	if listener, err = config.Listen(context.Background(), "unix", path); err != nil {
		return nil, err
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := inside.Chmod(socketName, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	return &removing{Listener: listener, inside: inside}, nil
}

// removing is a listener that takes its socket's file away, also from a folder that was moved, and no other one's.
type removing struct {
	net.Listener
	inside *os.Root
	once   sync.Once
}

func (r *removing) Close() error {
	r.once.Do(func() {
		_ = r.inside.Remove(socketName)
		_ = r.inside.Close()
	})
	return r.Listener.Close()
}

// dial reaches the server that has a store open.
func dial(ctx context.Context, dir string) (net.Conn, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	path, err := path(folder)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, "unix", path)
}
