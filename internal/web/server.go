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

// Server is an http.Server with bounds for everything that a client could leave open, and a Shutdown that does not wait for
// connections that never asked for anything: browsers keep some of those ready.
type Server struct {
	http.Server

	mu    sync.Mutex
	fresh map[net.Conn]bool // connections that have not sent a byte; nil once Shutdown has begun
}

// sendBuffer is how many bytes the system may hold for one connection, about. Left to itself Linux grows it to megabytes, and
// calls a full one writable only when a third is free: a client that reads slowly and steadily would seem to be stalled.
const sendBuffer = 128 << 10

// NewServer returns a server of handler, which speaks TLS and HTTP/2 if there is a certificate. A connection of HTTP/2 that
// takes nothing for stall is ended, with all its streams.
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

// Listen opens the TCP port addr, host:port. On Linux a client that has vanished without closing its connection is given up
// about 3 heartbeats after it was last heard of: the next heartbeat goes unacknowledged for two more. It is later if stall is
// longer than that, because a client whose receive window stays closed counts as unacknowledged, too.
func Listen(addr string, heartbeat, stall time.Duration) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, listening syscall.RawConn) error {
		return setUserTimeout(listening, max(2*heartbeat, stall+5*time.Second))
	}}
	config.SetMultipathTCP(false) // which has no such timeout
	return config.Listen(context.Background(), "tcp", addr)
}

// ServeOn serves the listener until Shutdown; then it returns nil.
func (s *Server) ServeOn(listener net.Listener) error {
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(listener net.Listener) error { return s.ServeTLS(listener, "", "") }
	}
	if err := serve(boundedListener{listener}); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// boundedListener gives each connection its sendBuffer.
type boundedListener struct{ net.Listener }

func (l boundedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetWriteBuffer(sendBuffer)
	}
	return conn, err
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

// Shutdown stops accepting, lets the requests in flight finish, and cuts what is left when ctx ends.
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

// errorLog logs what http.Server reports of its connections, such as failed TLS handshakes. A port scan causes thousands.
type errorLog struct{ lines *loglimit.Lines[int] }

func newErrorLog() errorLog {
	return errorLog{loglimit.New(func(more int) { golog.Warnf("%d more connection errors", more) })}
}

func (l errorLog) Write(line []byte) (int, error) {
	text := strings.TrimSuffix(string(line), "\n")
	l.lines.Log(func() { golog.Warnf("%q", text) }, func(more *int) { *more++ })
	return len(line), nil
}
