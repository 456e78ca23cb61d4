package delivery

import (
	"net/http"
	"sync/atomic"
	"time"

	"iris-broadcast/internal/metrics"
)

// Engine is what brings frames to sockets. On Linux streams of HTTP/1 in the clear are taken over from the HTTP server, and
// a few writers, one a CPU, write to all of them; everywhere else, and on TLS and HTTP/2, each stream is served by its
// handler's goroutine.
type Engine struct {
	limits  Limits
	metrics *metrics.Metrics
	load    load
	writers []*writer // none where streams are not taken over
}

// NewEngine returns a running engine, which adds to metrics.
func NewEngine(limits Limits, m *metrics.Metrics) *Engine {
	e := &Engine{limits: limits, metrics: m, load: load{room: make(chan struct{}, 1)}}
	e.writers = newWriters(e)
	return e
}

// Open is the stream that answers a request: w is the framework's writer, naive the server's own below it, and nothing
// but headers has been written. If the handler has nothing more to do once Serve has returned, it may return.
func (e *Engine) Open(w, naive http.ResponseWriter, r *http.Request, form Form) Stream {
	if e.writers != nil && r.TLS == nil && r.ProtoMajor == 1 {
		if s := e.takeOver(w, r, form); s != nil {
			return s
		}
	}
	return newHandlerStream(w, naive, form, e)
}

// Flush has the writers begin with what audiences were sent. It is for the goroutine that owns the audiences.
func (e *Engine) Flush() {
	for _, w := range e.writers {
		w.flush()
	}
}

// Close cuts all streams that were taken over.
func (e *Engine) Close() {
	for _, w := range e.writers {
		w.close()
	}
}

// Behind says that the CPU is what holds deliveries up, so that it is better to send nothing until Room says so: then
// publishers wait, and nobody is ended for what is no fault of theirs.
func (e *Engine) Behind() bool { return e.load.behind() }

// Room has a token when it is worth asking Behind again.
func (e *Engine) Room() <-chan struct{} { return e.load.room }

const (
	fewBytes  = 64 << 10  // a stream with more than that pending lags
	muchBytes = 256 << 10 // writers that have more than that before them are behind
	crowd     = 16        // fewer streams that lag say nothing of the machine
)

// load says how busy the engine is. A client lags if its own socket holds it up, or if the machine is too busy to serve
// it; which of them it is, is seen from the others. So while more than half lag the engine is behind, but not for longer
// than a second at a time: then it is a crowd of slow clients, for which nobody is to wait.
type load struct {
	streams atomic.Int64  // that are served
	lagging atomic.Int64  // those of them that lag
	queued  atomic.Int64  // bytes of frames that wait for a writer
	awaited atomic.Bool   // that one of them becomes better
	room    chan struct{} // holds a token when it has

	// Owned by who calls behind.
	since time.Time // since when more than half lag, or zero
}

// changed says that what is pending for one stream is no longer before, but now.
func (l *load) changed(before, now int) {
	switch {
	case before <= fewBytes && now > fewBytes:
		l.lagging.Add(1)
	case before > fewBytes && now <= fewBytes:
		l.lagging.Add(-1)
		l.better()
	}
}

// better lets go who waits for room.
func (l *load) better() {
	if !l.awaited.Load() || !l.awaited.Swap(false) {
		return
	}
	select {
	case l.room <- struct{}{}:
	default: // there is a token
	}
}

func (l *load) behind() bool {
	if !l.busy() {
		return false
	}
	l.awaited.Store(true)
	return l.busy() // it may have become better before anybody knew that it is awaited
}

func (l *load) busy() bool {
	switch lagging := l.lagging.Load(); {
	case lagging < crowd || 2*lagging <= l.streams.Load():
		l.since = time.Time{}
	case l.since.IsZero():
		l.since = time.Now()
		time.AfterFunc(patience, l.better)
	}
	return l.queued.Load() > muchBytes || !l.since.IsZero() && time.Since(l.since) < patience
}
