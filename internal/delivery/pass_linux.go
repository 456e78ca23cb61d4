package delivery

import (
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// pass handles what waits.
func (w *writer) pass() (over bool) {
	w.mu.Lock()
	messages := w.inbox
	w.inbox, over = w.spare[:0], w.closed
	w.mu.Unlock()
	for i := range messages {
		w.handle(&messages[i])
		if w.batched > passBytes {
			w.deliver()
		}
	}
	w.deliver()
	clear(messages)
	if w.spare = messages; cap(messages) > 1<<14 {
		w.spare = nil
	}
	return over
}

func (w *writer) handle(m *message) {
	switch m.kind {
	case kindFrame:
		s := m.share
		if len(s.batch) == 0 {
			w.dirty = append(w.dirty, s)
		}
		if w.oldest == 0 {
			w.oldest = m.at
		}
		s.batch = append(s.batch, m.frame)
		s.size += len(m.frame)
		w.batched += len(m.frame)
	case kindStart:
		w.start(m.conn, m.frames)
	case kindAlone:
		if m.conn.state == live {
			w.write(m.conn, m.frames[0])
		}
	case kindJoin:
		w.join(m.conn, m.share)
	case kindServe:
		m.conn.left = m.left
		w.load.streams.Add(1)
		w.tellLeft(m.conn)
	case kindEnd:
		w.finishing = append(w.finishing, finishing{m.conn, m.reason})
	}
}

// start takes a connection in, and writes what it gets first.
func (w *writer) start(c *conn, frames [][]byte) {
	w.stamp++
	c.state, c.stamp, c.spoke = live, w.stamp, w.ticks
	ticks := uint32(max(w.limits.Heartbeat/w.period, 4))
	c.quiet = ticks - rand.Uint32N(ticks/4) // spread, so that a crowd that heard the same event is not told all at once
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
		w.returned(frames, c.aside != nil)
	}
}

// join has a connection get what comes for the share from now on.
func (w *writer) join(c *conn, s *share) {
	if c.state == live {
		c.share, c.place, c.from = s, len(s.conns), s.size
		s.conns = append(s.conns, c)
	}
}

// deliver gives each connection of each share its bytes, and ends the streams that are to end.
func (w *writer) deliver() {
	for i, s := range w.dirty {
		w.deliverTo(s)
		w.dirty[i] = nil
	}
	w.dirty = w.dirty[:0]
	if w.batched > 0 {
		w.metrics.Since(w.oldest, time.Now())
		w.load.queued.Add(-int64(w.batched))
		w.batched, w.oldest = 0, 0
		w.load.better()
	}
	for _, f := range w.finishing {
		w.finish(f.conn, f.reason)
	}
	clear(w.finishing)
	w.finishing = w.finishing[:0]
}

func (w *writer) deliverTo(s *share) {
	batch := w.concat(s.batch)
	kept := false
	if w.calm++; len(s.batch) > 1 {
		w.calm = 0
	}
	for i := len(s.conns) - 1; i >= 0; i-- { // backwards: who is released makes room for one that has had its turn
		c := s.conns[i]
		kept = !w.write(c, batch[c.from:]) && c.aside != nil || kept
		c.from = 0
	}
	w.metrics.Batch.Observe(float64(len(s.batch)))
	w.metrics.Deliveries.Add(float64(len(s.batch) * len(s.conns)))
	w.metrics.Bytes.Add(float64(len(batch) * len(s.conns)))
	w.returned(s.batch, kept)
	clear(s.batch)
	s.batch, s.size = s.batch[:0], 0
}

// concat joins frames, so that they take one write.
func (w *writer) concat(frames [][]byte) []byte {
	if len(frames) == 1 {
		return frames[0]
	}
	w.joined = w.joined[:0]
	for _, frame := range frames {
		w.joined = append(w.joined, frame...)
	}
	return w.joined
}

// returned says that what concat made of frames is needed no longer, or, if it was kept, by a slow connection.
func (w *writer) returned(frames [][]byte, kept bool) {
	if len(frames) > 1 && kept || cap(w.joined) > 4*passBytes {
		w.joined = nil
	}
}

// tick gives those that were silent for long a heartbeat, and ends those that take too little.
func (w *writer) tick(now time.Time) {
	w.ticks++
	w.wheel.turn(w.ticks, func(c *conn) {
		if c.state == live && w.ticks-c.spoke >= c.quiet && c.aside == nil {
			w.write(c, heartbeat[c.form])
		}
		if c.state == live {
			w.wheel.add(c, c.spoke+c.quiet, w.ticks)
		}
	})
	for i := len(w.full) - 1; i >= 0; i-- {
		c := w.full[i]
		w.drain(c) // the system calls a socket writable only when a third of its buffer is free
		switch a := c.aside; {
		case a == nil:
		case now.Sub(a.taken) >= w.limits.Stall:
			w.release(c, Stalled)
		case a.pending > w.limits.MaxPending && now.Sub(a.since) > patience:
			w.release(c, Pending)
		}
	}
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

// cut ends everything at once.
func (w *writer) cut() {
	defer w.epoll.Close() // which waits for poll, which waits for done
	defer close(w.done)
	for _, c := range w.conns {
		if c != nil {
			w.release(c, Closing)
		}
	}
}
