package delivery

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/kataras/golog"
	"golang.org/x/sys/unix"

	"iris-broadcast/internal/metrics"
)

const (
	passBytes = 128 << 10 // of frames written in one pass, about
	soon      = 8         // frames written alone, one after the other, after which nobody is taken to wait for the CPU
)

// writer owns some of the connections: nothing else touches them. It works in passes: it takes everything that waits
// and gives each connection its bytes in one write; what arrives meanwhile goes out in the next pass. So batches grow
// by themselves under load, and a lone event waits for nothing.
type writer struct {
	// Set by newWriter, then read-only.
	index   int // of Engine.writers
	limits  Limits
	metrics *metrics.Metrics
	load    *load
	epoll   *os.File
	epfd    int
	period  time.Duration // of a tick
	wake    chan struct{} // holds a token when there is something in inbox
	events  chan []unix.EpollEvent
	seen    chan struct{} // the writer has handled what came from events
	done    chan struct{} // closed when the writer has ended

	held atomic.Int64 // connections that it has or will have

	mu     sync.Mutex
	inbox  []message
	closed bool // accepts nothing more

	// Owned by run.
	spare     []message
	conns     []*conn  // by descriptor
	dirty     []*share // those with a batch
	batched   int      // bytes in their batches
	oldest    uint64   // event of the batches: its Unix time in milliseconds, or 0
	alone     int      // frames in a row that had a pass of their own
	joined    []byte   // where a batch is joined, unless a slow connection still needs it
	finishing []finishing
	full      []*conn // whose socket accepts nothing at the moment
	lingering []linger
	wheel     wheel
	ticks     uint32
	stamp     int32
	scrap     [4096]byte
}

// newWriters starts a writer for each CPU, or none where the system does not allow that.
func newWriters(e *Engine) []*writer {
	var writers []*writer
	for i := range runtime.GOMAXPROCS(0) {
		w, err := newWriter(e, i)
		if err != nil {
			golog.Warnf("Each stream is served by a goroutine of its own: %v", err)
			for _, w := range writers {
				w.close()
			}
			return nil
		}
		writers = append(writers, w)
	}
	return writers
}

func newWriter(e *Engine, index int) (*writer, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(epfd, true); err != nil { // so that Go waits for it as for any socket, without a thread
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &writer{
		index:   index,
		limits:  e.limits,
		metrics: e.metrics,
		load:    &e.load,
		epoll:   os.NewFile(uintptr(epfd), "epoll"),
		epfd:    epfd,
		period:  min(max(min(e.limits.Heartbeat, e.limits.Stall)/64, 5*time.Millisecond), 250*time.Millisecond),
		wake:    make(chan struct{}, 1),
		events:  make(chan []unix.EpollEvent),
		seen:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go w.poll()
	go w.run()
	return w, nil
}

func (w *writer) connections() int { return int(w.held.Load()) }

// post queues messages, all or, once the writer is closed, none: then it returns false.
func (w *writer) post(messages ...message) bool {
	bytes := 0
	for i := range messages {
		bytes += len(messages[i].frame)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.load.queued.Add(int64(bytes))
	w.inbox = append(w.inbox, messages...)
	w.wakeUp()
	return true
}

// run is the writer: each round is a pass.
func (w *writer) run() {
	tick := time.NewTicker(w.period)
	defer tick.Stop()
	for {
		select {
		case <-w.wake:
		case events := <-w.events:
			w.look(events)
			w.seen <- struct{}{}
		case now := <-tick.C:
			w.tick(now)
		}
		w.mu.Lock()
		messages, closed := w.inbox, w.closed
		w.inbox = w.spare[:0]
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
		if closed {
			w.cut()
			return
		}
	}
}

// handle does what a message says. A frame waits in its share's batch until deliver.
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
		w.load.queued.Add(-int64(len(m.frame)))
		w.load.better()
		if m.conn.state == live {
			w.write(m.conn, m.frame)
		}
	case kindJoin:
		w.join(m.conn, m.share)
	case kindServe:
		m.conn.left = m.left
		w.load.streams.Add(1)
		w.reportLeft(m.conn)
	case kindEnd:
		w.finishing = append(w.finishing, finishing{m.conn, m.reason})
	}
}

// deliver gives each connection of each share its bytes, and then ends the streams that are to end.
func (w *writer) deliver() {
	for i, s := range w.dirty {
		batch, kept := w.concat(s.batch), false
		if w.alone++; len(s.batch) > 1 {
			w.alone = 0
		}
		for j := len(s.conns) - 1; j >= 0; j-- { // backwards: a released one is replaced by one that has had its turn
			c := s.conns[j]
			kept = !w.write(c, batch[c.from:]) && c.aside != nil || kept
			c.from = 0
		}
		w.count(len(s.batch), len(batch), len(s.conns))
		w.recycle(s.batch, kept)
		clear(s.batch)
		s.batch, s.size = s.batch[:0], 0
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

// write writes p, now or when the socket has room. It says whether the socket accepted all of it at once.
func (w *writer) write(c *conn, p []byte) bool {
	if c.aside != nil {
		w.setAside(c, p)
		return false
	}
	c.spoke = w.ticks
	n, err := send(c.fd, p, w.alone > soon)
	switch {
	case n == len(p):
		return true
	case err != nil && err != unix.EAGAIN:
		w.release(c, metrics.Left)
		return false
	}
	w.fill(c)
	w.setAside(c, p[max(n, 0):])
	return false
}

// send makes one write(2). A raw call is a tenth cheaper, since Go's scheduler does not hear of it, but leaves others
// less of the CPU: under load publishers brought a third less beside it. The socket never blocks.
func send(fd int, p []byte, raw bool) (n int, err error) {
	for {
		if raw {
			r, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd),
				uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
			if n, err = int(r), nil; errno != 0 {
				n, err = -1, errno
			}
		} else {
			n, err = unix.Write(fd, p)
		}
		if err != unix.EINTR {
			return n, err
		}
	}
}

// concat joins frames, so that they need one write.
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

// recycle says that what concat made of frames is no longer needed; or, if kept, only by a slow connection.
func (w *writer) recycle(frames [][]byte, kept bool) {
	if len(frames) > 1 && kept || cap(w.joined) > 4*passBytes {
		w.joined = nil
	}
}

// count adds a batch of so many events and bytes, written to so many connections, to the metrics.
func (w *writer) count(events, bytes, conns int) {
	w.metrics.Batch.Observe(float64(events))
	w.metrics.Deliveries.Add(float64(events * conns))
	w.metrics.Bytes.Add(float64(bytes * conns))
}
