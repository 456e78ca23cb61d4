// Package bolt is the durable stream.Log: one bbolt file. What Append acknowledged is on the disk, and is there again after
// a crash. One goroutine, the committer, writes: what waits while one transaction is made durable goes into the next. Reads
// are transactions of their own beside it.
package bolt

import (
	"context"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream"
)

// Store is a stream.Log in a file. See Open.
type Store struct {
	// Set by Open, then read-only.
	path     string
	db       *bbolt.DB
	file     *os.File // the same that db has
	pageSize int
	clock    func() time.Time

	queue    chan *operation
	closing  chan struct{} // closed by the first Close
	stopped  chan struct{} // closed when the committer has ended
	feed     stream.Feed
	shutdown sync.Once
	closeErr error // of the first Close

	beginning sync.Mutex  // held while a transaction begins
	stuck     atomic.Bool // bbolt has panicked, because of a damaged file, and kept a lock

	// Owned by the committer.
	index     index
	lastBatch int   // how many operations it had
	rest      bool  // there is more to remove
	wanted    int64 // bytes of events that the disk refused last

	mu     sync.RWMutex // guards everything below, and entry.now; held for memory's work, and to begin a read transaction
	topics byName
	state  state
	failed error // why the store cannot write, nil if it can
	final  bool  // it will not write again before a restart

	// What readers need to know of a transaction that bbolt shows already, but that is not known to be durable: then each
	// entry's next, and this, say what the file has no more.
	ahead      int // the transaction's number, 0 for none
	aheadState state
}

// Append implements stream.Log. It returns when the disk has the events, however slow it is; ctx matters only while very
// many others wait, and while a follower is behind. Errors beside those of the context: Full, and Unavailable while the disk
// does not take them. After an error nothing has been appended.
func (s *Store) Append(ctx context.Context, events ...stream.Event) ([]stream.ID, error) {
	if err := ctx.Err(); err != nil || len(events) == 0 {
		return nil, err
	}
	op := &operation{events: slices.Clone(events)}
	if err := s.do(ctx, op); err != nil {
		return nil, err
	}
	ids := make([]stream.ID, len(op.events))
	for i, e := range op.events {
		ids[i] = e.ID
	}
	return ids, nil
}

// Head implements stream.Log.
func (s *Store) Head(context.Context) (stream.ID, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.head, nil
}

// Ready implements stream.Log.
func (s *Store) Ready(context.Context) error {
	err, _ := s.failure()
	return err
}

// Follow implements stream.Log. What is removed before it has come so far is not delivered.
func (s *Store) Follow(ctx context.Context, after stream.ID, deliver func([]stream.Event) error) error {
	s.mu.RLock()
	follower, head := s.feed.Join(nil), s.state.head
	s.mu.RUnlock()
	for after.Less(head) { // what comes meanwhile waits in follower, which counts as behind
		page, err := s.backlog(after, head)
		if err == nil && len(page.Events) > 0 {
			err = deliver(page.Events)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			follower.Leave()
			return err
		}
		after = page.End()
	}
	return follower.Run(ctx, deliver)
}

// Close does what is queued, ends the committer and closes the file. Whoever appends afterwards is told that the store is
// Unavailable. Calling it again returns the same.
func (s *Store) Close() error {
	s.shutdown.Do(func() {
		close(s.closing)
		<-s.stopped
		s.mu.Lock()
		s.failed = errClosed
		s.mu.Unlock()
		if s.stuck.Load() { // its locks cannot be had any more
			s.closeErr = s.file.Close()
		} else {
			s.closeErr = s.db.Close()
		}
	})
	<-s.stopped
	return s.closeErr
}
