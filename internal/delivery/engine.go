package delivery

import (
	"context"
	"net/http"
	"sync"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/sse"
)

// Engine brings frames to sockets, for any number of brokers. On Linux it takes clear HTTP/1 streams over from the HTTP
// server, and a few writers, one a CPU, write to all of them. Everywhere else, and on TLS and HTTP/2, each stream is
// served by its handler's goroutine. Its methods are safe for concurrent use.
type Engine struct {
	limits  Limits
	metrics *metrics.Metrics
	load    load
	writers []*writer // none where streams are not taken over

	mu    sync.Mutex
	open  int           // streams that have a place
	empty chan struct{} // closed when open is back at zero; nil until Close waits for that
}

// NewEngine returns a running engine, which counts in m.
func NewEngine(limits Limits, m *metrics.Metrics) *Engine {
	e := &Engine{limits: limits, metrics: m}
	e.writers = newWriters(e)
	return e
}

// Enter takes one of the places, of which there are Limits.MaxStreams; Leave gives it back. If all are taken it returns
// ErrFull.
func (e *Engine) Enter() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open == e.limits.MaxStreams {
		e.metrics.TurnedAway()
		return ErrFull
	}
	e.open++
	return nil
}

// Leave gives a place back.
func (e *Engine) Leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open--; e.open == 0 && e.empty != nil {
		close(e.empty)
		e.empty = nil
	}
}

// Streams is how many places are taken.
func (e *Engine) Streams() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open
}

// TakenOver is how many connections the engine has taken over from the HTTP server.
func (e *Engine) TakenOver() (n int) {
	for _, w := range e.writers {
		n += w.connections()
	}
	return n
}

// Open is the stream that answers a request which has a place: w is the framework's writer, naive the server's own
// below it, and nothing but header fields has been written. Once Serve has returned the handler may return.
func (e *Engine) Open(w, naive http.ResponseWriter, r *http.Request, form sse.Form) Stream {
	SetHeader(w.Header())
	if e.writers != nil && r.TLS == nil && r.ProtoMajor == 1 {
		if s := e.takeOver(w, r, form); s != nil {
			return s
		}
	}
	return newHandlerStream(w, naive, r, form, e)
}

// Behind returns nil; or, while the CPU is what holds deliveries up, a channel that is closed when it is worth asking
// again. Until then it is better to send nothing: publishers wait, and no client is ended for what is not its fault.
func (e *Engine) Behind() <-chan struct{} { return e.load.behind() }

// Close waits until all places are given back, or ctx ends, and then cuts the streams that were taken over.
func (e *Engine) Close(ctx context.Context) {
	e.mu.Lock()
	empty := make(chan struct{})
	if e.open > 0 {
		e.empty = empty
	} else {
		close(empty)
	}
	e.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
	for _, w := range e.writers {
		w.close()
	}
}
