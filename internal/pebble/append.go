package pebble

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
)

// commit is one change on its way to the disk.
type commit struct {
	batch   *lsm.Batch
	now     time.Time
	events  []stream.Event    // with their IDs
	touched []*stream.Account // of which the record changes
	removed int               // how many events go
	forgot  bool              // a topic is gone
	key     []byte            // to make keys in
	value   []byte            // to make values in

	durable chan struct{} // closed when it is, or err says why that is not known
	err     error
}

// change has prepare change rows of its own and say which events tell of it, and makes all of that durable, or nothing.
// It returns the events with their IDs.
func (s *Store) change(ctx context.Context, prepare func(*lsm.Batch) ([]stream.Event, error)) ([]stream.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.writable(); err != nil {
		return nil, err
	}
	c, err := s.apply(ctx, prepare)
	for err != nil && stream.AsError(err).Code == stream.Full && s.tidy() { // topics of which all is too old make place
		c, err = s.apply(ctx, prepare)
	}
	if err != nil || c == nil {
		return nil, err
	}
	select {
	case <-c.durable:
	case <-s.disk.failed:
		return nil, unavailable(errUnknown)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.err != nil {
		return nil, unavailable(errUnknown)
	}
	s.feed.Wait(ctx)
	return c.events, nil
}

// apply gives events their IDs and hands them to Pebble, in that order. It returns nil if there was nothing to do.
func (s *Store) apply(ctx context.Context, prepare func(*lsm.Batch) ([]stream.Event, error)) (*commit, error) {
	if err := s.hold(ctx); err != nil {
		return nil, err
	}
	defer s.release()
	if s.closed {
		return nil, errClosed
	}
	c := &commit{batch: s.db.NewBatchWithSize(512), now: s.clock(), durable: make(chan struct{})}
	events, err := prepare(c.batch)
	if err == nil {
		err = s.ledger.Admit(events...)
	}
	if err != nil || len(events) == 0 && c.batch.Empty() {
		c.batch.Close()
		return nil, err
	}
	c.events = events
	s.add(c)
	s.bound(c)
	s.save(c)
	s.commit(c)
	return c, nil
}

// add enters the events of a commit, and the removal of those that must go for them, at one moment.
func (s *Store) add(c *commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range c.events {
		c.touch(s.ledger.Add(&c.events[i], c.now))
	}
	for _, e := range c.events {
		c.key = keyOfEvent(c.key[:0], e.ID)
		c.value = appendEvent(c.value[:0], e)
		_ = c.batch.Set(c.key, c.value, nil) // it is the caller's batch, which takes everything
		size := stream.Size(e)
		c.key = keyInTopic(c.key[:0], e.Topic, e.ID)
		c.value = binary.AppendUvarint(c.value[:0], uint64(size))
		_ = c.batch.Set(c.key, c.value, nil)
		s.front(e.Topic).push(stamp{e.ID, size})
	}
	for _, a := range c.touched {
		if surplus := s.ledger.Surplus(a); surplus > 0 && len(s.front(a.Topic).stamps) >= surplus {
			s.removeFront(c, a, surplus)
		}
	}
}

func (c *commit) touch(a *stream.Account) {
	if !slices.Contains(c.touched, a) {
		c.touched = append(c.touched, a)
	}
}

// save writes what is known of the topics that have changed, and of the log.
func (s *Store) save(c *commit) {
	for _, a := range c.touched {
		c.key = keyOfRecord(c.key[:0], a.Topic)
		if a.Count == 0 {
			_ = c.batch.Delete(c.key, nil)
			continue
		}
		c.value = appendRecord(c.value[:0], a)
		_ = c.batch.Set(c.key, c.value, nil)
	}
	if c.forgot { // otherwise the records tell what the head is
		_ = c.batch.Set([]byte{stateKey}, encodeState(s.ledger.Head(), s.ledger.Floor()), nil)
	}
}

// commit hands a change to Pebble. Readers that begin before it is durable may see it or not: nothing in it is above
// their head, and of what it removes they are told anyway, so doomed keeps that out of their sight.
func (s *Store) commit(c *commit) {
	if err := s.db.ApplyNoSyncWait(c.batch, lsm.Sync); err != nil {
		s.disk.condemn(err)
	}
	s.applied <- c
}

// What is made durable together: while that many commits wait for the disk, a sync waits for more of them, so long at
// most.
const (
	crowd      = 4
	gatherTime = 500 * time.Microsecond
)

// gather is how long Pebble waits after a sync of its log before the next. Each sync writes whole pages of the disk,
// and keeps a CPU busy, however little is new; where few publish, nobody waits.
func (s *Store) gather() time.Duration {
	if len(s.applied) < crowd {
		return 0
	}
	return gatherTime
}

// acknowledge tells of each commit once it is durable, in their order.
func (s *Store) acknowledge() {
	for c := range s.applied {
		if c.err = c.batch.SyncWait(); c.err != nil {
			golog.Errorf("The store %s: %v", s.dir, c.err)
			s.disk.condemn(c.err)
		} else {
			s.publish(c)
		}
		_ = c.batch.Close() // after which it may be used again
		close(c.durable)
	}
}

func (s *Store) publish(c *commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doomed = s.doomed[c.removed:]
	if len(c.events) > 0 {
		s.head = c.events[len(c.events)-1].ID
		s.feed.Publish(c.events)
	}
}
