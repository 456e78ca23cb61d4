package metrics

import (
	"sync"

	"github.com/kataras/golog"

	"iris-broadcast/internal/loglimit"
)

// tally logs the streams that come and go.
type tally struct {
	lines *loglimit.Lines[crowd]

	mu         sync.Mutex
	registered int // streams
}

// crowd is what came and went without a line of its own.
type crowd struct {
	joined, left, registered int
	turnedAway, maxStreams   int
}

func newTally() tally { return tally{lines: loglimit.New(crowd.log)} }

func (c crowd) log() {
	if c.joined+c.left > 0 {
		golog.Infof("%d clients added, %d removed. %d registered clients", c.joined, c.left, c.registered)
	}
	if c.turnedAway > 0 {
		golog.Warnf("%d clients turned away: all %d streams of -max-streams are taken", c.turnedAway, c.maxStreams)
	}
}

// Joined counts and logs a stream that has been registered.
func (m *Metrics) Joined() {
	m.opened.Inc()
	m.tally.mu.Lock()
	defer m.tally.mu.Unlock()
	m.tally.registered++
	registered := m.tally.registered
	m.tally.lines.Log(func() { golog.Infof("Client added. %d registered clients", registered) },
		func(rest *crowd) { rest.joined++; rest.registered = registered })
}

// Left counts and logs a registered stream that has ended.
func (m *Metrics) Left(reason Reason) {
	m.ended[reason].Inc()
	m.tally.mu.Lock()
	defer m.tally.mu.Unlock()
	m.tally.registered--
	registered := m.tally.registered
	m.tally.lines.Log(func() { golog.Infof("Removed client (%s). %d registered clients", reason, registered) },
		func(rest *crowd) { rest.left++; rest.registered = registered })
}

// TurnedAway counts a client for which all of maxStreams were taken. The log has a summary each second.
func (m *Metrics) TurnedAway(maxStreams int) {
	m.turnedAway.Inc()
	m.tally.lines.Log(nil, func(rest *crowd) { rest.turnedAway++; rest.maxStreams = maxStreams })
}
