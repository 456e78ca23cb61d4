package delivery

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// arrival is what a connection has until a writer starts it: the socket as Go knows it, for writes that may block.
type arrival struct {
	net     net.Conn
	waiting []byte // to write before anything else
	failed  metrics.Reason
}

// takeOver takes the connection from the HTTP server, or returns nil if that is not possible.
func (e *Engine) takeOver(w http.ResponseWriter, r *http.Request, form sse.Form) Stream {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return nil
	}
	taken, _, err := hijacker.Hijack()
	if err != nil {
		return nil
	}
	head := responseHead(r, w.Header())
	return &conn{form: form, writer: e.idlest(), fd: -1, arrival: &arrival{net: taken, waiting: head}}
}

// idlest is the writer with the fewest connections; it gets one more.
func (e *Engine) idlest() *writer {
	idlest := e.writers[0]
	for _, w := range e.writers[1:] {
		if w.held.Load() < idlest.held.Load() {
			idlest = w
		}
	}
	idlest.held.Add(1)
	return idlest
}

// responseHead is the status line and the header fields, including those that middleware set. The body ends with the
// connection (RFC 9112, section 6.3), so an event needs no chunk around it.
func responseHead(r *http.Request, header http.Header) []byte {
	header.Set("Connection", "close")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	head := bytesWriter(fmt.Appendf(nil, "HTTP/1.%d 200 OK\r\n", min(r.ProtoMinor, 1)))
	header.Write(&head)
	return append(head, "\r\n"...)
}

type bytesWriter []byte

func (b *bytesWriter) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// ownDescriptor is a second descriptor of the same socket, for a writer: Go's own comes with more memory than a
// stream needs. It is -1 if there is none to be had. The socket is non-blocking already.
func ownDescriptor(c net.Conn) int {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return -1
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return -1
	}
	fd := -1
	raw.Control(func(original uintptr) {
		if own, err := unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			fd = own
		}
	})
	return fd
}

// Write implements Stream. Small writes wait for the rest, so that everything goes out at once.
func (c *conn) Write(p []byte) metrics.Reason {
	a, stall := c.arrival, c.writer.limits.Stall
	if len(a.waiting)+len(p) <= writeSize {
		a.waiting = append(a.waiting, p...)
		return a.failed
	}
	a.writeOut(a.waiting, stall)
	a.writeOut(p, stall)
	a.waiting = nil
	return a.failed
}

// writeOut writes p in parts; the socket has stall to accept each.
func (a *arrival) writeOut(p []byte, stall time.Duration) {
	for len(p) > 0 && a.failed == metrics.Open {
		began := time.Now()
		a.net.SetWriteDeadline(began.Add(stall))
		n, err := a.net.Write(p[:min(len(p), writeSize)])
		if p = p[n:]; err != nil && time.Since(began) >= stall {
			a.failed = metrics.Stalled
		} else if err != nil {
			a.failed = metrics.Left
		}
	}
}

// WritePage implements Stream.
func (c *conn) WritePage(since string, page stream.Page) metrics.Reason {
	return writePage(c, since, page, c.form, c.writer.metrics)
}

// start implements Stream. From here on the connection is the writer's.
func (c *conn) start(outboxes []outbox, missed [][]byte) {
	c.out = &outboxes[c.writer.index]
	c.out.add(message{kind: kindStart, conn: c, frames: slices.Insert(missed, 0, c.arrival.waiting)})
}

// send implements Stream.
func (c *conn) send(frame []byte) { c.out.add(message{kind: kindAlone, conn: c, frame: frame}) }

// enter implements Stream.
func (c *conn) enter(a *Audience) {
	share := a.share(c.out)
	share.members++
	c.out.add(message{kind: kindJoin, conn: c, share: share})
}

// leave implements Stream.
func (c *conn) leave(a *Audience) { a.share(c.out).members-- }

// End implements Stream.
func (c *conn) End(reason metrics.Reason) { c.out.add(message{kind: kindEnd, conn: c, reason: reason}) }

// Serve implements Stream. It returns at once; left is called by a goroutine of its own.
func (c *conn) Serve(left func(metrics.Reason)) {
	if !c.writer.post(message{kind: kindServe, conn: c, left: left}) {
		left(metrics.Closing)
	}
}

// Close implements Stream.
func (c *conn) Close() {
	a := c.arrival
	if a.failed == metrics.Open && c.writer.post(
		message{kind: kindStart, conn: c, frames: [][]byte{a.waiting}},
		message{kind: kindEnd, conn: c, reason: metrics.Closing}) {
		return
	}
	a.writeOut(a.waiting, c.writer.limits.Stall) // if nothing has failed, the writer has ended
	a.net.Close()
	c.writer.held.Add(-1)
}
