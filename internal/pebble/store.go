// Package pebble is the durable store: a stream.Log and a board.Store in a Pebble database. What Append has
// acknowledged is on disk and survives a crash.
//
// Appenders assign IDs and hand their batches to Pebble one at a time; Pebble groups the batches that arrive while the
// disk is busy into one sync. A single goroutine, acknowledge, publishes them in that order.
package pebble

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/kataras/golog"

	"iris-broadcast/internal/logs"
	"iris-broadcast/internal/stream"
)

// Store is a stream.Log and a board.Store in a folder. Open makes one. It is safe for concurrent use.
type Store struct {
	// Set by Open, then read-only.
	dir     string
	db      *lsm.DB
	disk    *disk
	salvage salvage
	clock   func() time.Time

	feed     stream.Feed
	applied  chan *commit // handed to Pebble, not necessarily on disk yet; in order
	closing  chan struct{}
	tending  sync.WaitGroup // tend and acknowledge
	shutdown sync.Once
	closeErr error // of the first Close

	complaint atomic.Pointer[error] // why the store cannot write, as last logged
	damage    damage
	errors    *logs.Lines[int] // that may come with every write or read

	// For Stats.
	eldest atomic.Pointer[stream.ID]   // no older event is stored
	worked atomic.Pointer[lsm.Metrics] // Pebble's latest figures

	reading sync.WaitGroup // what needs the database open; nothing is added once shut is set

	// writing is a semaphore of one: its holder may change the store, see hold. It guards the fields below; changing
	// the ledger also takes mu.
	writing chan struct{}
	closed  bool
	fronts  map[stream.Topic]*front
	swept   stream.ID // the age and byte limits have been applied up to here

	mu      sync.RWMutex  // guards the fields below; never held during I/O, except to open an iterator
	shut    bool          // the database is about to close
	mending chan struct{} // closed once the ledger agrees with the events again; nil if it does
	ledger  *stream.Ledger
	head    stream.ID   // of the durable events
	doomed  []stream.ID // events removed by commits not yet known to be durable, in commit order
}

// Errors as publishers see them.
var (
	errClosed  = stream.Errorf(stream.Unavailable, "The server is stopping; publish again in a moment.")
	errUnknown = errors.New("it is not known whether the last events reached the disk")
)

// Append implements stream.Log. It returns once the events are on disk; if ctx ends first, they may be kept all the
// same. Besides the context's errors it returns Full, and Unavailable while the disk cannot be written.
func (s *Store) Append(ctx context.Context, events ...stream.Event) ([]stream.ID, error) {
	logged, err := s.change(ctx, func(*lsm.Batch) ([]stream.Event, error) { return slices.Clone(events), nil })
	if err != nil {
		return nil, err
	}
	return stream.IDs(logged), nil
}

// Head implements stream.Log.
func (s *Store) Head(context.Context) (stream.ID, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.head, nil
}

// Ready implements stream.Log.
func (s *Store) Ready(context.Context) error { return s.writable() }

// writable returns why nothing can be appended, and logs it when that changes.
func (s *Store) writable() error {
	why := s.disk.writable()
	if why == nil {
		why = s.disk.gone()
	}
	was := s.complaint.Load()
	switch {
	case why == nil && was == nil:
		return nil
	case why == nil:
		if s.complaint.CompareAndSwap(was, nil) {
			golog.Infof("The store %s can write again", s.dir)
		}
		return nil
	case was == nil || (*was).Error() != why.Error():
		if s.complaint.CompareAndSwap(was, &why) {
			golog.Errorf("The store %s cannot write: %v", s.dir, why)
		}
	}
	return unavailable(why)
}

// unavailable tells a publisher why the store cannot write.
func unavailable(why error) error {
	if errors.Is(why, errFull) {
		return stream.Errorf(stream.Unavailable, "The store cannot write: %v. Writes resume once there is space.", why)
	}
	return stream.Errorf(stream.Broken,
		"The store cannot write: %v. Writes resume once this is fixed and the server is restarted.", why)
}

// Follow implements stream.Log.
func (s *Store) Follow(ctx context.Context, after stream.ID, deliver func(stream.Batch) error) error {
	join := func() (*stream.Follower, stream.ID) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.feed.Join(), s.head
	}
	return s.feed.Follow(ctx, after, join, s.Page, deliver)
}

// Size is how many bytes the store occupies on disk, as far as that is known; see work.
func (s *Store) Size() float64 {
	if work := s.work(); work != nil {
		return float64(work.DiskSpaceUsage())
	}
	return 0
}

// Close waits until everything appended is durable, then closes the store; later appends are Unavailable. It does not
// wait for a disk that accepts no writes: the log already has everything acknowledged. Calling it again returns the
// same error.
func (s *Store) Close() error {
	s.shutdown.Do(func() {
		defer s.errors.Flush()
		close(s.closing)
		if !s.settle() {
			s.disk.abandon()
			return
		}
		s.mu.Lock()
		s.shut = true
		s.mu.Unlock()
		s.reading.Wait()
		s.closeErr = s.disk.close(s.db)
	})
	return s.closeErr
}

// settle stops appends and waits until all earlier ones are durable. It returns false if the disk accepts no more
// writes.
func (s *Store) settle() bool {
	settled := make(chan struct{})
	go func() {
		if s.hold(context.Background()) != nil {
			return
		}
		s.closed = true
		close(s.applied)
		s.release()
		s.tending.Wait()
		close(settled)
	}()
	for {
		select {
		case <-settled:
			return true
		case <-s.disk.failed:
			return false
		case <-time.After(settleWait):
			if s.disk.stuck() {
				return false
			}
		}
	}
}

// settleWait is how often Close checks whether a write is stuck for want of space.
const settleWait = time.Second

// hold waits for the right to change the store, until release. The holder may wait for the disk; if the disk fails, it
// waits forever, and nobody else waits for it.
func (s *Store) hold(ctx context.Context) error {
	select {
	case s.writing <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.writing <- struct{}{}:
		return nil
	case <-s.disk.failed:
		return unavailable(s.disk.writable())
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) release() { <-s.writing }
