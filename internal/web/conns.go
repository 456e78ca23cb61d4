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
}

// wait is a connection without a request.
type wait struct {
	conn  net.Conn
	since time.Time
	first bool // it has had none yet
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
		c.open[conn] = c.waiting.PushBack(wait{conn, time.Now(), state == http.StateNew})
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

// close closes a connection that waits.
func (c *conns) close(conn net.Conn) {
	c.stopWaiting(conn)
	c.forget(conn)
	socket(conn).Close()
}

// makeRoom makes room for one more connection, if it can. It returns 0, or how long to wait before it is called again.
func (c *conns) makeRoom() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open)+c.limits.TakenOver() < c.limits.Conns {
		return 0
	}
	for place := c.waiting.Front(); place != nil; place = place.Next() {
		oldest := place.Value.(wait)
		if left := patience - time.Since(oldest.since); left > 0 {
			return left
		}
		if !hasInput(socket(oldest.conn)) { // else its request is there, and about to be read
			c.close(oldest.conn)
			return 0
		}
	}
	return patience
}

// Connections is how many connections are open, those of streams included.
func (s *Server) Connections() int {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	return len(s.conns.open) + s.conns.limits.TakenOver()
}

// empty waits until no connection is open and, served being closed, none will be; or until patience is over. A
// connection that was accepted last has patience for its first request too; one that waits for another is closed.
func (c *conns) empty(served <-chan struct{}, patience time.Duration) {
	over := time.After(patience)
	tick := time.NewTicker(time.Second / 50)
	defer tick.Stop()
	for accepting := true; c.closeWaiting(patience) > 0 || accepting; {
		select {
		case <-served:
			served, accepting = nil, false
		case <-tick.C:
		case <-over:
			return
		}
	}
}

// nearPatience is patience for peers on this machine, whose first request is there at once if there will be one, unless
// the machine is very busy.
const nearPatience = time.Second

// closeWaiting closes the connections that wait for a request, less those that have not had patience for their first
// one. It returns how many are open.
func (c *conns) closeWaiting(patience time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, place := range c.open {
		if place == nil {
			continue
		}
		w, patience := place.Value.(wait), patience
		if isLocal(conn.LocalAddr(), conn.RemoteAddr().String()) {
			patience = min(patience, nearPatience)
		}
		if !w.first || time.Since(w.since) >= patience {
			c.close(conn)
		}
	}
	return len(c.open)
}

// listener accepts connections while there is room for them.
type listener struct {
	net.Listener
	conns *conns
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	for wait := l.conns.makeRoom(); wait > 0; wait = l.conns.makeRoom() {
		select {
		case <-l.conns.room:
		case <-time.After(wait):
		}
	}
	return l.Listener.Accept()
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
