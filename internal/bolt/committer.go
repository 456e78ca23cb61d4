package bolt

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream"
)

const (
	maxBatch   = 1024            // operations in one transaction
	maxWritten = 1 << 20         // bytes of events after which a batch is large enough
	fewYields  = 4               // how often the committer lets others run before a batch is closed,
	manyYields = 100             // and how often at most while the batch is smaller than the last one
	probeEvery = 2 * time.Second // while the disk fails and nobody publishes
)

// operation is something that changes the file: one of those that a transaction makes durable together.
type operation struct {
	// apply changes rows of its own and returns the events that tell of it. It runs in the committer's transaction, maybe
	// more than once: if an operation fails the transaction is begun again without it. nil: just the events.
	apply  func(tx *bbolt.Tx) ([]stream.Event, error)
	events []stream.Event // with their IDs once it is done

	err  error // why it was not done; to be read when done is closed
	done chan struct{}
}

// do queues an operation and returns when it is durable and its events have been published; late, while a follower is far
// behind, at the latest when ctx ends. If ctx ends while there is no place in the queue the operation is not done; one that
// is in the queue is done, and whoever waits for it is told how it went, however slow the disk is.
func (s *Store) do(ctx context.Context, op *operation) error {
	op.done = make(chan struct{})
	select {
	case <-s.closing: // nobody joins the queue any more, so that it comes to an end
		return errClosed
	default:
	}
	select {
	case s.queue <- op:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return errClosed
	}
	select {
	case <-op.done:
	case <-s.stopped:
		select {
		case <-op.done: // by the committer's last transaction
		default:
			return errClosed
		}
	}
	if op.err == nil {
		s.feed.Wait(ctx)
	}
	return op.err
}

// commit is the one goroutine that writes. It ends when closing is closed, and has done then what was queued.
func (s *Store) commit() {
	defer close(s.stopped)
	timer := time.NewTimer(s.pause())
	defer timer.Stop()
	for {
		select {
		case op := <-s.queue:
			s.perform(s.gather(op))
		case <-timer.C:
			s.tend()
		case <-s.closing:
			for len(s.queue) > 0 {
				s.perform(s.gather(<-s.queue))
			}
			return
		}
		timer.Reset(s.pause())
	}
}

// gather takes what is queued into one batch. It yields, for some microseconds at most, so that those who are about to
// publish, such as those whom the last batch has just answered, are in this one rather than wait for it and the next.
func (s *Store) gather(first *operation) (batch []*operation) {
	var size int64
	take := func(op *operation) {
		batch = append(batch, op)
		for _, e := range op.events {
			size += stream.Size(e)
		}
	}
	take(first)
	for n := 0; n < fewYields || n < manyYields && len(batch) < s.lastBatch; n++ {
		runtime.Gosched()
		for len(s.queue) > 0 && len(batch) < maxBatch && size < maxWritten {
			take(<-s.queue)
		}
	}
	s.lastBatch = len(batch)
	return batch
}

// perform does a batch and answers everybody in it. An operation that fails is answered alone, and the others begin again.
func (s *Store) perform(batch []*operation) {
	for len(batch) > 0 {
		failed, err := s.attempt(batch)
		if failed < 0 {
			for _, op := range batch {
				op.answer(cmp.Or(op.err, err))
			}
			return
		}
		batch[failed].answer(err)
		batch = slices.Delete(batch, failed, failed+1)
	}
}

func (op *operation) answer(err error) {
	op.err = err
	close(op.done)
}

// attempt does a batch in one transaction. If one of its operations fails it returns which, and nothing has been done;
// else -1, and what became of them all. An operation that was refused before it changed anything has its own err.
func (s *Store) attempt(batch []*operation) (failed int, err error) {
	failed = -1
	err = s.transact(func(d *draft) error {
		if err := d.trim(); err != nil {
			return err
		}
		for i, op := range batch {
			op.err = nil
			err := d.run(op)
			own, isOwn := errors.AsType[ownError](err)
			switch {
			case isOwn && op.apply == nil:
				op.err = own.error
			case isOwn:
				failed = i
				return own
			case err != nil:
				return err
			}
		}
		if err := d.bound(); err != nil {
			return err
		}
		return d.trim()
	})
	if own, isOwn := errors.AsType[ownError](err); isOwn {
		err = own.error
	}
	return failed, err
}

// tend does what there is to do while nobody publishes: remove what is too old, or see whether the disk is well again.
func (s *Store) tend() {
	if err, final := s.failure(); err != nil {
		if !final {
			s.probe()
		}
		return
	}
	_, _ = s.attempt(nil) // an error has been noted, for Head
}

// pause is how long the committer may be idle.
func (s *Store) pause() time.Duration {
	err, final := s.failure()
	switch {
	case final:
		return time.Hour
	case err != nil:
		return probeEvery
	case s.rest:
		return 0
	}
	due := time.UnixMilli(s.index.nextTooOld()).Sub(s.clock())
	return min(max(due, min(s.index.keep.Age/10, time.Second)), time.Hour)
}
