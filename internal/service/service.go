// Package service is the process as its operator sees it: the socket that it listens on, and what systemd is told.
package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/kataras/golog"
)

// unixPrefix begins the address of a Unix domain socket.
const unixPrefix = "unix:"

// Listen returns the socket that systemd passes to the process (systemd.socket(5)), if it does; else it listens on addr:
// unix:PATH, or a host:port, for which it calls tcp.
func Listen(addr string, tcp func(addr string) (net.Listener, error)) (net.Listener, error) {
	passed, err := activation.Listeners()
	switch path, isUnix := strings.CutPrefix(addr, unixPrefix); {
	case err != nil:
		return nil, fmt.Errorf("the sockets that systemd passes: %w", err)
	case len(passed) > 1:
		return nil, fmt.Errorf("systemd passes %d sockets; this server listens on one", len(passed))
	case len(passed) == 1 && passed[0] == nil:
		return nil, fmt.Errorf("systemd passes a socket of another kind; this server wants ListenStream=")
	case len(passed) == 1:
		return passed[0], nil
	case isUnix:
		return listenUnix(path)
	}
	return free(addr, tcp)
}

// free calls tcp, and names another port if another process has this one.
func free(addr string, tcp func(addr string) (net.Listener, error)) (net.Listener, error) {
	listener, err := tcp(addr)
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.Errno(10048)) { // 10048: WSAEADDRINUSE
		host, port, _ := net.SplitHostPort(addr)
		number, _ := strconv.Atoi(port)
		return nil, fmt.Errorf("%s is in use; try `-addr %s`", addr, net.JoinHostPort(host, strconv.Itoa(number%65535+1)))
	}
	return listener, err
}

// listenUnix listens on a path. A socket that a process left behind when it was killed is replaced.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
			return nil, fmt.Errorf("%s is in use by another process", path)
		}
		os.Remove(path)
	}
	return net.Listen("unix", path)
}

// Notify tells systemd that the state of the process has changed (sd_notify(3)): daemon.SdNotifyReady and the like. Without
// systemd it does nothing.
func Notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		golog.Warnf("Telling systemd %q: %v", state, err)
	}
}

// Watch tells systemd's watchdog that the process is alive, twice in each WatchdogSec=, while healthy returns nil, until
// ctx ends. healthy must return within that time.
func Watch(ctx context.Context, healthy func() error) {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil || period == 0 {
		return
	}
	tick := time.NewTicker(period / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := healthy(); err != nil {
			golog.Errorf("Not telling systemd's watchdog that all is well: %v", err)
			continue
		}
		Notify(daemon.SdNotifyWatchdog)
	}
}
