// Package memory is the store that lives and dies with the process: a stream.Log and a board.Store.
package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"iris-broadcast/internal/stream"
)

// Store is a stream.Log and a board.Store in memory. See New.
type Store struct {
	keep stream.Retention // set by New, then read-only
	feed stream.Feed

	mu     sync.RWMutex // guards everything below; held for memory's work alone
	ledger *stream.Ledger
	topics map[stream.Topic]*queue
	order  order
	swept  stream.ID // age and bytes have left nothing up to here that they bound
	due    time.Time // until then nothing that is kept is too old

	comments map[string]*row
	ranked   []*row // by likes, then newest first
}

// entry is an event that is kept, or was.
type entry struct {
	stream.Event
	block *block // where it stands in the order; nil once it has been removed
}

// New returns an empty store, whose head and floor are the moment of its start: what came before is not known.
func New(keep stream.Retention) *Store {
	start := stream.IDAt(time.Now())
	return &Store{
		keep: keep, ledger: stream.NewLedger(keep, start, start), topics: map[stream.Topic]*queue{}, comments: map[string]*row{}}
}

// Append implements stream.Log.
func (s *Store) Append(ctx context.Context, events ...stream.Event) ([]stream.ID, error) {
	logged := slices.Clone(events)
	if err := s.change(ctx, func() error { return s.append(logged) }); err != nil {
		return nil, err
	}
	return stream.IDs(logged), nil
}

// change has do change the store, alone, and then lets the followers catch up.
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

// append gives events their IDs and keeps them, all or none.
func (s *Store) append(events []stream.Event) error {
	now := time.Now()
	s.trim(now, portion) // what is too old makes place for new topics
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

// portion is how many events are looked at to be removed, beyond twice those that come: so few that nobody notices.
const portion = 1024

// trim removes what is over: of each topic, and then the oldest of all. It looks at that many events at most.
func (s *Store) trim(now time.Time, most int) {
	for a, _ := s.ledger.Crowded(); a != nil && most > 0; a, _ = s.ledger.Crowded() {
		s.remove(a, s.topics[a.Topic].entries[0])
		most--
	}
	for ; most > 0 && (s.ledger.Over() || !now.Before(s.due)); most-- {
		c := s.Forward(nil, s.swept).(*cursor) // anew each time: a removal may rearrange the blocks
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
	e.Data = "" // the arrays that hold the entry live on; the data need not
}

// Head implements stream.Log.
func (s *Store) Head(context.Context) (stream.ID, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ledger.Head(), nil
}

// Ready implements stream.Log: memory always is.
func (s *Store) Ready(context.Context) error { return nil }

// Size is what the store takes on the disk: nothing.
func (s *Store) Size() float64 { return 0 }

// Damage is what was damaged on the disk: nothing.
func (s *Store) Damage() []string { return nil }

// Close ends the store, for which there is nothing to do.
func (s *Store) Close() error { return nil }

// Page implements stream.Log.
func (s *Store) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	s.expire(time.Now())
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ledger.Plan(q, s.ledger.Head()).Read(s)
}

// expire removes what has become too old while nobody published.
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
