package delivery

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kataras/golog"
	"golang.org/x/sys/unix"

	"iris-broadcast/internal/metrics"
)

const (
	passBytes  = 128 << 10              // of frames that are written in one pass, about
	lingerTime = 500 * time.Millisecond // how long a client may take to end its side
)

// writer owns a part of all connections: nobody else touches them. It works in passes: it takes everything that waits and
// gives each connection its bytes in one write; what comes meanwhile goes out in the next. So batches grow by themselves
// under load, and a lone event waits for nothing.
type writer struct {
	// Set by newWriter, then read-only.
	limits  Limits
	metrics *metrics.Metrics
	load    *load
	epoll   *os.File
	epfd    int
	period  time.Duration // of a tick
	wake    chan struct{} // holds a token when there is something in inbox
	events  chan []unix.EpollEvent
	seen    chan struct{} // the writer has done with what came from events
	done    chan struct{} // closed when the writer has ended

	held   atomic.Int64 // how many connections it has or will have
	outbox []message    // told, but not flushed; of the goroutine that owns the audiences

	mu     sync.Mutex
	inbox  []message
	closed bool // takes nothing more

	// Owned by run.
	spare     []message
	conns     []*conn  // by descriptor
	dirty     []*share // those with a batch
	batched   int      // bytes in them
	oldest    uint64   // of what is in them: its Unix time in milliseconds, or 0
	calm      int      // how many frames in a row have been written alone: publishers brought nothing meanwhile
	joined    []byte   // where a batch is joined, unless a slow connection still needs it
	finishing []finishing
	full      []*conn // whose socket takes nothing at the moment
	lingering []linger
	wheel     wheel
	ticks     uint32
	stamp     int32
	scrap     [4096]byte
}

// finishing is a stream that ends with this pass.
type finishing struct {
	conn   *conn
	reason Reason
}

// linger is a connection that has hung up, and until when its client may answer.
type linger struct {
	conn  *conn
	until time.Time
}

// newWriters starts a writer for each CPU, or none where the system does not allow that.
func newWriters(e *Engine) []*writer {
	var writers []*writer
	for range runtime.GOMAXPROCS(0) {
		w, err := newWriter(e)
		if err != nil {
			golog.Warnf("Streams are served by a goroutine each: %v", err)
			for _, w := range writers {
				w.close()
			}
			return nil
		}
		writers = append(writers, w)
	}
	return writers
}

func newWriter(e *Engine) (*writer, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(epfd, true); err != nil { // so that Go waits for it as for any socket, without a thread
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &writer{
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

// tell queues a message for the next flush. It is for the goroutine that owns the audiences alone.
func (w *writer) tell(m message) { w.outbox = append(w.outbox, m) }

// flush posts what was told.
func (w *writer) flush() {
	if len(w.outbox) == 0 {
		return
	}
	w.post(w.outbox...)
	clear(w.outbox)
	w.outbox = w.outbox[:0]
}

// post queues messages. It says whether the writer takes them.
func (w *writer) post(messages ...message) bool {
	bytes := 0
	for i := range messages {
		bytes += len(messages[i].frame)
	}
	w.load.queued.Add(int64(bytes))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inbox = append(w.inbox, messages...)
	select {
	case w.wake <- struct{}{}:
	default: // it is awake already
	}
	return !w.closed
}

// close cuts all connections and ends the writer.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.post()
	<-w.done
}

// run is the writer.
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
		if over := w.pass(); over {
			w.cut()
			return
		}
	}
}
