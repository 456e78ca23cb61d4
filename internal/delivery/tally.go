package delivery

import (
	"sync"
	"time"

	"github.com/kataras/golog"

	"iris-broadcast/internal/metrics"
)

// Tally counts who comes and goes, and logs it: up to linesPerSecond lines a second, what is more as one summary at the
// second's end. Its methods may be called at once, and wait for nobody.
type Tally struct {
	metrics *metrics.Metrics

	mu                     sync.Mutex
	second                 time.Time // when the second that is being counted began
	lines                  int       // logged in it
	joined, left, turned   int       // to be summed up at its end
	registered, maxStreams int       // as last told

	waiting []func() // what a goroutine that logs is to log, in order
	logging bool     // there is one
}

const (
	linesPerSecond = 5
	maxWaiting     = 100 // lines; more are lost where the log takes none
)

// NewTally returns a Tally that adds to metrics, too.
func NewTally(m *metrics.Metrics) *Tally { return &Tally{metrics: m} }

// log has a goroutine of its own log a line, so that no client ever waits for the log: it may be a pipe that nobody reads.
func (t *Tally) log(line func()) {
	if len(t.waiting) < maxWaiting {
		t.waiting = append(t.waiting, line)
	}
	if !t.logging {
		t.logging = true
		go t.logWaiting()
	}
}

func (t *Tally) logWaiting() {
	for {
		t.mu.Lock()
		lines := t.waiting
		t.waiting, t.logging = nil, len(lines) > 0
		t.mu.Unlock()
		if len(lines) == 0 {
			return
		}
		for _, line := range lines {
			line()
		}
	}
}

// Joined logs that a client has been registered, as which one of how many.
func (t *Tally) Joined(registered int) {
	t.metrics.Opened.Inc()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.registered = registered; t.line() {
		t.log(func() { golog.Infof("Client added. %d registered clients", registered) })
		return
	}
	t.joined++
}

// Left logs that a client has gone, why, and how many remain.
func (t *Tally) Left(reason Reason, registered int) {
	t.metrics.Ended.WithLabelValues(reason.String()).Inc()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.registered = registered; t.line() {
		t.log(func() { golog.Infof("Removed client (%s). %d registered clients", reason, registered) })
		return
	}
	t.left++
}

// TurnedAway logs, at the second's end, that a client found no place.
func (t *Tally) TurnedAway(maxStreams int) {
	t.metrics.TurnedAway.Inc()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.maxStreams = maxStreams
	t.open()
	t.turned++
}

// line says whether one more line may be logged in this second.
func (t *Tally) line() bool {
	t.open()
	t.lines++
	return t.lines <= linesPerSecond
}

// open begins a second if none is being counted.
func (t *Tally) open() {
	if t.second.IsZero() {
		t.second, t.lines = time.Now(), 0
		time.AfterFunc(time.Second, t.sum)
	}
}

// sum ends the second.
func (t *Tally) sum() {
	t.mu.Lock()
	defer t.mu.Unlock()
	joined, left, turned, registered, maxStreams := t.joined, t.left, t.turned, t.registered, t.maxStreams
	if joined+left > 0 {
		t.log(func() { golog.Infof("%d clients added, %d removed. %d registered clients", joined, left, registered) })
	}
	if turned > 0 {
		t.log(func() {
			golog.Warnf("%d clients turned away: all %d streams of -max-streams are taken", turned, maxStreams)
		})
	}
	t.second, t.joined, t.left, t.turned = time.Time{}, 0, 0, 0
}
