package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
)

// over is how the tests' clients reach the server: in the clear, where it takes connections over from the HTTP server, or as
// BROADCAST_TEST_OVER says "handler", the same without that, "tls", or "h2". CI runs the broker's tests with each.
var over = os.Getenv("BROADCAST_TEST_OVER")

// shared is one certificate for all servers of the tests that are reached by TLS.
var shared = sync.OnceValues(func() (certFile, keyFile string) {
	dir, err := os.MkdirTemp("", "iris-broadcast-test-") // outlives the test that asks first
	if err != nil {
		panic(err)
	}
	removeShared = func() { os.RemoveAll(dir) }
	certFile, keyFile, trust, err := newCertificate(dir)
	if err != nil {
		panic(err)
	}
	transport := client0.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: trust, ServerName: "localhost"}
	transport.ForceAttemptHTTP2 = over == "h2"
	return certFile, keyFile
})

var removeShared = func() {} // when all tests are over

// transported adds what the transport needs to a server's settings.
func transported(args []string) []string {
	if over != "tls" && over != "h2" {
		return args
	}
	certFile, keyFile := shared()
	return append(args, "-tls-cert", certFile, "-tls-key", keyFile)
}

// transport has the server reached by it.
func (s *site) transport() {
	switch over {
	case "tls", "h2":
		s.url = strings.Replace(s.url, "http:", "https:", 1)
	case "handler":
		inner := s.server.Handler
		s.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(unhijackable{w}, r) })
	}
}

// unhijackable is a ResponseWriter whose connection cannot be taken over.
type unhijackable struct{ http.ResponseWriter }

func (w unhijackable) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w unhijackable) Flush()                      { http.NewResponseController(w.ResponseWriter).Flush() }

// dial opens a connection to a server of the tests.
func dial(t testing.TB, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", url[strings.Index(url, "://")+3:])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if strings.HasPrefix(url, "https:") {
		config := client0.Transport.(*http.Transport).TLSClientConfig.Clone()
		config.NextProtos = nil // HTTP/1
		return tls.Client(conn, config)
	}
	return conn
}

// tcp is the connection below TLS, if there is any.
func tcp(conn net.Conn) *net.TCPConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(*net.TCPConn)
}
