package web

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/kataras/golog"
)

// Server is an http.Server with bounds for everything that a client could leave open, and a Shutdown that does not wait for
// connections that never asked for anything: browsers keep some of those ready.
type Server struct {
	http.Server

	mu    sync.Mutex
	fresh map[net.Conn]bool // connections that have not sent a byte; nil once Shutdown has begun
}

// NewServer returns a server of handler.
func NewServer(handler http.Handler) *Server {
	s := &Server{fresh: map[net.Conn]bool{}}
	s.Server = http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState:         s.connState,
		ErrorLog:          log.New(errorLog{}, "", 0),
	}
	return s
}

// ServeOn serves the listener until Shutdown, with TLS and HTTP/2 if there is a certificate; then it returns nil.
func (s *Server) ServeOn(listener net.Listener, certFile, keyFile string) error {
	var err error
	if certFile == "" {
		err = s.Serve(listener)
	} else {
		err = s.ServeTLS(listener, certFile, keyFile)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
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

// errorLog takes what http.Server has to say of its clients' connections, such as TLS handshakes that failed.
type errorLog struct{}

func (errorLog) Write(line []byte) (int, error) {
	golog.Warnf("%q", line)
	return len(line), nil
}
