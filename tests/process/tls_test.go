package process

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// certificate writes a certificate for this machine and its key, and returns their files and a client that trusts it.
func certificate(t *testing.T) (certFile, keyFile string, client *http.Client) {
	t.Helper()
	owner := httptest.NewTLSServer(nil) // which has one
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
	return write("cert.pem", "CERTIFICATE", pair.Certificate[0]), write("key.pem", "PRIVATE KEY", key), owner.Client()
}

func TestTLSOpensNoSecondPort(t *testing.T) {
	t.Parallel()
	certFile, keyFile, client := certificate(t)
	s := harness.Serve(t, "-tls-cert", certFile, "-tls-key", keyFile)
	curl := "curl -d hello https://127.0.0.1:"
	if !strings.HasPrefix(s.URL, "https://127.0.0.1:") || !strings.Contains(s.Lines[1], curl) {
		t.Errorf("it printed %q", s.Lines)
	}
	response, err := client.Get(s.URL + "/healthz")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", response, err)
	}
	response.Body.Close()
	if n := listeners(t, s.Process.Pid); n > 1 {
		t.Errorf("%d ports are open, want one", n)
	}
}

// listeners counts a process's listening sockets, where the system tells (Linux); else it is 0.
func listeners(t *testing.T, pid int) (n int) {
	t.Helper()
	inodes := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			return 0
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" { // TCP_LISTEN
				inodes["socket:["+fields[9]+"]"] = true
			}
		}
	}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && inodes[target] {
			n++
		}
	}
	return n
}
