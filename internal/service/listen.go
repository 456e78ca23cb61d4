package service

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// unixPrefix begins the address of a Unix domain socket.
const unixPrefix = "unix:"

// Listen returns the socket that systemd passes to the process (systemd.socket(5)), if it does; else it listens on
// addr: unix:PATH, or a host:port, for which it calls tcp.
func Listen(addr string, tcp func(addr string) (net.Listener, error)) (net.Listener, error) {
	passed, err := activation.Listeners()
	switch path, isUnix := strings.CutPrefix(addr, unixPrefix); {
	case err != nil:
		return nil, fmt.Errorf("the sockets that systemd passes: %w", err)
	case len(passed) > 1:
		return nil, fmt.Errorf("systemd passes %d sockets; this server listens on one", len(passed))
	case len(passed) == 1 && !isStream(passed[0]):
		return nil, fmt.Errorf("systemd passes a socket of another kind; this server wants ListenStream=")
	case len(passed) == 1:
		return passed[0], nil
	case isUnix:
		return listenUnix(path)
	}
	return free(addr, tcp)
}

// isStream reports whether a listener accepts connections; nil stands for a kind of socket that Go does not support.
func isStream(passed net.Listener) bool {
	return passed != nil && slices.Contains([]string{"tcp", "unix"}, passed.Addr().Network())
}

// free calls tcp, and suggests another port if this one is in use.
func free(addr string, tcp func(addr string) (net.Listener, error)) (net.Listener, error) {
	listener, err := tcp(addr)
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.Errno(10048)) { // 10048: WSAEADDRINUSE
		host, port, _ := net.SplitHostPort(addr)
		number, _ := strconv.Atoi(port)
		other := net.JoinHostPort(host, strconv.Itoa(number%65535+1))
		return nil, fmt.Errorf("%s is in use; try `-addr %s`", addr, other)
	}
	return listener, err
}

// listenUnix listens on a path. A socket that a process left behind when it was killed is replaced.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) { // that of a busy process, or of another user's, is not refused
			return nil, fmt.Errorf("%s is in use by another process", path)
		}
		os.Remove(path)
	}
	return net.Listen("unix", path)
}

// Greet prints the server's URL and a command to try. at is the listener's address, addr the value of -addr.
func Greet(stdout io.Writer, at net.Addr, addr string, secure bool) {
	curl, url := "curl", host(at, addr)
	if secure {
		url = "https://" + url
	}
	place := url
	switch {
	case at.Network() == "unix":
		curl, place = "curl --unix-socket "+at.String(), unixPrefix+at.String()
	case !secure:
		place = "http://" + url
	}
	fmt.Fprintf(stdout, "Iris Broadcast is live at %s\n", place)
	fmt.Fprintf(stdout, "Try it in another terminal: %s -d hello %s/events/news\n", curl, url)
}

// host is the host and port for a URL: the name that was asked for, where there was one.
func host(at net.Addr, addr string) string {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return "localhost"
	}
	name, _, _ := net.SplitHostPort(addr)
	if asked := net.ParseIP(name); name == "" || asked.IsUnspecified() || strings.HasPrefix(addr, unixPrefix) {
		name = "localhost"
	}
	if name == "localhost" && !tcp.IP.IsLoopback() && !tcp.IP.IsUnspecified() {
		name = tcp.IP.String()
	}
	return net.JoinHostPort(name, strconv.Itoa(tcp.Port))
}
