package stream

import (
	"context"
	"runtime"
	"sync"
)

const (
	maxBehind = 4 << 20  // bytes of events that a follower may have waiting before Append returns late
	delivered = 64 << 10 // bytes of events that it gets at a time, about
)

// Feed tells followers what has been appended: the part of a Log that every store on one node has in common. Its zero
// value has no followers; its methods may be called at once.
type Feed struct {
	mu        sync.Mutex
	followers map[*Follower]bool
}

// Follower is one Follow under way: what waits for it, and how much.
type Follower struct {
	feed *Feed
	wake chan struct{} // holds a token when there is something to deliver

	mu      sync.Mutex // taken with or without Feed.mu, never the other way round
	waiting []Event
	bytes   int64         // of waiting, and of what deliver has at the moment
	room    chan struct{} // closed when bytes is back at maxBehind or less; nil if it is
}

// Follow is Log.Follow for a store that tells its feed of what it appends. join is called once, at a moment of the
// store's at which nothing is published: it calls Feed.Join and returns the head. What the store has up to there comes
// in pages; what is published meanwhile waits, so that the follower counts as behind.
func (f *Feed) Follow(ctx context.Context, after ID, join func() (*Follower, ID),
	read func(context.Context, Query) (Page, error), deliver func(Batch) error) error {
	follower, head := join()
	defer follower.leave()
	q := Query{After: after, Until: head, Bytes: delivered}
	for more := true; more; {
		page, err := read(ctx, q)
		if err == nil && (page.Gap != nil || len(page.Events) > 0) {
			err = deliver(Batch{page.Events, page.Reached, page.Gap})
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		q.After, q.Told, more = page.Reached, page.Mark, page.More
	}
	return follower.run(ctx, deliver)
}

// Join adds a follower that gets what is published from now on.
func (f *Feed) Join() *Follower {
	follower := &Follower{feed: f, wake: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.followers == nil {
		f.followers = map[*Follower]bool{}
	}
	f.followers[follower] = true
	return follower
}

// Publish tells every follower of events that are durable. Calls come in the log's order. It waits for nobody.
func (f *Feed) Publish(events []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for follower := range f.followers {
		follower.add(events)
	}
}

// Wait returns when no follower is more than 4 MiB behind, or ctx ends. Followers go first: a lone event is on its way
// before its publisher has the answer.
func (f *Feed) Wait(ctx context.Context) {
	runtime.Gosched()
	for _, room := range f.behind() {
		select {
		case <-room:
		case <-ctx.Done():
			return
		}
	}
}

func (f *Feed) behind() (rooms []<-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for follower := range f.followers {
		if room := follower.full(); room != nil {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// run calls deliver with what is published, some at a time, until ctx ends or deliver fails; it returns that error.
func (f *Follower) run(ctx context.Context, deliver func(Batch) error) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.wake:
		}
		for events := range chunks(f.take(), delivered) {
			err := deliver(Batch{Events: events, Reached: events[len(events)-1].ID})
			f.done(events)
			if err != nil {
				return err
			}
		}
	}
}

// leave ends a follower; nobody waits for it any more.
func (f *Follower) leave() {
	f.feed.mu.Lock()
	delete(f.feed.followers, f)
	f.feed.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting, f.bytes = nil, 0
	f.letGo()
}

// add queues events.
func (f *Follower) add(events []Event) {
	f.mu.Lock()
	f.waiting = append(f.waiting, events...)
	for _, e := range events {
		f.bytes += Size(e)
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
func (f *Follower) take() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := f.waiting
	f.waiting = nil
	return events
}

// done says that events have been delivered.
func (f *Follower) done(events []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		f.bytes -= Size(e)
	}
	f.letGo()
}

// letGo lets go who waits for the follower, if it has caught up enough.
func (f *Follower) letGo() {
	if f.room != nil && f.bytes <= maxBehind {
		close(f.room)
		f.room = nil
	}
}

// full is nil, or a channel that is closed once the follower has caught up enough.
func (f *Follower) full() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.room
}
