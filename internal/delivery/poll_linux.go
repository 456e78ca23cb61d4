package delivery

import (
	"time"

	"golang.org/x/sys/unix"

	"iris-broadcast/internal/metrics"
)

// poll waits until something happens to a connection, and has the writer look at it, until the writer has ended. It
// sleeps as a goroutine that waits for a socket does: Go's own poller wakes it when epoll has something.
func (w *writer) poll() {
	raw, err := w.epoll.SyscallConn()
	if err != nil {
		return // it is closed already
	}
	events := make([]unix.EpollEvent, 128)
	raw.Read(func(fd uintptr) (over bool) {
		for {
			n, err := unix.EpollWait(int(fd), events, 0)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 {
				return false
			}
			select {
			case w.events <- events[:n]:
				<-w.seen
			case <-w.done:
				return true
			}
		}
	})
}

// watch adds a connection to epoll, or changes what to wait for.
func (w *writer) watch(c *conn, op int, events uint32) {
	event := unix.EpollEvent{Events: events, Fd: int32(c.fd), Pad: c.stamp}
	if unix.EpollCtl(w.epfd, op, c.fd, &event) != nil {
		w.release(c, metrics.Left)
	}
}

// look handles events. One may be of a connection that is gone and whose descriptor another one has: the stamp tells
// them apart.
func (w *writer) look(events []unix.EpollEvent) {
	for _, e := range events {
		c := w.conns[e.Fd]
		if c == nil || c.stamp != e.Pad {
			continue
		}
		if e.Events&unix.EPOLLOUT != 0 && c.aside != nil {
			w.drain(c)
		}
		gone := e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
		if c.state != released && (gone || e.Events&unix.EPOLLIN != 0 && w.discard(c)) {
			w.discard(c)
			w.release(c, metrics.Left)
		}
	}
}

// tick sends heartbeats, ends the connections that accept too little, and closes those that have hung up.
func (w *writer) tick(now time.Time) {
	w.ticks++
	w.wheel.turn(w.ticks, func(c *conn) {
		if c.state == live && Vanished(c.fd, w.limits) {
			w.release(c, metrics.Left)
		}
		if c.state == live && w.ticks-c.spoke >= c.quiet && c.aside == nil {
			w.write(c, heartbeat[c.form])
		}
		if c.state == live {
			w.wheel.add(c, c.spoke+c.quiet, w.ticks)
		}
	})
	w.judge(now)
	w.releaseLingering(now)
}

// wheel holds each connection in the slot of the tick at which to look whether it was silent for too long. A write only
// notes its tick: that costs no more than a store.
type wheel struct{ slots [256][]*conn }

// add puts a connection into the slot of that tick, or into the farthest that there is.
func (h *wheel) add(c *conn, at, now uint32) {
	ahead := min(max(int32(at-now), 1), int32(len(h.slots)-1))
	slot := &h.slots[(now+uint32(ahead))%uint32(len(h.slots))]
	*slot = append(*slot, c)
}

// turn calls look with each connection in the slot of this tick.
func (h *wheel) turn(now uint32, look func(*conn)) {
	slot := &h.slots[now%uint32(len(h.slots))]
	for _, c := range *slot {
		look(c) // which may add it to another slot, never to this one
	}
	clear(*slot)
	*slot = (*slot)[:0]
}
