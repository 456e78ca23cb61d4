package web

import (
	"net"
	"net/http"
	"testing"
	"time"

	"iris-broadcast/internal/delivery"
)

// late is a listener that is closed by its owner, while Accept returns only when http.Server closes it, too.
type late struct {
	net.Listener
	accepting, released chan struct{}
}

func (l late) Accept() (net.Conn, error) {
	close(l.accepting)
	<-l.released
	return nil, net.ErrClosed
}

func (l late) Close() error {
	err := l.Listener.Close()
	if err != nil {
		close(l.released)
	}
	return err
}

func TestTheEndIsNoErrorThoughServingEndsLate(t *testing.T) {
	limits := Limits{Limits: delivery.Limits{Heartbeat: time.Second}, Conns: 10, TakenOver: func() int { return 0 }}
	s, err := NewServer(http.NotFoundHandler(), "", "", limits)
	if err != nil {
		t.Fatal(err)
	}
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	on := late{listening, make(chan struct{}), make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- s.ServeOn(on) }()
	<-on.accepting
	on.Close()
	if err := s.Finish(time.Second); err != nil {
		t.Errorf("finished with %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("served with %v", err)
	}
}
