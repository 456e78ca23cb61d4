package commands

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

func TestHealthReachesWhatTheServerListensOn(t *testing.T) {
	status := http.StatusOK
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, r.URL.Path)
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	local := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	local.Start()
	defer local.Close()
	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	for addr, secured := range map[string]bool{
		"127.0.0.1:" + port: false, ":" + port: false, "0.0.0.0:" + port: false, "[::]:" + port: false,
		secure.Listener.Addr().String(): true, "unix:" + path: false,
	} {
		var said strings.Builder
		if err := healthy(t.Context(), &said, addr, secured); err != nil || said.String() != "/healthz" {
			t.Errorf("%s: %q, %v", addr, said.String(), err)
		}
	}
	status = http.StatusServiceUnavailable
	if err := healthy(t.Context(), io.Discard, "unix:"+path, false); err == nil {
		t.Error("503 passes for healthy")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := healthy(ended, io.Discard, "unix:"+path, false); err == nil {
		t.Error("no answer passes for healthy")
	}
}
