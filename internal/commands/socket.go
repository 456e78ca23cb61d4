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

// socketName is the server's socket in the store's folder.
const socketName = "CONTROL"

// maxPath is a path length, in bytes, that every system with sockets accepts.
const maxPath = 100

// path returns the socket's path, short enough as long as folder stays open.
func path(folder *os.File) (string, error) {
	path, err := filepath.Abs(filepath.Join(folder.Name(), socketName))
	switch {
	case err != nil || len(path) <= maxPath:
		return path, err
	case runtime.GOOS == "linux":
		return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName), nil
	}
	return "", fmt.Errorf("the path %s is too long for a socket; the limit is %d bytes", path, maxPath)
}

// listen creates the socket, for the store's owner only. The caller has the store, so a socket that is there already
// was left by a killed server.
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

// removing is a listener that removes its socket's file on Close, and no other, even if the folder was moved.
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

// dial connects to the server that has a store open.
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
