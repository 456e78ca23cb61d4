package delivery

import (
	"time"

	"golang.org/x/sys/unix"

	"iris-broadcast/internal/metrics"
)

// aside is what a connection whose socket is full still needs.
type aside struct {
	waiting [][]byte
	pending int       // bytes of waiting
	place   int       // in writer.full
	since   time.Time // when the socket was found full
	taken   time.Time // when it last accepted something
}

// fill adds a connection to those with a full socket.
func (w *writer) fill(c *conn) {
	now := time.Now()
	c.aside = &aside{place: len(w.full), since: now, taken: now}
	w.full = append(w.full, c)
	w.watch(c, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLOUT)
}

// unfill removes it.
func (w *writer) unfill(c *conn) {
	last := w.full[len(w.full)-1]
	w.full[c.aside.place], last.aside.place = last, c.aside.place
	w.full[len(w.full)-1] = nil
	w.full = w.full[:len(w.full)-1]
	w.load.changed(c.aside.pending, 0)
	c.aside = nil
}

// setAside keeps p for when the socket has room.
func (w *writer) setAside(c *conn, p []byte) {
	if c.aside == nil {
		return // released while it was filled
	}
	w.load.changed(c.aside.pending, c.aside.pending+len(p))
	c.aside.waiting = append(c.aside.waiting, p)
	c.aside.pending += len(p)
}

// drain writes what waits, as far as the socket accepts it.
func (w *writer) drain(c *conn) {
	a := c.aside
	for len(a.waiting) > 0 {
		n, err := unix.Writev(c.fd, a.waiting[:min(len(a.waiting), 64)])
		if err == unix.EINTR {
			continue
		}
		if err != nil && err != unix.EAGAIN {
			w.release(c, metrics.Left)
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

// judge ends the connections that accept too little, see Limits.
func (w *writer) judge(now time.Time) {
	for i := len(w.full) - 1; i >= 0; i-- {
		c := w.full[i]
		w.drain(c) // the system calls a socket writable only when a third of its buffer is free
		switch a := c.aside; {
		case a == nil:
		case now.Sub(a.taken) >= w.limits.Stall:
			w.release(c, metrics.Stalled)
		case a.pending > w.limits.MaxPending && now.Sub(a.since) > patience:
			w.release(c, metrics.Pending)
		}
	}
}
