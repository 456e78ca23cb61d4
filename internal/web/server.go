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
	"iris-broadcast/internal/logs"
)

// Server is an http.Server that bounds everything a client could leave open, that leaves descriptors free for whoever
// comes next, and that drops no request when it ends.
type Server struct {
	http.Server
	handler     atomic.Pointer[http.Handler]
	certificate certificate
	conns       *conns
	served      chan struct{} // closed when ServeOn returns
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
	s := &Server{conns: newConns(limits), served: make(chan struct{})}
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

// ServeOn accepts connections until its listener is closed, then returns nil. Call it once.
func (s *Server) ServeOn(on net.Listener) error {
	if socket, ok := on.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			setSendBuffer(raw, sendBuffer)
		}
	}
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(listener net.Listener) error { return s.ServeTLS(listener, "", "") }
	}
	defer close(s.served)
	go s.conns.sweep(s.served)
	err := serve(listener{on, s.conns})
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Finish waits, once the listener is closed, for the requests of all connections that were accepted: http.Server's
// Shutdown would drop those that are on their way. What remains after patience is cut off.
func (s *Server) Finish(patience time.Duration) {
	s.conns.empty(s.served, patience)
	s.Close() // its error is that the listener is closed
}

// errorLog logs what http.Server reports about connections, such as failed TLS handshakes. A port scan causes
// thousands.
type errorLog struct{ lines *logs.Lines[int] }

func newErrorLog() errorLog {
	return errorLog{logs.NewLines(func(more int) { golog.Warn("More connections failed", logs.Fields{"count": more}) })}
}

func (l errorLog) Write(line []byte) (int, error) {
	text := strings.TrimSuffix(string(line), "\n")
	l.lines.Log(func() { golog.Warn("A connection failed", logs.Fields{"error": text}) }, func(more *int) { *more++ })
	return len(line), nil
}
