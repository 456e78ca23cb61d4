package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Pool is the clients of a trial. It is safe for concurrent use.
type Pool struct {
	// Set by NewPool, then read-only.
	address string // host:port to dial
	loops   []*loop

	// Set before Connect, then read-only.
	Web func(client int) *http.Client // if set, streams go through net/http
	URL func(path string) string      // with Web: the URL of a path

	PerSecond int    // connections begun a second at most, 0 for as many as go
	Host      string // the Host header; host:port from NewPool on
	Rising    bool   // ids are <ms>-<sequence>, and each is to be above the one before; see Stats.Fallen
	Since     int64  // Unix time in nanoseconds: stamps planned before it are of another trial

	// Reconnect makes clients that the server ends reconnect by themselves, after its retry time (1 s by default), with
	// their last id.
	Reconnect atomic.Bool

	clients   []*Client
	dials     chan *Client
	handshake chan struct{} // holds one element a handshake in flight
	done      chan struct{}
	nextDial  int64 // owned by dial: Now, when the next connection may begin

	failure atomic.Pointer[failure]
	ending  atomic.Pointer[failure]
}

// failure is why a client could not connect or had to be ended.
type failure struct{ err error }

// NewPool returns a pool of clients of the server at host:port, with one reader a
// CPU and at most inflight handshakes at a time.
func NewPool(address string, inflight int) (*Pool, error) {
	p := &Pool{
		address:   address,
		Host:      address,
		dials:     make(chan *Client, 1<<16),
		handshake: make(chan struct{}, inflight),
		done:      make(chan struct{}),
	}
	to, err := resolve(address)
	if err != nil {
		return nil, err
	}
	for range runtime.GOMAXPROCS(0) {
		l, err := newLoop(p)
		if err != nil {
			p.Close()
			return nil, err
		}
		p.loops = append(p.loops, l)
		go l.run()
	}
	go p.dial(to)
	return p, nil
}

// Add adds a client of the stream at path; topic is that stream's number, for Behind. Connect connects it.
func (p *Pool) Add(path string, topic int) *Client {
	c := &Client{pool: p, number: len(p.clients), path: path, topic: topic, fd: -1}
	c.loop = p.loops[c.number%len(p.loops)]
	p.clients = append(p.clients, c)
	return c
}

// Clients returns all clients, in the order in which they were added.
func (p *Pool) Clients() []*Client { return p.clients }

// Connect connects clients, and returns once each has the head of its stream. progress, if not nil, is called now and
// then with how many have.
func (p *Pool) Connect(ctx context.Context, clients []*Client, progress func(done int)) error {
	go func() {
		for _, c := range clients {
			select {
			case p.dials <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	err := p.await(ctx, func() bool {
		n := p.count(clients, func(c *Client) bool { return c.connected() || c.done() })
		if progress != nil {
			progress(n)
		}
		return n == len(clients)
	})
	if err == nil && !p.Reconnect.Load() {
		err = p.Err() // of the last that was done
	}
	return err
}

// await polls until is returns true, ctx ends, or a client fails for good.
func (p *Pool) await(ctx context.Context, is func() bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if err := p.Err(); err != nil && !p.Reconnect.Load() {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("gave up: %w", context.Cause(ctx)), p.Err())
		case <-tick.C:
		}
	}
	return nil
}

// Err is the first failure of a client, nil if there was none.
func (p *Pool) Err() error {
	if f := p.failure.Load(); f != nil {
		return f.err
	}
	return nil
}

// Ending is why the server ended the first stream it ended, nil if it ended none.
func (p *Pool) Ending() error {
	if f := p.ending.Load(); f != nil {
		return f.err
	}
	return nil
}

func (p *Pool) fail(err error) { p.failure.CompareAndSwap(nil, &failure{err}) }

// count counts the clients for which is returns true.
func (p *Pool) count(clients []*Client, is func(*Client) bool) (n int) {
	for _, l := range p.loops {
		l.mu.Lock()
		for _, c := range clients {
			if c.loop == l && is(c) {
				n++
			}
		}
		l.mu.Unlock()
	}
	return n
}

// Connected is how many clients have a stream now.
func (p *Pool) Connected() int { return p.count(p.clients, (*Client).connected) }

// Cut closes the clients' connections; they stay closed until Connect.
func (p *Pool) Cut(clients []*Client) {
	for _, c := range clients {
		c.loop.mu.Lock()
		c.close()
		c.loop.mu.Unlock()
	}
}

// Pause makes clients stop reading, until Resume: those without a stream once they have one. Streams through net/http
// that are open continue.
func (p *Pool) Pause(clients []*Client) {
	for _, c := range clients {
		c.loop.mu.Lock()
		if !c.Slow && c.body == nil {
			c.Slow = true
			if c.fd >= 0 && c.state == streaming {
				c.loop.watch(unix.EPOLL_CTL_DEL, c.fd, 0)
			}
		}
		c.loop.mu.Unlock()
	}
}

// Resume makes Slow clients read again.
func (p *Pool) Resume(clients []*Client) {
	for _, c := range clients {
		c.loop.mu.Lock()
		if c.Slow {
			c.Slow = false
			c.resume()
		}
		c.loop.mu.Unlock()
	}
}

// Close cuts all clients and ends the pool.
func (p *Pool) Close() {
	p.Reconnect.Store(false)
	select {
	case <-p.done:
		return
	default:
	}
	close(p.done)
	p.Cut(p.clients)
	for _, l := range p.loops {
		l.wake()
	}
	var ended sync.WaitGroup
	for _, l := range p.loops {
		ended.Go(func() { <-l.ended })
	}
	ended.Wait()
}
