package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// over is how the tests' clients reach the server: in the clear, where it takes connections over from the HTTP server;
// or as BROADCAST_TEST_OVER says: "handler", the same without that, "tls", or "h2". CI runs the broker's tests with
// each.
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

// newCertificate writes a self-signed certificate for localhost and its key, and returns their files and who trusts it.
func newCertificate(dir string) (certFile, keyFile string, trust *x509.CertPool, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", "", nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", nil, err
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(certPEM)
	err = errors.Join(os.WriteFile(certFile, certPEM, 0o600), os.WriteFile(keyFile, keyPEM, 0o600))
	return certFile, keyFile, trust, err
}

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
		s.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(unhijackable{w}, r)
		})
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
