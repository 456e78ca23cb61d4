package delivery

import (
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/sse"
)

// lingerTime is how long a client may take to close its side of a connection that has hung up.
const lingerTime = 500 * time.Millisecond

// conn is a stream whose connection was taken over: a socket that a writer owns.
type conn struct {
	// Set by takeOver, then read-only.
	form   sse.Form
	writer *writer

	arrival *arrival // the handler's; the writer's once the stream has joined, which lets go of it
	out     *outbox  // to writer, of the goroutine that owns the audiences

	// Owned by the writer once the stream has joined.
	fd     int // -1 before it starts, and once it is closed
	stamp  int32
	state  connState
	share  *share // that it is in, or nil
	place  int    // in share.conns
	from   int    // how many bytes of share.batch came before it joined
	spoke  uint32 // the tick of the last write
	quiet  uint32 // ticks of silence before a heartbeat
	aside  *aside // what its full socket holds up, or nil
	reason metrics.Reason
	left   func(metrics.Reason)
}

type connState uint8

const (
	arriving connState = iota
	live
	ending   // gets nothing new
	hungUp   // everything is written, and the end of the stream
	released // closed
)

// finishing is a stream that ends with this pass.
type finishing struct {
	conn   *conn
	reason metrics.Reason
}

// linger is a connection that has hung up, and until when its client may answer.
type linger struct {
	conn  *conn
	until time.Time
}

// start adopts a connection, and writes what it gets first.
func (w *writer) start(c *conn, frames [][]byte) {
	w.stamp++
	c.state, c.stamp, c.spoke = live, w.stamp, w.ticks
	c.fd = ownDescriptor(c.arrival.net)
	c.arrival.net.Close() // here, not later: a crowd of streams never has two descriptors each
	if c.arrival = nil; c.fd < 0 {
		w.release(c, metrics.Left)
		return
	}
	ticks := uint32(max(w.limits.Heartbeat/w.period, 4))
	c.quiet = ticks - rand.Uint32N(ticks/4) // spread: a crowd that heard the same event must not be due at once
	if c.fd >= len(w.conns) {
		w.conns = append(w.conns, make([]*conn, c.fd+64-len(w.conns))...)
	}
	w.conns[c.fd] = c
	w.watch(c, unix.EPOLL_CTL_ADD, unix.EPOLLIN|unix.EPOLLRDHUP)
	w.wheel.add(c, w.ticks+c.quiet, w.ticks)
	if c.state == live {
		first := w.concat(frames)
		w.write(c, first)
		w.metrics.Deliveries.Add(float64(len(frames) - 1)) // the head is none
		w.metrics.Bytes.Add(float64(len(first) - len(frames[0])))
		w.recycle(frames, c.aside != nil)
	}
}

// join adds a connection to a share: it gets what comes from now on, and nothing of the batch that has begun.
func (w *writer) join(c *conn, s *share) {
	if c.state == live {
		c.share, c.place, c.from = s, len(s.conns), s.size
		s.conns = append(s.conns, c)
	}
}

// leaveShare ends that.
func (w *writer) leaveShare(c *conn) {
	s := c.share
	if s == nil {
		return
	}
	last := s.conns[len(s.conns)-1]
	s.conns[c.place], last.place = last, c.place
	s.conns[len(s.conns)-1] = nil
	s.conns = s.conns[:len(s.conns)-1]
	c.share = nil
}

// finish ends a stream once everything that waits is written.
func (w *writer) finish(c *conn, reason metrics.Reason) {
	if c.state != live {
		return
	}
	w.leaveShare(c)
	c.state, c.reason = ending, reason
	if c.aside == nil {
		w.hangUp(c)
	}
}

// hangUp tells the client that this was all. The socket stays for a moment: closing it while something that the client
// sent is unread would be a reset, which may discard what the client has not read (RFC 9112, section 9.6).
func (w *writer) hangUp(c *conn) {
	if w.discard(c) || unix.Shutdown(c.fd, unix.SHUT_WR) != nil {
		w.release(c, c.reason)
		return
	}
	c.state = hungUp
	w.watch(c, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLRDHUP)
	w.lingering = append(w.lingering, linger{c, time.Now().Add(lingerTime)})
	w.reportLeft(c)
}

// discard reads what the client sent, which nobody needs. It says whether the client has closed its side.
func (w *writer) discard(c *conn) (over bool) {
	for range 16 { // a client that never stops sending gets its turn again
		n, err := unix.Read(c.fd, w.scrap[:])
		switch {
		case err == unix.EINTR:
		case n == 0 || err != nil && err != unix.EAGAIN:
			return true
		case n < len(w.scrap):
			return false
		}
	}
	return false
}

// release closes the socket, and forgets the connection.
func (w *writer) release(c *conn, reason metrics.Reason) {
	if c.state == released {
		return
	}
	w.leaveShare(c)
	if c.aside != nil {
		w.unfill(c)
	}
	if c.state != hungUp {
		c.reason = reason
	}
	c.state = released
	if c.fd >= 0 {
		w.conns[c.fd] = nil
		unix.Close(c.fd)
		c.fd = -1
	}
	w.held.Add(-1)
	w.reportLeft(c)
}

// releaseLingering closes the connections whose clients had their time to answer.
func (w *writer) releaseLingering(now time.Time) {
	kept := w.lingering[:0]
	for _, l := range w.lingering {
		if l.conn.state == hungUp && now.After(l.until) {
			w.release(l.conn, l.conn.reason)
		}
		if l.conn.state == hungUp {
			kept = append(kept, l)
		}
	}
	clear(w.lingering[len(kept):])
	w.lingering = kept
}

// reportLeft reports the end of a stream, once.
func (w *writer) reportLeft(c *conn) {
	if left := c.left; left != nil && c.state >= hungUp {
		c.left = nil
		w.load.streams.Add(-1)
		go left(c.reason)
	}
}

// close cuts all connections and ends the writer.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wakeUp()
	<-w.done
}

func (w *writer) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default: // it is awake already
	}
}

// cut is the end of run.
func (w *writer) cut() {
	defer w.epoll.Close() // which waits for poll, which waits for done
	defer close(w.done)
	for _, c := range w.conns {
		if c != nil {
			w.release(c, metrics.Closing)
		}
	}
}
