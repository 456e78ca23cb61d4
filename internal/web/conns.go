package web

import (
	"container/list"
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"iris-broadcast/internal/delivery"
)

// conns are the connections of a Server. They leave descriptors free for whoever comes next: while as many are open as
// may be, those that have waited longest for a request make room, and newcomers stay in the system's queue until there
// is some. Connections that were taken over for streams have a bound of their own and are only counted.
type conns struct {
	limits Limits
	room   chan struct{} // holds a token when there may be room again

	mu      sync.Mutex
	open    map[net.Conn]*list.Element // less those taken over; its place in waiting, or nil
	waiting list.List                  // of waits, the oldest first
	closing bool
}

// wait is a connection without a request.
type wait struct {
	conn  net.Conn
	since time.Time
}

// patience is how long a connection may at least wait for its request, also while others want its descriptor.
const patience = 100 * time.Millisecond

func newConns(limits Limits) *conns {
	return &conns{limits: limits, room: make(chan struct{}, 1), open: map[net.Conn]*list.Element{}}
}

// state is http.Server.ConnState.
func (c *conns) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.open[conn]; !known && state != http.StateNew {
		return // it was closed here
	}
	c.stopWaiting(conn)
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = c.waiting.PushBack(wait{conn, time.Now()})
		if c.closing {
			c.closeOldest()
		}
	case http.StateActive:
		c.open[conn] = nil
	case http.StateHijacked, http.StateClosed:
		c.forget(conn)
	}
}

func (c *conns) stopWaiting(conn net.Conn) {
	if place := c.open[conn]; place != nil {
		c.waiting.Remove(place)
		c.open[conn] = nil
	}
}

func (c *conns) forget(conn net.Conn) {
	delete(c.open, conn)
	select {
	case c.room <- struct{}{}:
	default:
	}
}

// closeOldest closes the connection that has waited longest.
func (c *conns) closeOldest() {
	oldest := c.waiting.Front().Value.(wait).conn
	c.stopWaiting(oldest)
	c.forget(oldest)
	socket(oldest).Close()
}

// awaitRequests waits until no connection waits for a request, or the time is up.
func (c *conns) awaitRequests(atMost time.Duration) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(atMost); time.Now().Before(end); <-tick.C {
		c.mu.Lock()
		none := c.waiting.Len() == 0
		c.mu.Unlock()
		if none {
			return
		}
	}
}

// makeRoom makes room for one more connection, if it can. It returns 0, or how long to wait before it is called again.
func (c *conns) makeRoom() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open)+c.limits.TakenOver() < c.limits.Conns {
		return 0
	}
	if c.waiting.Len() == 0 {
		return patience
	}
	oldest := c.waiting.Front().Value.(wait)
	if left := patience - time.Since(oldest.since); left > 0 {
		return left
	}
	c.closeOldest()
	return 0
}

// shutDown closes all connections that wait for a request, and from now on each new one.
func (c *conns) shutDown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for c.waiting.Len() > 0 {
		c.closeOldest()
	}
}

// listener accepts connections while there is room for them.
type listener struct {
	net.Listener
	conns  *conns
	closed chan struct{}
	close  func() // closes closed
}

func (c *conns) on(inner net.Listener) *listener {
	closed := make(chan struct{})
	return &listener{inner, c, closed, sync.OnceFunc(func() { close(closed) })}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for wait := l.conns.makeRoom(); wait > 0; wait = l.conns.makeRoom() {
		select {
		case <-l.conns.room:
		case <-time.After(wait):
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	return l.Listener.Accept()
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.close()
	return l.Listener.Close()
}

// sweep closes, until served is closed, the connections of clients that have vanished.
func (c *conns) sweep(served <-chan struct{}) {
	tick := time.NewTicker(c.limits.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-served:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		open := slices.Collect(maps.Keys(c.open))
		c.mu.Unlock()
		for _, conn := range open {
			if conn := socket(conn); vanished(conn, c.limits.Limits) {
				conn.Close()
			}
		}
	}
}

// socket is the connection below TLS: closing that one would wait for the client.
func socket(conn net.Conn) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return conn
}

// vanished is delivery.Vanished of a connection.
func vanished(conn net.Conn, limits delivery.Limits) (gone bool) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	return err == nil && raw.Control(func(fd uintptr) { gone = delivery.Vanished(int(fd), limits) }) == nil && gone
}
