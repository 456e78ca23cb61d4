package delivery

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/stream"
)

// handlerStream is a stream that its handler's goroutine serves, on every kind of connection: Write and Serve, which alone
// touch the socket, belong to that goroutine; the others never wait.
type handlerStream struct {
	// Set by newHandlerStream, then read-only.
	w       io.Writer
	rc      *http.ResponseController
	form    Form
	limits  Limits
	metrics *metrics.Metrics
	load    *load
	ready   chan struct{} // holds a token when there is something for Serve to do

	failed Reason // why the socket takes nothing more; the handler's alone

	mu      sync.Mutex
	waiting [][]byte  // frames to be written
	oldest  uint64    // of waiting: its Unix time in milliseconds, or 0
	pending int       // bytes that the socket has not taken: of waiting, and of what is being written
	since   time.Time // since when Serve is busy with what it took, or zero
	end     Reason
}

// newHandlerStream is a stream that writes to w, and flushes and sets deadlines on the server's own writer below it: a
// framework's may do neither.
func newHandlerStream(w io.Writer, naive http.ResponseWriter, form Form, e *Engine) *handlerStream {
	return &handlerStream{
		w: w, rc: http.NewResponseController(naive), form: form,
		limits: e.limits, metrics: e.metrics, load: &e.load, ready: make(chan struct{}, 1)}
}

// start implements Stream.
func (s *handlerStream) start(missed [][]byte) {
	for _, frame := range missed {
		s.send(frame, 0)
	}
}

// tell implements Stream.
func (s *handlerStream) tell(frame []byte) { s.send(frame, 0) }

// enter implements Stream.
func (s *handlerStream) enter(a *Audience) { a.served[s] = true }

// leave implements Stream.
func (s *handlerStream) leave(a *Audience) { delete(a.served, s) }

// send queues a frame that was logged at that Unix time in milliseconds, or 0 if nobody waits for it. A client for which more than
// MaxPending waits is ended if its own socket is what holds it up: if Serve has been busy for over a second with what it
// took. What waits for its turn on a busy machine ends nobody.
func (s *handlerStream) send(frame []byte, at uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != Open {
		return
	}
	if s.oldest == 0 {
		s.oldest = at
	}
	s.waiting = append(s.waiting, frame)
	s.count(len(frame))
	if s.pending > s.limits.MaxPending && !s.since.IsZero() && time.Since(s.since) > patience {
		s.end, s.waiting = Pending, nil
	}
	s.wake()
}

// count adds to what is pending, and says so where that makes a difference to how busy the server is.
func (s *handlerStream) count(bytes int) {
	before := s.pending
	s.pending += bytes
	s.load.changed(before, s.pending)
}

// End implements Stream.
func (s *handlerStream) End(reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == Open {
		s.end = reason
		s.wake()
	}
}

// Close implements Stream: what was written is written.
func (s *handlerStream) Close() {}

func (s *handlerStream) wake() {
	select {
	case s.ready <- struct{}{}:
	default: // it is awake already
	}
}

// Serve implements Stream. It returns when the stream has ended.
func (s *handlerStream) Serve(ctx context.Context, left func(Reason)) {
	s.load.streams.Add(1)
	reason := s.serve(ctx)
	s.mu.Lock()
	s.count(-s.pending)
	s.end = reason
	s.mu.Unlock()
	s.load.streams.Add(-1)
	left(reason)
}

// serve writes what is sent, all that waits at once, and heartbeats, until ctx ends, the client cannot be written to, or
// End.
func (s *handlerStream) serve(ctx context.Context) Reason {
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
			frames, oldest, end := s.take()
			if reason := s.writeAll(frames); reason != Open {
				return reason
			}
			s.metrics.Since(oldest, time.Now())
			if end != Open {
				return end
			}
		}
		quiet.Reset(s.limits.Heartbeat)
	}
}

func (s *handlerStream) take() (frames [][]byte, oldest uint64, end Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, s.waiting = s.waiting, nil
	oldest, s.oldest = s.oldest, 0
	s.since = time.Now()
	return frames, oldest, s.end
}

var buffers = sync.Pool{New: func() any { return new([writeSize]byte) }}

// writeAll joins frames, so that they take one write and one flush, or as few as fit.
func (s *handlerStream) writeAll(frames [][]byte) Reason {
	defer s.busy(time.Time{})
	s.metrics.Deliveries.Add(float64(len(frames)))
	s.metrics.Batch.Observe(float64(len(frames)))
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

func (s *handlerStream) writeBatch(batch []byte) Reason {
	reason := s.Write(batch)
	s.metrics.Bytes.Add(float64(len(batch)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(-len(batch))
	if s.end == Pending {
		return Pending
	}
	return reason
}

// busy says since when a write is under way; zero is that none is.
func (s *handlerStream) busy(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = since
}

// Write implements Stream: it writes p and flushes it, in parts that each have Limits.Stall to be taken by the socket. The deadline is cleared afterwards: on HTTP/2 one that passes while the stream is quiet would
// reset it.
func (s *handlerStream) Write(p []byte) Reason {
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

// WriteEvents implements Stream.
func (s *handlerStream) WriteEvents(events []stream.Event) Reason {
	return writeEvents(s, events, s.form, s.metrics)
}
