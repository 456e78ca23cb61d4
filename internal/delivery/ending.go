package delivery

import (
	"time"

	"iris-broadcast/internal/metrics"
)

// Ending ends streams one after the other, so that their clients do not all come back in one instant: a thousand a
// second, faster where the time would not do. Its zero value ends nothing.
type Ending struct {
	ticker  *time.Ticker
	began   time.Time
	drain   time.Duration
	streams []Stream
	ended   int // how many of streams
}

// NewEnding begins an ending that leaves the last stream a fifth of drain to write what waits for it.
func NewEnding(drain time.Duration) Ending {
	return Ending{ticker: time.NewTicker(time.Millisecond), began: time.Now(), drain: drain}
}

// Add adds a stream that is to be ended.
func (e *Ending) Add(s Stream) { e.streams = append(e.streams, s) }

// Tick tells when to call End; nil, which never does, if nothing is to be ended.
func (e *Ending) Tick() <-chan time.Time {
	if e.ticker == nil {
		return nil
	}
	return e.ticker.C
}

// End ends the streams whose time has come. It says whether the whole time is over.
func (e *Ending) End(now time.Time) (over bool) {
	elapsed := now.Sub(e.began)
	share := float64(elapsed) / (0.8 * float64(e.drain))
	due := max(int(elapsed/time.Millisecond), int(share*float64(len(e.streams))))
	for ; e.ended < min(due, len(e.streams)); e.ended++ {
		e.streams[e.ended].End(metrics.Closing)
	}
	return elapsed >= e.drain
}
