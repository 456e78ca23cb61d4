// Package loglimit keeps crowds out of the log: of lines that clients can cause at will it logs a few a second, and one that
// sums up the others.
package loglimit

import (
	"sync"
	"time"
)

const (
	perSecond  = 5   // lines logged as they are
	maxWaiting = 100 // lines held while the log does not keep up
)

// Lines logs up to five lines a second as they are. The others are folded into a T, such as their number, which becomes one
// summary line at the second's end. No method waits for the log, which may be a pipe that nobody reads: at most 100 lines
// are held for it; beyond that lines are folded too, and a summary is put off. Lines is safe for concurrent use.
type Lines[T any] struct {
	summarize func(T)

	mu      sync.Mutex
	counted bool // a second has begun
	lines   int  // logged in it
	rest    *T   // of the lines that were not, or nil

	waiting []func() // for the log, in order
	writing bool     // write is running
}

// New returns a Lines that has summarize log the summaries.
func New[T any](summarize func(T)) *Lines[T] { return &Lines[T]{summarize: summarize} }

// Log has line called, which logs it, or calls fold to add it to the second's summary. A nil line is always folded. Lines
// and summaries are logged by one goroutine, in order; fold is called at once and must not block.
func (l *Lines[T]) Log(line func(), fold func(rest *T)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.counted {
		l.counted, l.lines = true, 0
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

// endSecond sums up the second, or leaves that to the next one if the log is not keeping up.
func (l *Lines[T]) endSecond() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted = false
	if l.rest == nil {
		return
	}
	if rest := *l.rest; l.enqueue(func() { l.summarize(rest) }) {
		l.rest = nil
		return
	}
	l.counted, l.lines = true, 0
	time.AfterFunc(time.Second, l.endSecond)
}

// enqueue has write log the line; it reports whether there was room.
func (l *Lines[T]) enqueue(line func()) bool {
	if len(l.waiting) == maxWaiting {
		return false
	}
	l.waiting = append(l.waiting, line)
	if !l.writing {
		l.writing = true
		go l.write()
	}
	return true
}

// write logs what waits, then ends.
func (l *Lines[T]) write() {
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.waiting, l.writing = nil, false
			l.mu.Unlock()
			return
		}
		line := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		line()
	}
}
