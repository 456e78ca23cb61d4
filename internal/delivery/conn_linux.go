package delivery

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// conn is a stream whose connection was taken over: a socket that a writer owns.
type conn struct {
	// Set by takeOver, then read-only.
	form   Form
	writer *writer

	arrival *arrival // the handler's, until Serve

	// Owned by the writer once the stream has joined.
	fd     int // -1 once it is closed
	stamp  int32
	state  connState
	share  *share // that it is in, or nil
	place  int    // in share.conns
	from   int    // how many bytes of share.batch are not for it
	spoke  uint32 // the tick of the last write
	quiet  uint32 // ticks of silence after which it gets a heartbeat
	aside  *aside // what its full socket holds up, or nil
	reason Reason // why it ended or is to end
	left   func(Reason)
}

type connState uint8

const (
	arriving connState = iota
	live
	ending   // gets nothing new
	hungUp   // all was written, and the end of the stream
	released // closed
)

// aside is what a connection whose socket is full still needs.
type aside struct {
	waiting [][]byte
	pending int       // bytes of waiting
	place   int       // in writer.full
	since   time.Time // when the socket was found full
	taken   time.Time // when it last took something
}

// write writes p, now or when the socket has room. It says whether the socket took all at once.
func (w *writer) write(c *conn, p []byte) bool {
	if c.aside != nil {
		w.wait(c, p)
		return false
	}
	c.spoke = w.ticks
	n, err := send(c.fd, p, w.calm > calm)
	switch {
	case n == len(p):
		return true
	case err != nil && err != unix.EAGAIN:
		w.release(c, Left)
		return false
	}
	now := time.Now()
	c.aside = &aside{place: len(w.full), since: now, taken: now}
	w.full = append(w.full, c)
	w.wait(c, p[max(n, 0):])
	w.watch(c, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLOUT)
	return false
}

// wait keeps p for when the socket has room.
func (w *writer) wait(c *conn, p []byte) {
	w.load.changed(c.aside.pending, c.aside.pending+len(p))
	c.aside.waiting = append(c.aside.waiting, p)
	c.aside.pending += len(p)
}

// calm is after how many frames written alone a writer takes it that publishers do not wait for the CPU.
const calm = 8

// send makes one write(2). A raw call is a tenth cheaper, since Go's scheduler does not hear of it, but others get less of the
// CPU beside it: under load publishers brought a third less. The socket never blocks.
func send(fd int, p []byte, raw bool) (n int, err error) {
	for {
		if raw {
			r, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
			if n, err = int(r), nil; errno != 0 {
				n, err = -1, errno
			}
		} else {
			n, err = unix.Write(fd, p)
		}
		if err != unix.EINTR {
			return n, err
		}
	}
}

// drain writes what waits, as far as the socket takes it.
func (w *writer) drain(c *conn) {
	a := c.aside
	for len(a.waiting) > 0 {
		n, err := unix.Writev(c.fd, a.waiting[:min(len(a.waiting), 64)])
		if err == unix.EINTR {
			continue
		}
		if err != nil && err != unix.EAGAIN {
			w.release(c, Left)
			return
		}
		if n <= 0 {
			return
		}
		a.taken, c.spoke = time.Now(), w.ticks
		w.load.changed(a.pending, a.pending-n)
		a.pending -= n
		for len(a.waiting) > 0 && n >= len(a.waiting[0]) {
			n -= len(a.waiting[0])
			a.waiting[0] = nil
			a.waiting = a.waiting[1:]
		}
		if n > 0 {
			a.waiting[0] = a.waiting[0][n:]
		}
	}
	w.unfill(c)
	if c.state == ending {
		w.hangUp(c)
		return
	}
	w.watch(c, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLRDHUP)
}

// unfill takes a connection out of those with a full socket.
func (w *writer) unfill(c *conn) {
	last := w.full[len(w.full)-1]
	w.full[c.aside.place], last.aside.place = last, c.aside.place
	w.full[len(w.full)-1] = nil
	w.full = w.full[:len(w.full)-1]
	w.load.changed(c.aside.pending, 0)
	c.aside = nil
}

// leaveShare has the connection get nothing new.
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
func (w *writer) finish(c *conn, reason Reason) {
	if c.state != live {
		return
	}
	w.leaveShare(c)
	c.state, c.reason = ending, reason
	if c.aside == nil {
		w.hangUp(c)
	}
}

// hangUp tells the client that this was all. The socket stays for a moment: to close it while something that the client
// sent is unread would be a reset, which may take away what the client has not read (RFC 9112, section 9.6).
func (w *writer) hangUp(c *conn) {
	if w.readAway(c) || unix.Shutdown(c.fd, unix.SHUT_WR) != nil {
		w.release(c, c.reason)
		return
	}
	c.state = hungUp
	w.watch(c, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLRDHUP)
	w.lingering = append(w.lingering, linger{c, time.Now().Add(lingerTime)})
	w.tellLeft(c)
}

// readAway reads what the client sent, which nobody needs. It says whether the client has ended its side.
func (w *writer) readAway(c *conn) (over bool) {
	for range 16 { // a client that never stops to send gets its turn again
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
func (w *writer) release(c *conn, reason Reason) {
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
	w.conns[c.fd] = nil
	unix.Close(c.fd)
	c.fd = -1
	w.held.Add(-1)
	w.tellLeft(c)
}

// tellLeft tells who is to be told that the stream has ended.
func (w *writer) tellLeft(c *conn) {
	if left := c.left; left != nil && c.state >= hungUp {
		c.left = nil
		w.load.streams.Add(-1)
		go left(c.reason)
	}
}
