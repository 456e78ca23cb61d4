// Package pebble is the durable store: a stream.Log and a board.Store in a folder that Pebble keeps. What Append
// acknowledged is on the disk, and is there again after a crash.
//
// Whoever appends gets the next IDs and hands a batch to Pebble, one after the other; Pebble makes those durable
// together that wait while the disk is busy with others. One goroutine, acknowledge, tells of them in that order.
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

	"iris-broadcast/internal/stream"
)

// Store is a stream.Log and a board.Store in a folder. See Open.
type Store struct {
	// Set by Open, then read-only.
	dir     string
	db      *lsm.DB
	disk    *disk
	salvage salvage
	clock   func() time.Time

	feed     stream.Feed
	applied  chan *commit // what Pebble has and the disk may not, in order
	closing  chan struct{}
	tending  sync.WaitGroup // tend and acknowledge
	shutdown sync.Once
	closeErr error // of the first Close

	complaint atomic.Pointer[error] // why the store cannot write, as it was last logged
	damage    damage

	reading sync.WaitGroup // views; none is added once shut is set

	// writing has a token while somebody changes the store, see hold. It guards what follows; the ledger is changed
	// with mu held too.
	writing chan struct{}
	closed  bool
	fronts  map[stream.Topic]*front
	swept   stream.ID // age and bytes have left nothing up to here that they bound

	mu      sync.RWMutex  // guards what follows; held for memory's work, and to open an iterator
	shut    bool          // the database is to be closed
	mending chan struct{} // closed when the ledger agrees with the events again; nil if it does
	ledger  *stream.Ledger
	head    stream.ID   // of what is durable
	doomed  []stream.ID // what is removed by commits that are not known to be durable, in their order
}

// The store's own errors, as whoever publishes sees them.
var (
	errClosed  = stream.Errorf(stream.Unavailable, "The server is stopping; publish again in a moment.")
	errUnknown = errors.New("the disk did not say whether it has the last events")
)

// Append implements stream.Log. It returns when the disk has the events; if ctx ends before, they may be kept all the
// same. Errors beside those of the context: Full, and Unavailable while the disk does not take them.
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

// writable says why nothing can be appended, and logs it when that changes.
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

// unavailable is why the store cannot write, for whoever publishes.
func unavailable(why error) error {
	advice := "Nothing is kept until it is mended and the server is started again."
	if errors.Is(why, errFull) {
		advice = "It goes on by itself once there is room; until then nothing is kept."
	}
	return stream.Errorf(stream.Unavailable, "The store cannot work: %v. %s", why, advice)
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

// Size is how many bytes the store takes on the disk.
func (s *Store) Size() float64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.shut {
		return 0
	}
	return float64(s.db.Metrics().DiskSpaceUsage())
}

// Close waits until what was appended is durable, and closes the store. Whoever appends afterwards is told that it is
// Unavailable. A disk that takes nothing more does not hold it up: the log has what was acknowledged. Calling it again
// returns the same.
func (s *Store) Close() error {
	s.shutdown.Do(func() {
		close(s.closing)
		if !s.settle() {
			s.disk.leave()
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

// settle has nothing more appended, and waits until all that was is durable, or the disk takes nothing more.
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

// settleWait is how long a write may wait for room before a store that is to be closed is left.
const settleWait = time.Second

// hold waits for the right to change the store, until release. Who has it may wait for the disk: should that fail, for
// ever, and then nobody else waits for him.
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
