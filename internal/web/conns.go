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
// may be, a new one replaces the one that has waited longest for a request, or, if none waits, is closed itself.
// Connections that were taken over for streams have a bound of their own and are only counted.
type conns struct {
	limits Limits

	mu      sync.Mutex
	open    map[net.Conn]*list.Element // less those taken over; its place in waiting, or nil
	waiting list.List                  // net.Conn without a request, the oldest first
	closing bool
}

// state is http.Server.ConnState.
func (c *conns) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopWaiting(conn)
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = c.waiting.PushBack(conn)
	case http.StateActive:
		c.open[conn] = nil
	case http.StateHijacked, http.StateClosed:
		delete(c.open, conn)
	}
	if state == http.StateNew && (c.closing || len(c.open)+c.limits.TakenOver() > c.limits.Conns) {
		c.closeOldest()
	}
}

func (c *conns) stopWaiting(conn net.Conn) {
	if place := c.open[conn]; place != nil {
		c.waiting.Remove(place)
		c.open[conn] = nil
	}
}

// closeOldest closes the connection that has waited longest. There is one: the newest waits as well.
func (c *conns) closeOldest() {
	oldest := c.waiting.Front().Value.(net.Conn)
	c.stopWaiting(oldest)
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

// shutDown closes all connections that wait for a request, and from now on each new one.
func (c *conns) shutDown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for c.waiting.Len() > 0 {
		c.closeOldest()
	}
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
