package delivery

import (
	"errors"
	"net/http"
	"time"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

const (
	writeSize = 32 << 10    // bytes of a blocking write, at most; each has a deadline, so slow progress is progress
	patience  = time.Second // how long a socket must be full before what waits behind it counts against the client
)

// Limits bound the streams of an Engine.
type Limits struct {
	MaxStreams int           // at once
	MaxPending int           // bytes that may wait behind a client's own full socket
	Stall      time.Duration // the longest a socket may accept nothing
	Heartbeat  time.Duration // after this much silence a stream says something
}

// ErrFull says that all of Limits.MaxStreams are taken. TurnedAway is the answer.
var ErrFull = errors.New("delivery: all streams are taken")

// Reading is what a request asks to read: which topics, from where on, in which form.
type Reading struct {
	Topics stream.Selection
	Start  stream.Start
	Form   sse.Form
}

// SetHeader sets the header fields of an event stream.
func SetHeader(h http.Header) {
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx: do not buffer
}

// Stream is one client's connection, made by Engine.Open. Its life has two parts. First its handler writes to it:
// Write, WritePage. Then it joins an Audience, its handler calls Serve, and what the audience is sent reaches it in
// order.
type Stream interface {
	// Write writes p before anything that is written next, and may wait for the client. Once a write has failed, later
	// ones do nothing but return the same reason.
	Write(p []byte) metrics.Reason

	// WritePage writes what this client missed after since: the gap, if there is one, and the events, which no other
	// client needs in this form.
	WritePage(since string, page stream.Page) metrics.Reason

	// Serve serves a stream that has joined its audience. It calls left once, when the stream has ended: because the
	// client has gone or cannot keep up, or by End. It may return before that, or not.
	Serve(left func(metrics.Reason))

	// Close ends a stream that is not served, after what was written to it.
	Close()

	// End ends the stream after what was sent to it before, and does not wait. Only the first reason counts. Only the
	// goroutine that owns the audiences may call it.
	End(reason metrics.Reason)

	// start is called by Audiences.Join with what the stream missed. What follows for it goes into one of the outboxes.
	start(outboxes []outbox, missed [][]byte)

	// send sends a frame to this stream alone, before it enters an audience.
	send(frame []byte)

	// enter makes the stream part of an audience; leave ends that.
	enter(a *Audience)
	leave(a *Audience)
}

// writePage is how every Stream writes a page.
func writePage(s Stream, since string, page stream.Page, form sse.Form, m *metrics.Metrics) metrics.Reason {
	m.Deliveries.Add(float64(len(page.Events)))
	encode := func(events []stream.Event) (encoded []byte) {
		for _, e := range events {
			encoded = Encode(encoded, e, form)
		}
		return encoded
	}
	if encoded, shared := page.Encoded(int(form), encode); shared {
		m.Bytes.Add(float64(len(encoded)))
		return s.Write(encoded)
	}
	var encoded []byte
	if page.Gap != nil {
		if !page.Gap.Internal() { // after every restart each page misses some of the server's own reports
			m.Gaps.Inc()
		}
		encoded = appendGap(encoded, since, *page.Gap, page.Begin())
	}
	for _, e := range page.Events {
		if encoded = Encode(encoded, e, form); len(encoded) >= writeSize {
			m.Bytes.Add(float64(len(encoded)))
			s.Write(encoded)
			encoded = encoded[:0]
		}
	}
	m.Bytes.Add(float64(len(encoded)))
	return s.Write(encoded)
}
