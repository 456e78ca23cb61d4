package metrics

import (
	"sync"
	"time"

	"github.com/kataras/golog"
)

// tally logs who comes and goes: up to linesPerSecond lines a second, and the rest as one summary at the second's end.
type tally struct {
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

// log has a goroutine of its own log a line, so that no client ever waits for the log: it may be a pipe that nobody reads.
func (t *tally) log(line func()) {
	if len(t.waiting) < maxWaiting {
		t.waiting = append(t.waiting, line)
	}
	if !t.logging {
		t.logging = true
		go t.logWaiting()
	}
}

func (t *tally) logWaiting() {
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

// Joined counts and logs a stream that has been registered.
func (m *Metrics) Joined() {
	m.opened.Inc()
	t := &m.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	t.registered++
	if registered := t.registered; t.line() {
		t.log(func() { golog.Infof("Client added. %d registered clients", registered) })
		return
	}
	t.joined++
}

// Left counts and logs a registered stream that has ended.
func (m *Metrics) Left(reason Reason) {
	m.ended[reason].Inc()
	t := &m.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	t.registered--
	if registered := t.registered; t.line() {
		t.log(func() { golog.Infof("Removed client (%s). %d registered clients", reason, registered) })
		return
	}
	t.left++
}

// TurnedAway counts a client that found all of maxStreams taken, and logs it at the second's end.
func (m *Metrics) TurnedAway(maxStreams int) {
	m.turnedAway.Inc()
	t := &m.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	t.maxStreams = maxStreams
	t.open()
	t.turned++
}

// line says whether one more line may be logged in this second.
func (t *tally) line() bool {
	t.open()
	t.lines++
	return t.lines <= linesPerSecond
}

// open begins a second if none is being counted.
func (t *tally) open() {
	if t.second.IsZero() {
		t.second, t.lines = time.Now(), 0
		time.AfterFunc(time.Second, t.sum)
	}
}

// sum ends the second.
func (t *tally) sum() {
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
