package loadgen

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// defaultRetry is when a client reconnects if the server does not say.
const defaultRetry = time.Second

// slowBuffer is the receive buffer of a slow client, in bytes.
const slowBuffer = 16 << 10

// What a client's connection is doing.
const (
	idle uint8 = iota
	connecting
	waiting // for the head of the response
	streaming
)

// Client is one stream. Its unexported fields are guarded by the loop's mutex.
type Client struct {
	// Set before Connect, then read-only.
	pool   *Pool
	loop   *loop
	number int
	path   string
	topic  int

	// Slow makes the client stop reading after the head, until Pool.Resume. Set before Connect.
	Slow bool
	// AnyStart is Checker.AnyStart. Set before Connect.
	AnyStart bool

	fd      int       // -1 without a socket of its own
	body    io.Closer // of a stream through net/http
	resumed chan struct{}
	state   uint8
	ended   uint32 // how often the server ended the stream
	parser  parser
	check   Checker
}

func (c *Client) connected() bool { return c.state == streaming }

// done reports whether the stream has ended for good.
func (c *Client) done() bool { return c.state == idle && c.ended > 0 && !c.pool.Reconnect.Load() }

func (c *Client) request() []byte {
	b := make([]byte, 0, 256)
	b = append(b, "GET "...)
	b = append(b, c.path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.pool.Host...)
	b = append(b, "\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\n"...)
	if len(c.parser.lastID) > 0 {
		b = append(b, "Last-Event-ID: "...)
		b = append(b, c.parser.lastID...)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// writable is called when the socket of a connecting client can be written to.
func (c *Client) writable() error {
	if code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil {
		return err
	} else if code != 0 {
		return fmt.Errorf("connect to %s: %w", c.pool.address, unix.Errno(code))
	}
	if _, err := unix.Write(c.fd, c.request()); err != nil {
		return fmt.Errorf("send the request to %s: %w", c.pool.address, err)
	}
	c.state = waiting
	return c.loop.watch(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLIN)
}

// errServerEnded ends a stream without any fault of the server.
var errServerEnded = errors.New("the server ended the stream")

// received handles the result of reading the connection.
func (c *Client) received(b []byte) error {
	if err := c.parser.feed(b, c.loop.event(c)); err != nil {
		return err
	}
	if c.state == waiting && c.parser.state != inHead {
		c.established()
	}
	if c.parser.state == atEnd {
		return errServerEnded
	}
	return nil
}

func (c *Client) established() {
	c.state = streaming
	<-c.pool.handshake
	if c.Slow && c.fd >= 0 {
		c.loop.watch(unix.EPOLL_CTL_DEL, c.fd, 0)
	}
}

func (c *Client) resume() {
	if c.fd >= 0 && c.state == streaming {
		c.loop.watch(unix.EPOLL_CTL_ADD, c.fd, unix.EPOLLIN)
	}
	if c.resumed != nil {
		close(c.resumed)
		c.resumed = nil
	}
}

// close closes the connection.
func (c *Client) close() {
	if c.state == connecting || c.state == waiting {
		<-c.pool.handshake
	}
	if c.fd >= 0 {
		delete(c.loop.sockets, int32(c.fd))
		unix.Close(c.fd)
		c.fd = -1
	}
	if c.body != nil {
		c.body.Close()
		c.body = nil
	}
	c.state = idle
}

// end closes a connection that err ended, and decides whether the client reconnects.
func (c *Client) end(err error) {
	established := c.state == streaming
	full := c.parser.full
	c.close()
	c.ended++
	c.loop.stats.Ended++
	c.pool.ending.CompareAndSwap(nil, &failure{err})
	switch {
	case full:
		c.pool.fail(errors.New("the server is full: it asks clients to come back later; " +
			"raise its limit of streams (-max-streams), or use fewer clients"))
	case !established:
		c.pool.fail(err)
	}
	if c.pool.Reconnect.Load() {
		retry := c.parser.retry
		if retry == 0 {
			retry = defaultRetry
		}
		time.AfterFunc(retry, func() {
			select {
			case c.pool.dials <- c:
			case <-c.pool.done:
			}
		})
	}
}
