// Package streams tests what the client of one stream gets, over every transport that it may come by.
package streams

import (
	"crypto/tls"
	"net"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// serving starts a server, and has the test's streams reach it by one transport.
type serving = func(t testing.TB, args ...string) *harness.Server

// transports are all of them. On Linux the server takes over connections that are in the clear, and writes to many at
// once; elsewhere, and by the others, each stream is served by its handler.
var transports = map[string]serving{
	"clear": harness.Serve, "TLS": harness.ServeTLS1, "HTTP2": harness.ServeTLS}

// overAll runs a test over each transport.
func overAll(t *testing.T, test func(t *testing.T, serve serving)) {
	t.Parallel()
	for name, serve := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, serve)
		})
	}
}

// overConnections runs a test over each transport that gives a stream a connection of its own.
func overConnections(t *testing.T, test func(t *testing.T, serve serving)) {
	t.Parallel()
	for _, name := range []string{"clear", "TLS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, transports[name])
		})
	}
}

// tcp is the connection below TLS, if there is any.
func tcp(conn net.Conn) *net.TCPConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(*net.TCPConn)
}
