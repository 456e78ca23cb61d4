package delivery

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"iris-broadcast/internal/stream"
)

// arrival is what a connection has until a writer serves it: the socket as Go knows it, for writes that may wait.
type arrival struct {
	net     net.Conn
	waiting []byte // to be written before anything else
	failed  Reason
}

// takeOver takes the connection from the HTTP server, or returns nil if that is not possible.
func (e *Engine) takeOver(w http.ResponseWriter, r *http.Request, form Form) Stream {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return nil
	}
	taken, _, err := hijacker.Hijack()
	if err != nil {
		return nil
	}
	head := responseHead(r, w.Header())
	c := &conn{form: form, writer: e.idlest(), fd: -1, arrival: &arrival{net: taken, waiting: head}}
	if c.fd, err = ownDescriptor(taken, e.limits); err != nil {
		c.arrival.failed = Left
	}
	return c
}

// responseHead is the status and the header fields, with those that middleware set. The body ends with the connection
// (RFC 9112, section 6.3), so that an event needs no chunk around it.
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

// vanished is when a client of which nothing comes any more is given up.
const vanished = 45 * time.Second

// ownDescriptor is a second descriptor of the same socket, for a writer: Go's own comes with more memory than a stream needs.
// The socket is non-blocking already. If the client's packets vanish, the system gives up 45 s after the last that came,
// since a heartbeat asks for another one (TCP_USER_TIMEOUT, RFC 5482); later if Stall is longer, because a client that
// acknowledges and takes nothing counts there too.
func ownDescriptor(c net.Conn, limits Limits) (int, error) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return -1, fmt.Errorf("delivery: a %T is no TCP connection", c)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	timeout := max(vanished-limits.Heartbeat, limits.Stall+5*time.Second)
	controlled := raw.Control(func(original uintptr) {
		if fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
		}
	})
	if controlled != nil {
		return -1, controlled
	}
	return fd, os.NewSyscallError("fcntl", err)
}

// Write implements Stream. What is small waits for the rest, so that it all goes out at once.
func (c *conn) Write(p []byte) Reason {
	a := c.arrival
	if a.failed != Open {
		return a.failed
	}
	if a.waiting = append(a.waiting, p...); len(a.waiting) > writeSize {
		a.failed = a.writeOut(c.writer.limits.Stall)
	}
	return a.failed
}

// writeOut writes what waits in parts that each have stall to be taken by the socket.
func (a *arrival) writeOut(stall time.Duration) Reason {
	for len(a.waiting) > 0 {
		began := time.Now()
		a.net.SetWriteDeadline(began.Add(stall))
		n, err := a.net.Write(a.waiting[:min(len(a.waiting), writeSize)])
		if a.waiting = a.waiting[n:]; err != nil && time.Since(began) >= stall {
			return Stalled
		} else if err != nil {
			return Left
		}
	}
	a.waiting = nil
	return Open
}

// WriteEvents implements Stream.
func (c *conn) WriteEvents(events []stream.Event) Reason {
	return writeEvents(c, events, c.form, c.writer.metrics)
}

// start implements Stream. From here on the connection is the writer's.
func (c *conn) start(missed [][]byte) {
	c.writer.tell(message{kind: kindStart, conn: c, frames: slices.Insert(missed, 0, c.arrival.waiting)})
}

// tell implements Stream.
func (c *conn) tell(frame []byte) {
	c.writer.tell(message{kind: kindAlone, conn: c, frames: [][]byte{frame}})
}

// enter implements Stream.
func (c *conn) enter(a *Audience) {
	share := a.share(c.writer)
	share.members++
	c.writer.tell(message{kind: kindJoin, conn: c, share: share})
}

// leave implements Stream.
func (c *conn) leave(a *Audience) { a.share(c.writer).members-- }

// End implements Stream.
func (c *conn) End(reason Reason) { c.writer.tell(message{kind: kindEnd, conn: c, reason: reason}) }

// Serve implements Stream. It returns at once; left is called by a goroutine of its own.
func (c *conn) Serve(_ context.Context, left func(Reason)) {
	c.arrival.net.Close()
	c.arrival = nil
	if !c.writer.post(message{kind: kindServe, conn: c, left: left}) {
		left(Closing)
	}
}

// Close implements Stream.
func (c *conn) Close() {
	a := c.arrival
	defer a.net.Close()
	if a.failed == Open && c.writer.post(
		message{kind: kindStart, conn: c, frames: [][]byte{a.waiting}}, message{kind: kindEnd, conn: c, reason: Closing}) {
		return
	}
	if a.failed == Open {
		a.writeOut(c.writer.limits.Stall) // the writer has ended
	}
	c.writer.held.Add(-1)
	if c.fd >= 0 {
		unix.Close(c.fd)
	}
}
