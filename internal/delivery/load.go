package delivery

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	fewBytes  = 64 << 10    // a stream with more than that pending lags
	muchBytes = 256 << 10   // writers with more than that queued are behind
	crowd     = 16          // fewer streams that lag prove nothing about the machine
	calm      = time.Minute // without a lagging crowd, after which the budget is full again
)

// load says how busy the engine is. A client lags because its own socket is full, or because the machine is too busy to
// serve it; the other clients show which. So the engine is behind while more than half of all streams lag. That may
// also be a crowd of slow clients, for whom nobody should wait: so there is a budget of one second, full again after a
// calm minute.
type load struct {
	streams atomic.Int64 // served
	lagging atomic.Int64 // of them, with more than fewBytes pending
	queued  atomic.Int64 // bytes of frames that wait for a writer
	awaited atomic.Bool  // somebody waits for room

	mu    sync.Mutex
	room  chan struct{} // closed when one of the figures above has improved; nil if nobody waits
	since time.Time     // since when more than half lag, or zero
	spent time.Duration // of the budget
	ended time.Time     // when more than half lagged last
}

// changed records that what is pending for one stream is no longer before, but now.
func (l *load) changed(before, now int) {
	switch {
	case before <= fewBytes && now > fewBytes:
		l.lagging.Add(1)
	case before > fewBytes && now <= fewBytes:
		l.lagging.Add(-1)
		l.better()
	}
}

// better wakes whoever waits for room.
func (l *load) better() {
	if !l.awaited.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
	l.awaited.Store(false)
}

func (l *load) behind() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.busy() {
		return nil
	}
	l.awaited.Store(true)
	if !l.busy() { // it may have improved before anybody knew that somebody waits
		return nil
	}
	if l.room == nil {
		l.room = make(chan struct{})
	}
	return l.room
}

// busy must be called with mu held.
func (l *load) busy() bool {
	return l.queued.Load() > muchBytes || l.crowded()
}

// crowded says whether more than half of all streams lag and the budget still allows waiting for them.
func (l *load) crowded() bool {
	lagging := l.lagging.Load()
	lag := lagging >= crowd && 2*lagging > l.streams.Load()
	if !lag && l.since.IsZero() {
		return false
	}
	now := time.Now()
	switch {
	case !lag:
		l.spent += now.Sub(l.since)
		l.since, l.ended = time.Time{}, now
	case l.since.IsZero():
		if now.Sub(l.ended) > calm {
			l.spent = 0
		}
		l.since = now
		if l.spent < patience {
			time.AfterFunc(patience-l.spent, l.better)
		}
	}
	return lag && l.spent+now.Sub(l.since) < patience
}
