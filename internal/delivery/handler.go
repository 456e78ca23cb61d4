package delivery

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// handlerStream is a stream that its handler's goroutine serves, on every kind of connection: Write and Serve, which
// alone touch the socket, belong to that goroutine; the others never wait.
type handlerStream struct {
	// Set by newHandlerStream, then read-only.
	w       io.Writer
	rc      *http.ResponseController
	ctx     context.Context // the request's
	form    sse.Form
	limits  Limits
	metrics *metrics.Metrics
	load    *load
	ready   chan struct{} // holds a token when there is something for Serve to do

	failed metrics.Reason // why writing failed; the handler's alone

	mu      sync.Mutex
	waiting [][]byte  // frames to write
	oldest  uint64    // frame of waiting: its Unix time in milliseconds, or 0
	pending int       // bytes that the socket has not accepted: of waiting, and of what is being written
	since   time.Time // when Serve began to write its present batch, or zero
	end     metrics.Reason
}

// newHandlerStream is a stream that writes to w, and flushes and sets deadlines on the server's own writer below it: a
// framework's may do neither.
func newHandlerStream(
	w io.Writer, naive http.ResponseWriter, r *http.Request, form sse.Form, e *Engine) *handlerStream {
	return &handlerStream{
		w: w, rc: http.NewResponseController(naive), ctx: r.Context(), form: form,
		limits: e.limits, metrics: e.metrics, load: &e.load, ready: make(chan struct{}, 1)}
}

// start implements Stream.
func (s *handlerStream) start(_ []outbox, missed [][]byte) {
	for _, frame := range missed {
		s.send(frame)
	}
}

// send implements Stream.
func (s *handlerStream) send(frame []byte) { s.queue(frame, 0) }

// enter implements Stream.
func (s *handlerStream) enter(a *Audience) { a.served[s] = true }

// leave implements Stream.
func (s *handlerStream) leave(a *Audience) { delete(a.served, s) }

// queue queues a frame that was logged at that Unix time in milliseconds, or 0. A client with more than MaxPending
// waiting is ended if its own socket is the cause: if Serve has been busy with its last batch for over a second. What
// merely waits for its turn on a busy machine ends nobody.
func (s *handlerStream) queue(frame []byte, at uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != metrics.Open {
		return
	}
	if s.oldest == 0 {
		s.oldest = at
	}
	s.waiting = append(s.waiting, frame)
	s.count(len(frame))
	if s.pending > s.limits.MaxPending && !s.since.IsZero() && time.Since(s.since) > patience {
		s.end, s.waiting = metrics.Pending, nil
	}
	s.wake()
}

// count adds to what is pending, for the engine's load as well.
func (s *handlerStream) count(bytes int) {
	before := s.pending
	s.pending += bytes
	s.load.changed(before, s.pending)
}

// End implements Stream.
func (s *handlerStream) End(reason metrics.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == metrics.Open {
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
func (s *handlerStream) Serve(left func(metrics.Reason)) {
	s.load.streams.Add(1)
	reason := s.serve()
	s.mu.Lock()
	s.count(-s.pending)
	s.end = reason
	s.mu.Unlock()
	s.load.streams.Add(-1)
	left(reason)
}

// serve writes what is sent, everything that waits at once, and heartbeats, until the request ends, a write fails, or
// End.
func (s *handlerStream) serve() metrics.Reason {
	quiet := time.NewTimer(s.limits.Heartbeat)
	defer quiet.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return metrics.Left
		case <-quiet.C:
			s.busy(time.Now())
			if reason := s.Write(heartbeat[s.form]); reason != metrics.Open {
				return reason
			}
			s.busy(time.Time{})
		case <-s.ready:
			frames, oldest, end := s.take()
			if reason := s.writeAll(frames); reason != metrics.Open {
				return reason
			}
			s.metrics.Since(oldest, time.Now())
			if end != metrics.Open {
				return end
			}
		}
		quiet.Reset(s.limits.Heartbeat)
	}
}

func (s *handlerStream) take() (frames [][]byte, oldest uint64, end metrics.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, s.waiting = s.waiting, nil
	oldest, s.oldest = s.oldest, 0
	s.since = time.Now()
	return frames, oldest, s.end
}

var buffers = sync.Pool{New: func() any { return new([writeSize]byte) }}

// writeAll joins frames, so that they need one write and one flush, or as few as fit.
func (s *handlerStream) writeAll(frames [][]byte) metrics.Reason {
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
			if reason := s.writeBatch(batch); reason != metrics.Open {
				return reason
			}
			batch = batch[:0]
		}
	}
	return s.writeBatch(batch)
}

func (s *handlerStream) writeBatch(batch []byte) metrics.Reason {
	reason := s.Write(batch)
	s.metrics.Bytes.Add(float64(len(batch)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(-len(batch))
	if s.end == metrics.Pending {
		return metrics.Pending
	}
	return reason
}

// busy notes when a write began; zero says that none is under way.
func (s *handlerStream) busy(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = since
}

// Write implements Stream: it writes p and flushes it, in parts that each have Limits.Stall. The deadline is cleared
// afterwards: on HTTP/2 one that passes while the stream is quiet would reset it.
func (s *handlerStream) Write(p []byte) metrics.Reason {
	defer s.rc.SetWriteDeadline(time.Time{})
	for len(p) > 0 && s.failed == metrics.Open {
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
			s.failed = metrics.Stalled
		default:
			s.failed = metrics.Left
		}
	}
	return s.failed
}

// WritePage implements Stream.
func (s *handlerStream) WritePage(since string, page stream.Page) metrics.Reason {
	return writePage(s, since, page, s.form, s.metrics)
}
