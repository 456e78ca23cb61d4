package delivery

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"iris-broadcast/internal/stream"
)

const (
	writeSize = 32 << 10    // bytes of one write at most; each has its own deadline, so that slow progress is progress
	patience  = time.Second // how long Serve must be busy with what it took before what waits behind that counts against the client
)

// Limits are the bounds of one client's stream.
type Limits struct {
	MaxPending int           // bytes that may wait behind the client's own full socket
	Stall      time.Duration // the longest that one write may take
	Heartbeat  time.Duration // after which silence the stream says something
}

// Reason is why a stream ended.
type Reason int

// The reasons.
const (
	Open    Reason = iota // it has not
	Left                  // the client went away
	Stalled               // the client's socket took nothing for Limits.Stall
	Pending               // more than Limits.MaxPending waited behind the client's full socket
	Closing               // the server is closing
)

// String names the reason.
func (r Reason) String() string {
	return [...]string{"open", "left", "stalled", "too much pending", "closing"}[r]
}

// Stream is one client's connection. Its handler's goroutine calls Write and Serve, which alone touch the socket; Send and
// End may be called from anywhere and never wait.
type Stream struct {
	// Set by New, then read-only.
	w      io.Writer
	rc     *http.ResponseController
	form   Form
	limits Limits
	ready  chan struct{} // holds a token when there is something for Serve to do

	failed Reason // why the socket takes nothing more; the handler's alone

	mu      sync.Mutex
	waiting [][]byte  // frames to be written
	pending int       // bytes that the socket has not taken: of waiting, and of what is being written
	since   time.Time // since when Serve is busy with what it took, or zero
	end     Reason
}

// New is a stream that writes to w, and flushes and sets deadlines on the server's own writer below it: a framework's may
// do neither.
func New(w io.Writer, naive http.ResponseWriter, form Form, limits Limits) *Stream {
	return &Stream{w: w, rc: http.NewResponseController(naive), form: form, limits: limits, ready: make(chan struct{}, 1)}
}

// Send queues a frame. A client for which more than MaxPending waits is ended if its own socket is what holds it up: if Serve
// has been busy for over a second with what it took. What waits for its turn on a busy machine ends nobody.
func (s *Stream) Send(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != Open {
		return
	}
	s.waiting = append(s.waiting, frame)
	s.pending += len(frame)
	if s.pending > s.limits.MaxPending && !s.since.IsZero() && time.Since(s.since) > patience {
		s.end, s.waiting = Pending, nil
	}
	s.wake()
}

// End ends the stream after what waits has been written. Only the first reason counts.
func (s *Stream) End(reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == Open {
		s.end = reason
		s.wake()
	}
}

func (s *Stream) wake() {
	select {
	case s.ready <- struct{}{}:
	default: // it is awake already
	}
}

// Serve writes what is sent, all that waits at once, and heartbeats, until ctx ends, the client cannot be written to, or
// End.
func (s *Stream) Serve(ctx context.Context) Reason {
	quiet := time.NewTimer(s.limits.Heartbeat)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return Left
		case <-quiet.C:
			s.busy(time.Now())
			if reason := s.Write(heartbeat[s.form]); reason != Open {
				return reason
			}
			s.busy(time.Time{})
		case <-s.ready:
			frames, end := s.take()
			if reason := s.writeAll(frames); reason != Open {
				return reason
			}
			if end != Open {
				return end
			}
		}
		quiet.Reset(s.limits.Heartbeat)
	}
}

func (s *Stream) take() (frames [][]byte, end Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, s.waiting = s.waiting, nil
	s.since = time.Now()
	return frames, s.end
}

var buffers = sync.Pool{New: func() any { return new([writeSize]byte) }}

// writeAll joins frames, so that they take one write and one flush, or as few as fit.
func (s *Stream) writeAll(frames [][]byte) Reason {
	defer s.busy(time.Time{})
	buffer := buffers.Get().(*[writeSize]byte)
	defer buffers.Put(buffer)
	batch := buffer[:0]
	for _, frame := range frames {
		for len(frame) > 0 {
			n := min(len(frame), writeSize-len(batch))
			batch, frame = append(batch, frame[:n]...), frame[n:]
			if len(batch) < writeSize {
				continue
			}
			if reason := s.writeBatch(batch); reason != Open {
				return reason
			}
			batch = batch[:0]
		}
	}
	return s.writeBatch(batch)
}

func (s *Stream) writeBatch(batch []byte) Reason {
	reason := s.Write(batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending -= len(batch)
	if s.end == Pending {
		return Pending
	}
	return reason
}

// busy says since when a write is under way; zero is that none is.
func (s *Stream) busy(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = since
}

// Write writes p and flushes it, in parts that each have Limits.Stall to be taken by the socket. Once it has failed it
// does nothing but say so. The deadline is cleared afterwards: on HTTP/2 one that passes while the stream is quiet would
// reset it.
func (s *Stream) Write(p []byte) Reason {
	defer s.rc.SetWriteDeadline(time.Time{})
	for len(p) > 0 && s.failed == Open {
		part := p[:min(len(p), writeSize)]
		p = p[len(part):]
		began := time.Now()
		s.rc.SetWriteDeadline(began.Add(s.limits.Stall))
		_, err := s.w.Write(part)
		if err == nil {
			err = s.rc.Flush()
		}
		switch {
		case err == nil:
		case time.Since(began) >= s.limits.Stall:
			s.failed = Stalled
		default:
			s.failed = Left
		}
	}
	return s.failed
}

// WriteEvents writes events that nobody else needs in this form: those that a client missed.
func (s *Stream) WriteEvents(events []stream.Event) Reason {
	var encoded []byte
	for _, e := range events {
		if encoded = Encode(encoded, e, s.form); len(encoded) >= writeSize {
			s.Write(encoded)
			encoded = encoded[:0]
		}
	}
	return s.Write(encoded)
}
