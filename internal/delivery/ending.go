package delivery

import (
	"time"

	"iris-broadcast/internal/metrics"
)

// Ending ends streams one after the other, so that their clients do not all reconnect at once: a thousand a second, or
// faster where drain requires it. The zero value ends nothing.
type Ending struct {
	ticker  *time.Ticker
	began   time.Time
	drain   time.Duration
	streams []Stream
	ended   int // how many of streams
}

// NewEnding begins an ending that leaves the last stream a fifth of drain to write what is queued for it.
func NewEnding(drain time.Duration) Ending {
	return Ending{ticker: time.NewTicker(time.Millisecond), began: time.Now(), drain: drain}
}

// Add adds a stream to end.
func (e *Ending) Add(s Stream) { e.streams = append(e.streams, s) }

// Tick says when to call End; it is nil if there is nothing to end.
func (e *Ending) Tick() <-chan time.Time {
	if e.ticker == nil {
		return nil
	}
	return e.ticker.C
}

// End ends the streams that are due. It reports whether drain is over.
func (e *Ending) End(now time.Time) (over bool) {
	elapsed := now.Sub(e.began)
	share := float64(elapsed) / (0.8 * float64(e.drain))
	due := max(int(elapsed/time.Millisecond), int(share*float64(len(e.streams))))
	for ; e.ended < min(due, len(e.streams)); e.ended++ {
		e.streams[e.ended].End(metrics.Closing)
	}
	return elapsed >= e.drain
}
