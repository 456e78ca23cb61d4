// Package network tests the server against what networks and strangers do to it.
package network

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) {
	isolate()
	harness.Main(m)
}

// serveTLS starts the program with TLS, and returns a transport that trusts it and speaks HTTP/1.
func serveTLS(t *testing.T, args ...string) (*harness.Server, *http.Transport) {
	t.Helper()
	owner := httptest.NewTLSServer(nil) // which has a certificate for 127.0.0.1
	t.Cleanup(owner.Close)
	pair := owner.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, bytes []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	certFile := write("cert.pem", "CERTIFICATE", pair.Certificate[0])
	keyFile := write("key.pem", "PRIVATE KEY", key)
	trust := owner.Client().Transport.(*http.Transport).TLSClientConfig
	return harness.Serve(t, append(args, "-tls-cert", certFile, "-tls-key", keyFile)...),
		&http.Transport{TLSClientConfig: trust}
}
