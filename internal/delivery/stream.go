package delivery

import (
	"context"
	"time"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/stream"
)

const (
	writeSize = 32 << 10    // bytes of one blocking write at most; each has its own deadline, so that slow progress is progress
	patience  = time.Second // how long a socket must be full before what waits behind it counts against the client
)

// Limits are the bounds of one client's stream.
type Limits struct {
	MaxPending int           // bytes that may wait behind the client's own full socket
	Stall      time.Duration // the longest that the socket may take nothing
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
	return [...]string{"open", "left", "stalled", "pending", "closing"}[r]
}

// Stream is one client's connection, made by Engine.Open. Its life has two parts. First its handler writes to it: Write,
// WriteEvents. Then it joins an Audience, its handler calls Serve, and what the audience is told reaches it in order.
type Stream interface {
	// Write writes p, all of it before what is written next, and may wait for the client to take it. Once it has failed
	// it does nothing but say so.
	Write(p []byte) Reason

	// WriteEvents writes events that nobody else needs in this form: those that a client missed.
	WriteEvents(events []stream.Event) Reason

	// Serve is for a stream that has joined its audience. It has left called once, when the stream has ended: because the
	// client has gone or cannot keep up, ctx ended, or End. It may return before that, or not.
	Serve(ctx context.Context, left func(Reason))

	// Close ends a stream that is not served, after what was written to it.
	Close()

	// End ends the stream after what was sent to it before, and does not wait. Only the first reason counts. It is for
	// the goroutine that owns the audiences alone.
	End(reason Reason)

	// start is the first that comes from Audience.Join: what the stream missed.
	start(missed [][]byte)

	// tell sends something to this stream alone, before it enters an audience.
	tell(frame []byte)

	// enter has the stream get what the audience is sent from now on; leave ends that.
	enter(a *Audience)
	leave(a *Audience)
}

// writeEvents is how every Stream writes events.
func writeEvents(s Stream, events []stream.Event, form Form, m *metrics.Metrics) Reason {
	var encoded []byte
	for _, e := range events {
		if encoded = Encode(encoded, e, form); len(encoded) >= writeSize {
			m.Bytes.Add(float64(len(encoded)))
			s.Write(encoded)
			encoded = encoded[:0]
		}
	}
	m.Deliveries.Add(float64(len(events)))
	m.Bytes.Add(float64(len(encoded)))
	return s.Write(encoded)
}
