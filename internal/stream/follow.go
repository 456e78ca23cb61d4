package stream

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
)

// follower is one Follow of a Memory: what waits for it, and how much.
type follower struct {
	wake chan struct{} // holds a token when there is something to deliver

	mu      sync.Mutex // taken with or without Memory.mu, never the other way round
	waiting []Event
	bytes   int64         // of waiting, and of what deliver has at the moment
	room    chan struct{} // closed when bytes is back at maxBehind or less; nil if it is
}

// add queues events for the follower.
func (f *follower) add(events []Event) {
	f.mu.Lock()
	f.waiting = append(f.waiting, events...)
	for _, e := range events {
		f.bytes += size(e)
	}
	if f.bytes > maxBehind && f.room == nil {
		f.room = make(chan struct{})
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default: // it is awake already
	}
}

// take returns what waits; it still counts until done.
func (f *follower) take() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := f.waiting
	f.waiting = nil
	return events
}

// done says that events have been delivered.
func (f *follower) done(events []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		f.bytes -= size(e)
	}
	if f.room != nil && f.bytes <= maxBehind {
		close(f.room)
		f.room = nil
	}
}

// full is nil, or a channel that is closed once the follower has caught up enough.
func (f *follower) full() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.room
}

// Follow implements Log. What was removed before Follow began is not delivered.
func (m *Memory) Follow(ctx context.Context, after ID, deliver func([]Event) error) error {
	f := &follower{wake: make(chan struct{}, 1)}
	m.mu.Lock()
	if after.Less(m.head) {
		f.add(m.since(after))
	}
	m.followers[f] = true
	m.mu.Unlock()
	defer m.unfollow(f)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.wake:
		}
		events := f.take()
		if len(events) == 0 {
			continue
		}
		err := deliver(events)
		f.done(events)
		if err != nil {
			return err
		}
	}
}

// since is all there is after a position, in order.
func (m *Memory) since(after ID) []Event {
	events, _ := merge(slices.Collect(maps.Values(m.topics)), Query{After: after, Limit: math.MaxInt})
	return events
}

func (m *Memory) unfollow(f *follower) {
	m.mu.Lock()
	delete(m.followers, f)
	m.mu.Unlock()
	f.done(f.take()) // nobody waits for it any more
}

// waitForFollowers returns when no follower is more than maxBehind behind, or ctx ends.
func (m *Memory) waitForFollowers(ctx context.Context) {
	for _, room := range m.behind() {
		select {
		case <-room:
		case <-ctx.Done():
			return
		}
	}
}

func (m *Memory) behind() (rooms []<-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range m.followers {
		if room := f.full(); room != nil {
			rooms = append(rooms, room)
		}
	}
	return rooms
}
