package stream

import (
	"context"
	"runtime"
	"sync"
)

const (
	maxBehind = 4 << 20  // bytes of events that may wait for a follower before Append returns late
	delivered = 64 << 10 // roughly how many bytes of events it gets at a time
)

// Feed passes new events on to followers: the part of a Log that all stores of one node share. Its zero value has no
// followers. It is safe for concurrent use.
type Feed struct {
	mu        sync.Mutex
	followers map[*Follower]bool
}

// Follower is one Follow in progress: its queue of events.
type Follower struct {
	feed *Feed
	wake chan struct{} // holds a token when there is something to deliver

	mu      sync.Mutex // may be locked while Feed.mu is held, never the other way round
	waiting []Event
	bytes   int64         // of waiting, and of what is being delivered
	room    chan struct{} // closed when bytes falls to maxBehind or below; nil if it is
}

// Follow is Log.Follow for a store that publishes what it appends. join is called once, while nothing is being
// published: it calls Feed.Join and returns the head. Events up to the head are read in pages; events published
// meanwhile are queued, so that the follower counts as behind.
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

// Join adds a follower that gets everything published from now on.
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

// Publish passes durable events to every follower. Calls must be in log order. It never blocks.
func (f *Feed) Publish(events []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for follower := range f.followers {
		follower.add(events)
	}
}

// Wait returns once no follower is more than 4 MiB behind, or ctx ends. It lets followers run first, so that a single
// event is on its way before its publisher gets the answer.
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

// run delivers what is published, in batches, until ctx ends or deliver fails; it returns that error.
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

// leave removes a follower; nobody waits for it any more.
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
	default: // it will wake anyway
	}
}

// take returns the queued events; they count until done.
func (f *Follower) take() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := f.waiting
	f.waiting = nil
	return events
}

// done counts events as delivered.
func (f *Follower) done(events []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		f.bytes -= Size(e)
	}
	f.letGo()
}

// letGo releases those who wait for the follower, once it has caught up enough.
func (f *Follower) letGo() {
	if f.room != nil && f.bytes <= maxBehind {
		close(f.room)
		f.room = nil
	}
}

// full returns nil, or a channel that is closed once the follower has caught up enough.
func (f *Follower) full() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.room
}
