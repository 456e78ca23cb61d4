package model

import (
	"net/http"
	"syscall"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// server is one life of the program, and the ways to it: in the clear, or by TLS, with HTTP/1.1 and HTTP/2.
type server struct {
	*harness.Server
	clients []*http.Client
}

// start starts the program, and waits until it serves.
func start(t *testing.T, secure bool, args ...string) *server {
	t.Helper()
	args = append(args, "-demo=false", "-heartbeat", "100ms", "-drain", "500ms", "-log-level", "error")
	if !secure {
		return &server{harness.Serve(t, args...), []*http.Client{harness.Client}}
	}
	s := &server{Server: harness.ServeTLS(t, args...)}
	for _, http2 := range []bool{false, true} {
		transport := harness.TLSTransport(t)
		transport.ForceAttemptHTTP2, transport.DisableCompression = http2, true
		s.clients = append(s.clients, &http.Client{Transport: transport})
	}
	return s
}

// stop ends the program, by a signal that it can answer or by one that it cannot.
func (s *server) stop(kill bool) {
	if kill {
		s.Process.Kill()
		return
	}
	s.Process.Signal(syscall.SIGTERM)
}

// over waits until the program has ended.
func (s *server) over(killed bool) {
	if killed {
		s.Kill()
	} else {
		s.WantExit(0)
	}
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
}
