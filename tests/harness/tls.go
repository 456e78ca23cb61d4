package harness

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// certificate writes the certificate that net/http/httptest has for this machine, and its key, for all tests of the
// package.
var certificate = sync.OnceValues(func() (config *tls.Config, err error) {
	owner := httptest.NewTLSServer(nil)
	defer owner.Close()
	pair := owner.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return nil, err
	}
	trust := x509.NewCertPool()
	trust.AddCert(owner.Certificate())
	write := func(file, kind string, bytes []byte) error {
		return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600)
	}
	certFile, keyFile := pairFiles()
	return &tls.Config{RootCAs: trust},
		errors.Join(write(certFile, "CERTIFICATE", pair.Certificate[0]), write(keyFile, "PRIVATE KEY", key))
})

func pairFiles() (certFile, keyFile string) {
	return filepath.Join(scratch(), "cert.pem"), filepath.Join(scratch(), "key.pem")
}

// Pair is the certificate that TLSTransport trusts, for 127.0.0.1, and its key, as files.
func Pair(t testing.TB) (certFile, keyFile string) {
	t.Helper()
	if _, err := certificate(); err != nil {
		t.Fatal(err)
	}
	return pairFiles()
}

// ServeTLS is Serve with TLS. The server's requests and streams share one connection by HTTP/2.
func ServeTLS(t testing.TB, args ...string) *Server {
	t.Helper()
	return serveTLS(t, TLSTransport(t), args...)
}

// ServeTLS1 is Serve with TLS, where each stream has a connection of its own by HTTP/1.
func ServeTLS1(t testing.TB, args ...string) *Server {
	t.Helper()
	transport := TLSTransport(t)
	transport.ForceAttemptHTTP2 = false
	return serveTLS(t, transport, args...)
}

func serveTLS(t testing.TB, transport *http.Transport, args ...string) *Server {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	certFile, keyFile := pairFiles()
	s := Serve(t, append(args, "-tls-cert", certFile, "-tls-key", keyFile)...)
	if !strings.HasPrefix(s.URL, "https://") {
		t.Fatalf("it printed %q", s.Lines)
	}
	s.client = &http.Client{Transport: transport}
	return s
}

// TLSTransport trusts the certificate of ServeTLS, and speaks HTTP/2.
func TLSTransport(t testing.TB) *http.Transport {
	t.Helper()
	config, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	return &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true}
}

// TrustAll has the server's requests trust whatever certificate it has.
func (s *Server) TrustAll() {
	config := &tls.Config{InsecureSkipVerify: true}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}
