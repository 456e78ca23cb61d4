package logs

import (
	"sync"
	"time"
)

const (
	perSecond = 5   // lines
	maxQueued = 100 // lines, while the log does not keep up
)

// Lines bounds the log lines that clients can cause at will. It logs up to five a second. Any others are folded into a
// T, such as a count, which is logged as one summary at the end of the second. Callers never block on the log, which
// may be a pipe that nobody reads: at most 100 lines are queued; while the queue is full, lines are folded and the
// summary is postponed, so no count is lost. Lines is safe for concurrent use.
type Lines[T any] struct {
	summarize func(T)

	mu       sync.Mutex
	counting bool // a second has begun
	lines    int  // queued in it
	rest     *T   // what the others were folded into, or nil

	queue   []func()
	writing bool // write is running
}

// NewLines returns a Lines that calls summarize to log a summary.
func NewLines[T any](summarize func(T)) *Lines[T] { return &Lines[T]{summarize: summarize} }

// Log queues line, which logs something, or calls fold to add it to the summary. A nil line is always folded. One
// goroutine at a time calls the lines and summarize, in order; fold is called before Log returns and must not block.
func (l *Lines[T]) Log(line func(), fold func(rest *T)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.counting {
		l.counting, l.lines = true, 0
		time.AfterFunc(time.Second, l.endSecond)
	}
	if line != nil && l.lines < perSecond && l.enqueue(line) {
		l.lines++
		return
	}
	if l.rest == nil {
		l.rest = new(T)
	}
	fold(l.rest)
}

// endSecond queues the summary, or tries again a second later if the queue is full.
func (l *Lines[T]) endSecond() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counting = false
	if l.rest == nil {
		return
	}
	if rest := *l.rest; l.enqueue(func() { l.summarize(rest) }) {
		l.rest = nil
		return
	}
	l.counting, l.lines = true, 0
	time.AfterFunc(time.Second, l.endSecond)
}

// Flush logs the summary now, and waits until everything queued is logged, for at most a second.
func (l *Lines[T]) Flush() {
	logged := make(chan struct{})
	l.mu.Lock()
	if l.rest != nil {
		rest := *l.rest
		if l.enqueue(func() { l.summarize(rest) }) {
			l.rest = nil
		}
	}
	queued := l.enqueue(func() { close(logged) })
	l.mu.Unlock()
	if !queued {
		return // nobody reads the log
	}
	select {
	case <-logged:
	case <-time.After(time.Second):
	}
}

// enqueue reports whether there was room for line.
func (l *Lines[T]) enqueue(line func()) bool {
	if len(l.queue) == maxQueued {
		return false
	}
	l.queue = append(l.queue, line)
	if !l.writing {
		l.writing = true
		go l.write()
	}
	return true
}

// write calls the queued lines until there are none.
func (l *Lines[T]) write() {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.queue, l.writing = nil, false
			l.mu.Unlock()
			return
		}
		line := l.queue[0]
		l.queue = l.queue[1:]
		l.mu.Unlock()
		line()
	}
}
