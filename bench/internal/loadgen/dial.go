package loadgen

import (
	"fmt"
	"net"
	"time"

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

// dial connects clients one after the other, as handshakes are allowed.
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
			p.pace()
			if p.Web != nil {
				go c.stream()
				continue
			}
			c.loop.mu.Lock()
			if c.state != idle { // connected meanwhile
				<-p.handshake
			} else if err := c.connect(to); err != nil {
				c.end(err)
			}
			c.loop.mu.Unlock()
		}
	}
}

// pace holds the dialer back to PerSecond.
func (p *Pool) pace() {
	if p.PerSecond > 0 {
		time.Sleep(time.Duration(p.nextDial - Now()))
		p.nextDial = max(p.nextDial, Now()-int64(time.Second)/10) + int64(time.Second)/int64(p.PerSecond)
	}
}

// connect starts a connection; the loop completes it.
func (c *Client) connect(to unix.Sockaddr) (err error) {
	family := unix.AF_INET
	if _, ok := to.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	c.state = connecting
	c.parser.reset()
	c.parser.rising = c.pool.Rising
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
