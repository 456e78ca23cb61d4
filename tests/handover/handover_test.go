package handover

import (
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"iris-broadcast/tests/harness"
)

// As systemd restarts a service with a socket of its own: the socket stays, and connections wait in the system's queue
// while nobody accepts any.
func TestANewVersionTakesOverWithoutARefusedConnectionOrALostEvent(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("systemd is not to be had here")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	passed := func(command *exec.Cmd) { harness.PassSockets(command, socket) }
	args := []string{"-demo=false", "-drain", "10s", "-retry", "500ms",
		"-store", "pebble:" + filepath.Join(t.TempDir(), "store")}
	old := harness.ServeAs(t, passed, args...)
	c := gather(t, listener.Addr().String())
	old.UntilStreams(listeners)
	c.until(5)

	old.Process.Signal(syscall.SIGTERM)
	old.WantExit(0)
	next := harness.ServeAs(t, passed, args...)
	c.until(5)
	c.hush()
	if resumed := c.resumed.Load(); resumed < listeners {
		t.Errorf("%d of %d streams were opened again", resumed, listeners)
	}
	next.Stop()
	if said := old.Stderr() + next.Stderr(); strings.Contains(said, " ERROR ") {
		t.Error(said)
	}
}
