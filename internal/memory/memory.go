// Package memory is the store that lasts as long as the process: a stream.Log and a board.Store.
package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"iris-broadcast/internal/stream"
)

// Store is a stream.Log and a board.Store in memory. New makes one. It is safe for concurrent use.
type Store struct {
	keep stream.Retention // set by New, then read-only
	feed stream.Feed

	mu     sync.RWMutex // guards the fields below
	ledger *stream.Ledger
	topics map[stream.Topic]*queue
	order  order
	swept  stream.ID // the age and byte limits have been applied up to here
	due    time.Time // no stored event expires before

	comments map[string]*row
	ranked   []*row // by likes, then newest first
}

// entry is an event, stored or just removed.
type entry struct {
	stream.Event
	block *block // its block in the order; nil once it has been removed
}

// New returns an empty store. Its head and floor are the current time: nothing is known about earlier positions.
func New(keep stream.Retention) *Store {
	start := stream.IDAt(time.Now())
	return &Store{
		keep: keep, ledger: stream.NewLedger(keep, start, start), topics: map[stream.Topic]*queue{},
		comments: map[string]*row{}}
}

// Append implements stream.Log.
func (s *Store) Append(ctx context.Context, events ...stream.Event) ([]stream.ID, error) {
	logged := slices.Clone(events)
	if err := s.change(ctx, func() error { return s.append(logged) }); err != nil {
		return nil, err
	}
	return stream.IDs(logged), nil
}

// change runs do with the lock held, then waits for followers that are far behind.
func (s *Store) change(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	err := do()
	s.mu.Unlock()
	if err == nil {
		s.feed.Wait(ctx)
	}
	return err
}

// append assigns IDs and stores the events, all or none.
func (s *Store) append(events []stream.Event) error {
	now := time.Now()
	s.trim(now, portion) // expired events make room for new topics
	if err := s.ledger.Admit(events...); err != nil {
		return err
	}
	for i := range events {
		s.ledger.Add(&events[i], now)
		e := &entry{Event: events[i]}
		s.order.push(e)
		s.queue(e.Topic).push(e)
	}
	s.trim(now, portion+2*len(events))
	s.feed.Publish(events)
	return nil
}

func (s *Store) queue(t stream.Topic) *queue {
	q := s.topics[t]
	if q == nil {
		q = &queue{}
		s.topics[t] = q
	}
	return q
}

// portion is how many events an append examines for removal besides two for each that it adds: few enough to go
// unnoticed.
const portion = 1024

// trim applies the limits: first each topic's, then age and bytes. It looks at up to most events.
func (s *Store) trim(now time.Time, most int) {
	for a, _ := s.ledger.Crowded(); a != nil && most > 0; a, _ = s.ledger.Crowded() {
		s.remove(a, s.topics[a.Topic].entries[0])
		most--
	}
	for ; most > 0 && (s.ledger.Over() || !now.Before(s.due)); most-- {
		c := s.Forward(nil, s.swept).(*cursor) // a new one each time: a removal may rearrange the blocks
		if !c.Next() {
			s.due = now.Add(s.keep.Age)
			return
		}
		e := c.entries[c.at]
		a := s.ledger.Account(e.Topic)
		spare, always := s.ledger.Spare(a, e.ID, now)
		if spare && !always {
			s.due = e.ID.Time().Add(s.keep.Age)
			return
		}
		if !spare {
			s.remove(a, e)
		}
		s.swept = e.ID
	}
}

// remove removes a topic's oldest event.
func (s *Store) remove(a *stream.Account, e *entry) {
	s.order.remove(e)
	s.topics[a.Topic].pop()
	if s.ledger.Remove(a, e.ID, stream.Size(e.Event)) {
		delete(s.topics, a.Topic)
	}
	e.Data = "" // arrays still hold the entry; free its data
}

// Head implements stream.Log.
func (s *Store) Head(context.Context) (stream.ID, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ledger.Head(), nil
}

// Ready implements stream.Log. Memory always is.
func (s *Store) Ready(context.Context) error { return nil }

// Size is how many bytes the store occupies on disk: none.
func (s *Store) Size() float64 { return 0 }

// Stats counts what is stored.
func (s *Store) Stats() stream.Stats {
	s.expire(time.Now())
	s.mu.RLock()
	defer s.mu.RUnlock()
	stats := s.ledger.Stats()
	if c := s.Forward(nil, stream.ID{}); c.Next() {
		stats.Oldest = c.ID()
	}
	return stats
}

// Damage is what was found damaged on disk: nothing.
func (s *Store) Damage() []string { return nil }

// Close does nothing.
func (s *Store) Close() error { return nil }

// Page implements stream.Log.
func (s *Store) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	s.expire(time.Now())
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ledger.Plan(q, s.ledger.Head()).Read(s)
}

// expire removes events that expired while nobody published.
func (s *Store) expire(now time.Time) {
	s.mu.RLock()
	due := !now.Before(s.due)
	s.mu.RUnlock()
	if due {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.trim(now, portion)
	}
}

// Follow implements stream.Log.
func (s *Store) Follow(ctx context.Context, after stream.ID, deliver func(stream.Batch) error) error {
	join := func() (*stream.Follower, stream.ID) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.feed.Join(), s.ledger.Head()
	}
	return s.feed.Follow(ctx, after, join, s.Page, deliver)
}
