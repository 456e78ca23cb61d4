package pebble

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"

	"iris-broadcast/internal/stream"
)

// commit is a change on its way to the disk.
type commit struct {
	batch   *lsm.Batch
	now     time.Time
	events  []stream.Event    // with their IDs
	touched []*stream.Account // whose records change
	removed int               // how many events it removes
	forgot  bool              // a topic has lost its last event
	scratch

	durable chan struct{} // closed when it is, or when err says why that is unknown
	err     error
}

// change lets prepare write rows of its own and return the events about them, then makes all of it durable, or nothing.
// It returns the events with their IDs.
func (s *Store) change(ctx context.Context, prepare func(*lsm.Batch) ([]stream.Event, error)) ([]stream.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.writable(); err != nil {
		return nil, err
	}
	c, err := s.apply(ctx, prepare)
	// Forgetting expired topics makes room for new ones.
	for err != nil && stream.AsError(err).Code == stream.Full && s.tidy() {
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

// apply assigns IDs and hands the change to Pebble, in ID order. It returns nil if there was nothing to do.
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

// add enters a commit's events, and the removal of those that exceed a topic's limit because of them, in one step under
// mu.
func (s *Store) add(c *commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range c.events {
		c.touch(s.ledger.Add(&c.events[i], c.now))
	}
	for _, e := range c.events {
		size := stream.Size(e)
		c.setEvent(c.batch, e, size)
		s.front(e.Topic).push(stamp{e.ID, size})
	}
	for _, a := range c.touched {
		if surplus := s.ledger.Surplus(a); surplus > 0 && len(s.front(a.Topic).stamps) >= surplus {
			s.removeFront(c, a, surplus)
		}
	}
}

// scratch is space to build keys and values in.
type scratch struct{ key, value []byte }

// setEvent writes an event and its index entry. Writing fails only on a committed batch.
func (c *scratch) setEvent(b *lsm.Batch, e stream.Event, size int64) {
	c.key, c.value = keyOfEvent(c.key[:0], e.ID), appendEvent(c.value[:0], e)
	_ = b.Set(c.key, c.value, nil)
	c.key, c.value = keyInTopic(c.key[:0], e.Topic, e.ID), binary.AppendUvarint(c.value[:0], uint64(size))
	_ = b.Set(c.key, c.value, nil)
}

func (c *commit) touch(a *stream.Account) {
	if !slices.Contains(c.touched, a) {
		c.touched = append(c.touched, a)
	}
}

// save writes the records of the topics that changed and, if they no longer yield it, the head.
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
	if c.forgot { // otherwise the head is the newest ID of any record
		_ = c.batch.Set([]byte{stateKey}, encodeState(s.ledger.Head(), s.ledger.Floor()), nil)
	}
}

// commit hands a change to Pebble. Readers that begin before it is durable may or may not see it. Its events are above
// their head; the removals are in the ledger already, and doomed hides those events from them.
func (s *Store) commit(c *commit) {
	if err := s.db.ApplyNoSyncWait(c.batch, lsm.Sync); err != nil {
		s.disk.condemn(err)
	}
	s.applied <- c
}

// While at least crowd commits wait for the disk, a sync waits up to gatherTime for more.
const (
	crowd      = 4
	gatherTime = 500 * time.Microsecond
)

// gather is how long Pebble waits between two syncs of its log. Each sync writes whole pages and costs CPU however
// little is new; with few publishers nobody waits.
func (s *Store) gather() time.Duration {
	if len(s.applied) < crowd {
		return 0
	}
	return gatherTime
}

// acknowledge publishes each commit once it is durable, in order.
func (s *Store) acknowledge() {
	for c := range s.applied {
		if c.err = c.batch.SyncWait(); c.err != nil {
			s.logError("%v", c.err)
			s.disk.condemn(c.err)
		} else {
			s.publish(c)
		}
		_ = c.batch.Close() // Pebble may reuse it from here on
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
