package loadgen

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"golang.org/x/sys/unix"
)

// resolve looks an address up, as host:port.
func resolve(address string) (unix.Sockaddr, error) {
	to, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if ip := to.IP.To4(); ip != nil {
		return &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(ip)}, nil
	}
	return &unix.SockaddrInet6{Port: to.Port, Addr: [16]byte(to.IP.To16())}, nil
}

// dial connects one client after the other, as long as handshakes may begin.
func (p *Pool) dial(to unix.Sockaddr) {
	for {
		select {
		case <-p.done:
			return
		case c := <-p.dials:
			select {
			case <-p.done:
				return
			case p.handshake <- struct{}{}:
			}
			if p.Web != nil {
				go c.stream()
				continue
			}
			c.loop.mu.Lock()
			if err := c.connect(to); err != nil {
				c.end(err)
			}
			c.loop.mu.Unlock()
		}
	}
}

// connect begins a connection; the loop goes on with it.
func (c *Client) connect(to unix.Sockaddr) (err error) {
	family := unix.AF_INET
	if _, ok := to.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	c.state = connecting
	c.parser.reset()
	c.check.AnyStart = c.AnyStart
	if c.fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	if c.Slow {
		unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, slowBuffer)
	}
	if err = unix.Connect(c.fd, to); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("connect to %s: %w", c.pool.address, err)
	}
	c.loop.sockets[int32(c.fd)] = c
	return c.loop.watch(unix.EPOLL_CTL_ADD, c.fd, unix.EPOLLOUT)
}

// webBuffer is what a stream through net/http reads into, in bytes.
const webBuffer = 16 << 10

// stream is the whole life of a connection through net/http.
func (c *Client) stream() {
	c.loop.mu.Lock()
	c.state = waiting
	c.parser.reset()
	c.check.AnyStart = c.AnyStart
	request, err := http.NewRequest(http.MethodGet, c.pool.URL(c.path), nil)
	if err == nil {
		request.Header.Set("Accept", "text/event-stream")
		if len(c.parser.lastID) > 0 {
			request.Header.Set("Last-Event-ID", string(c.parser.lastID))
		}
	}
	c.loop.mu.Unlock()
	var response *http.Response
	if err == nil {
		response, err = c.pool.Web(c.number).Do(request)
	}
	if err == nil {
		err = checkResponse(response)
	}
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	if c.state != waiting { // cut meanwhile
		if response != nil {
			response.Body.Close()
		}
		return
	}
	if err != nil {
		c.end(err)
		return
	}
	c.body = response.Body
	c.parser.state = inBody
	c.established()
	if c.Slow {
		c.resumed = make(chan struct{})
		resumed := c.resumed
		c.loop.mu.Unlock()
		select {
		case <-resumed:
		case <-c.pool.done:
		}
		c.loop.mu.Lock()
	}
	c.readBody(response)
}

// readBody reads the stream to its end. It is called with the loop's mutex held,
// and gives it up while it waits.
func (c *Client) readBody(response *http.Response) {
	buffer := make([]byte, webBuffer)
	for {
		c.loop.mu.Unlock()
		n, err := response.Body.Read(buffer)
		arrived := now()
		c.loop.mu.Lock()
		if c.body != response.Body { // cut
			return
		}
		c.loop.arrived = arrived
		if n > 0 {
			if err := c.received(buffer[:n]); err != nil {
				c.end(err)
				return
			}
		}
		if err != nil {
			if err == io.EOF {
				err = errServerEnded
			}
			c.end(err)
			return
		}
	}
}

func checkResponse(r *http.Response) error {
	bad := &ResponseError{Status: r.StatusCode, ContentType: r.Header.Get("Content-Type")}
	if r.StatusCode == http.StatusOK && strings.HasPrefix(bad.ContentType, "text/event-stream") {
		return nil
	}
	start := make([]byte, 200)
	n, _ := r.Body.Read(start)
	r.Body.Close()
	bad.Body = string(start[:n])
	return bad
}
