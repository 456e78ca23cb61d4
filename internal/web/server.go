package web

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kataras/golog"

	"iris-broadcast/internal/delivery"
	"iris-broadcast/internal/loglimit"
)

// Server is an http.Server that bounds everything a client could leave open, and whose Shutdown does not wait for
// connections without a request: browsers keep some of those ready.
type Server struct {
	http.Server
	handler     atomic.Pointer[http.Handler]
	certificate certificate
	conns       *conns
	listening   chan net.Listener // what ServeOn accepts from
	accepted    chan struct{}     // closed when it accepts nothing more
}

// sendBuffer is about how many bytes the system buffers for one connection. By default Linux grows the buffer to
// megabytes and reports a full one writable only once a third is free: a slow but steady reader would seem stalled.
const sendBuffer = 128 << 10

// Limits bound a Server.
type Limits struct {
	delivery.Limits
	Conns     int        // open connections, those included that were taken over
	TakenOver func() int // how many those are
}

// NewServer returns a server for handler, with TLS and HTTP/2 if certFile is not "". An HTTP/2 connection to which
// nothing can be written for limits.Stall is closed, with all its streams. On Linux so is the connection of a client
// that has vanished, within four heartbeats: one until something is sent, two without an acknowledgment, and one until
// that is looked at.
func NewServer(handler http.Handler, certFile, keyFile string, limits Limits) (*Server, error) {
	s := &Server{conns: newConns(limits), listening: make(chan net.Listener, 1), accepted: make(chan struct{})}
	s.SetHandler(handler)
	s.Server = http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState:         s.conns.state,
		ErrorLog:          log.New(newErrorLog(), "", 0),
		HTTP2:             &http.HTTP2Config{WriteByteTimeout: limits.Stall},
	}
	if certFile == "" {
		return s, nil
	}
	s.TLSConfig = &tls.Config{GetCertificate: s.certificate.get}
	return s, s.ReadCertificate(certFile, keyFile)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) }

// SetHandler has handler answer the requests that come from now on.
func (s *Server) SetHandler(handler http.Handler) { s.handler.Store(&handler) }

// ReadCertificate has new connections get the certificate in these files, from now on and whenever the files change.
// After an error they get the one before.
func (s *Server) ReadCertificate(certFile, keyFile string) error {
	return s.certificate.read(certFile, keyFile)
}

// Listen listens on addr, a host:port. Its connections need no keep-alive probes: streams have heartbeats, and other
// connections may wait only so long.
func Listen(addr string) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1}
	config.SetMultipathTCP(false) // delivery.Vanished asks plain TCP sockets
	return config.Listen(context.Background(), "tcp", addr)
}

// ServeOn accepts connections from listener until Shutdown, then returns nil.
func (s *Server) ServeOn(listener net.Listener) error {
	if socket, ok := listener.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			setSendBuffer(raw, sendBuffer)
		}
	}
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(listener net.Listener) error { return s.ServeTLS(listener, "", "") }
	}
	bounded := s.conns.on(listener)
	s.listening <- bounded
	defer close(s.accepted)
	go s.conns.sweep(s.accepted)
	if err := serve(bounded); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// freshGrace is how long a connection that was accepted last may take to send its request.
const freshGrace = 200 * time.Millisecond

// Shutdown stops accepting connections, waits for requests in flight, and closes the remaining connections when ctx
// ends. Connections that were accepted last may still send a request: http.Server's Shutdown alone drops those.
func (s *Server) Shutdown(ctx context.Context) error {
	s.SetKeepAlivesEnabled(false)
	select {
	case listener := <-s.listening:
		listener.Close()
		<-s.accepted
		s.conns.awaitRequests(freshGrace)
	case <-ctx.Done():
	}
	s.conns.shutDown()
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
