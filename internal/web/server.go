package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kataras/golog"

	"iris-broadcast/internal/loglimit"
)

// Server is an http.Server that bounds everything a client could leave open, and whose Shutdown does not wait for
// connections without a request: browsers keep some of those ready.
type Server struct {
	http.Server

	mu    sync.Mutex
	fresh map[net.Conn]bool // connections that have sent nothing yet; nil once Shutdown has begun
}

// sendBuffer is about how many bytes the system buffers for one connection. By default Linux grows the buffer to
// megabytes and reports a full one writable only once a third is free: a slow but steady reader would seem stalled.
const sendBuffer = 128 << 10

// NewServer returns a server for handler, with TLS and HTTP/2 if certFile is not "". An HTTP/2 connection to which
// nothing can be written for stall is closed, with all its streams.
func NewServer(handler http.Handler, certFile, keyFile string, stall time.Duration) (*Server, error) {
	s := &Server{fresh: map[net.Conn]bool{}}
	s.Server = http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState:         s.connState,
		ErrorLog:          log.New(newErrorLog(), "", 0),
		HTTP2:             &http.HTTP2Config{WriteByteTimeout: stall},
	}
	if certFile == "" {
		return s, nil
	}
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("-tls-cert and -tls-key: %w", err)
	}
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	return s, nil
}

// Listen listens on addr, a host:port. On Linux the connection of a client that has vanished, so that its packets are
// lost, is closed after at most three heartbeats: one until something is sent, two without an acknowledgment. Those
// two are at least stall + 5 s, since a client that reads nothing and keeps its receive window closed runs into the
// same timeout. That makes keep-alive probes superfluous: what is no stream has other bounds.
func Listen(addr string, heartbeat, stall time.Duration) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, listening syscall.RawConn) error {
		return setOptions(listening, sendBuffer, max(2*heartbeat, stall+5*time.Second))
	}}
	config.SetMultipathTCP(false) // its sockets do not have the timeout
	return config.Listen(context.Background(), "tcp", addr)
}

// ServeOn accepts connections from listener until Shutdown, then returns nil.
func (s *Server) ServeOn(listener net.Listener) error {
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(listener net.Listener) error { return s.ServeTLS(listener, "", "") }
	}
	if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) connState(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(s.fresh, conn)
	case s.fresh == nil:
		conn.Close()
	default:
		s.fresh[conn] = true
	}
}

// Shutdown stops accepting connections, waits for requests in flight, and closes the remaining connections when ctx
// ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	for conn := range s.fresh {
		conn.Close()
	}
	s.fresh = nil
	s.mu.Unlock()
	if err := s.Server.Shutdown(ctx); err != nil {
		return s.Close()
	}
	return nil
}

// errorLog logs what http.Server reports about connections, such as failed TLS handshakes. A port scan causes
// thousands.
type errorLog struct{ lines *loglimit.Lines[int] }

func newErrorLog() errorLog {
	return errorLog{loglimit.New(func(more int) { golog.Warnf("%d more connection errors", more) })}
}

func (l errorLog) Write(line []byte) (int, error) {
	text := strings.TrimSuffix(string(line), "\n")
	l.lines.Log(func() { golog.Warnf("%q", text) }, func(more *int) { *more++ })
	return len(line), nil
}
