package loadgen

import (
	"errors"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// readBuffer is the size of a loop's read buffer, shared by its clients, in bytes.
const readBuffer = 256 << 10

// began lets Now use the monotonic clock and yet be comparable with stamps.
var began = time.Now()

// Now is Unix time in nanoseconds, unaffected by changes of the clock.
func Now() int64 { return began.UnixNano() + int64(time.Since(began)) }

// loop reads the sockets of its clients in one goroutine.
type loop struct {
	// Set by newLoop, then read-only.
	pool  *Pool
	epoll int
	waker int // an eventfd
	ended chan struct{}

	buffer []byte // owned by run

	mu      sync.Mutex
	sockets map[int32]*Client
	stats   Stats
	arrived int64   // now, as of the read being handled
	reader  *Client // whose read that is
	count   func(s Stamp, stamped bool)
}

func newLoop(p *Pool) (l *loop, err error) {
	l = &loop{pool: p, ended: make(chan struct{}), buffer: make([]byte, readBuffer), sockets: map[int32]*Client{}}
	l.stats.Delay = NewHistogram()
	l.count = l.note
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.waker, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, err
	}
	return l, l.watch(unix.EPOLL_CTL_ADD, l.waker, unix.EPOLLIN)
}

func (l *loop) watch(operation, fd int, events uint32) error {
	return unix.EpollCtl(l.epoll, operation, fd, &unix.EpollEvent{Fd: int32(fd), Events: events})
}

func (l *loop) wake() { unix.Write(l.waker, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (l *loop) run() {
	defer close(l.ended)
	defer unix.Close(l.waker)
	defer unix.Close(l.epoll)
	ready := make([]unix.EpollEvent, 512)
	for {
		n, err := unix.EpollWait(l.epoll, ready, -1)
		if err != nil && err != unix.EINTR {
			l.pool.fail(err)
			return
		}
		select {
		case <-l.pool.done:
			return
		default:
		}
		for i := range max(n, 0) {
			l.ready(ready[i].Fd)
		}
	}
}

// ready handles a socket that can be read or written.
func (l *loop) ready(fd int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.sockets[fd]
	if c == nil { // cut a moment ago
		return
	}
	if c.state == connecting {
		if err := c.writable(); err != nil {
			c.end(err)
		}
		return
	}
	n, err := unix.Read(c.fd, l.buffer)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil:
		c.end(err)
	case n == 0 && c.state == waiting:
		c.end(errors.New("the server ended the connection without an answer"))
	case n == 0:
		c.end(errServerEnded)
	default:
		l.arrived = Now()
		if err := c.received(l.buffer[:n]); err != nil {
			c.end(err)
		}
	}
}

// event returns what counts an event of c.
func (l *loop) event(c *Client) func(s Stamp, stamped bool) {
	l.reader = c
	return l.count
}

func (l *loop) note(s Stamp, stamped bool) {
	l.stats.Events++
	if l.reader.parser.gap {
		l.stats.Gaps++
	}
	if l.reader.parser.fell {
		l.stats.Fallen++
	}
	if !stamped || s.Planned < l.pool.Since {
		return
	}
	l.stats.Stamped++
	switch l.reader.check.Note(s.Publisher, s.Sequence) {
	case Doubled:
		l.stats.Doubled++
		return
	case Reordered:
		l.stats.Reordered++
	}
	l.stats.Delay.RecordValue(min(max(l.arrived-s.Planned, 1), int64(longestDelay)))
}

// longestDelay is what a histogram records for longer delays too.
const longestDelay = 10 * time.Minute

// NewHistogram returns a histogram of delays in nanoseconds, accurate to 1 %, from a microsecond to longestDelay.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(time.Microsecond), int64(longestDelay), 2)
}
