package bolt

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/kataras/golog"
	"go.etcd.io/bbolt"
	"iris-broadcast/internal/stream"
)

// The store's own errors, as whoever publishes sees them.
var (
	errClosed  = stream.Errorf(stream.Unavailable, "The server is stopping; publish again in a moment.")
	errGone    = errors.New("its file was removed or replaced while the server ran")
	errUnknown = errors.New("the disk did not say whether it has the last events")
)

// panicError is what bbolt says of a page that it cannot make sense of.
type panicError struct{ reason any }

func (e panicError) Error() string { return fmt.Sprintf("its file is damaged (%v)", e.reason) }
func (e panicError) Unwrap() error { return errDamaged }

// guarded runs fn, and returns as error what it panics with: bbolt trusts its pages, so a damaged one makes it panic, or
// read what is not there.
func guarded(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			golog.Debugf("bolt: %v\n%s", reason, debug.Stack())
			err = panicError{reason}
		}
	}()
	return fn()
}

// transact runs fn in a transaction, makes it durable and tells the followers; or leaves everything as it was.
func (s *Store) transact(fn func(*draft) error) error {
	if err, final := s.failure(); final {
		return err
	}
	if err := s.sameFile(); err != nil {
		return s.fail(err, true)
	}
	d, err := s.write(fn)
	_, isOwn := errors.AsType[ownError](err)
	switch {
	case errors.Is(err, errDamaged):
		return s.fail(err, true)
	case err != nil && s.onDisk(d):
		return s.fail(errUnknown, true)
	case err != nil:
		s.forget(d)
		if isOwn {
			return err
		}
		if d != nil {
			s.wanted = d.written
		}
		return s.fail(err, false)
	}
	if err := s.sameFile(); err != nil {
		return s.fail(err, true)
	}
	s.adopt(d)
	return nil
}

// write runs fn in a transaction and commits it. An error of the commit means that it is not known what is on the disk.
func (s *Store) write(fn func(*draft) error) (d *draft, err error) {
	err = guarded(func() error {
		tx, err := s.begin(true)
		if err != nil {
			return err
		}
		defer s.end(tx) // what is committed cannot be rolled back, so this changes nothing then
		if d, err = newDraft(&s.index, s.state, tx, s.clock()); err != nil {
			return err
		}
		if err := fn(d); err != nil || d.isEmpty() {
			return err
		}
		if err := d.save(); err != nil {
			return err
		}
		d.id = tx.ID()
		s.mu.Lock()
		s.ahead, s.aheadState = d.id, d.state
		s.mu.Unlock()
		return tx.Commit()
	})
	return d, err
}

// begin starts a transaction, unless bbolt has kept a lock.
func (s *Store) begin(writable bool) (*bbolt.Tx, error) {
	s.beginning.Lock()
	defer s.beginning.Unlock()
	if s.stuck.Load() {
		return nil, errDamaged
	}
	if err := intact(s.file, s.pageSize); err != nil {
		return nil, err
	}
	s.stuck.Store(true) // should it panic
	tx, err := s.db.Begin(writable)
	s.stuck.Store(false)
	return tx, err
}

// end rolls a transaction back if it is not committed.
func (s *Store) end(tx *bbolt.Tx) {
	defer func() {
		if tx.DB() != nil { // then the rollback has panicked
			s.stuck.Store(true)
		}
	}()
	_ = tx.Rollback() // an error says that it is at its end already
}

// onDisk says whether the draft's transaction is what the file shows, though its commit failed.
func (s *Store) onDisk(d *draft) bool {
	if d == nil || d.id == 0 {
		return false
	}
	meta, err := readMeta(s.file, s.pageSize)
	return err != nil || meta.txid >= uint64(d.id)
}

// forget undoes what a draft did in memory.
func (s *Store) forget(d *draft) {
	if d == nil {
		return
	}
	s.mu.Lock()
	s.ahead = 0
	s.mu.Unlock()
	d.undo()
}

// adopt makes readers and followers see what has become durable.
func (s *Store) adopt(d *draft) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = d.rest
	s.ahead = 0
	if s.failed != nil && !s.final && !d.isEmpty() {
		golog.Infof("bolt: the store can write again")
		s.failed, s.wanted = nil, 0
	}
	s.state = d.state
	for _, e := range d.changed {
		e.now = e.next
		s.topics.put(e)
	}
	if len(d.events) > 0 {
		s.feed.Publish(d.events)
	}
}

// fail notes why the store cannot write, if it is final until the next start, and returns the error for whoever asked.
func (s *Store) fail(why error, final bool) error {
	advice := "It goes on by itself once that is mended; until then nothing is kept."
	if final {
		advice = "Nothing is kept until it is mended and the server is started again."
	}
	text := strings.ReplaceAll(why.Error(), s.path, "its file") // where the file is concerns nobody but the operator
	err := stream.Errorf(stream.Unavailable, "The store cannot work: %s. %s", text, advice)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final {
		return err
	}
	if s.failed == nil || final {
		golog.Errorf("bolt: %s: %v", s.path, why)
	}
	s.failed, s.final = err, final
	return err
}

// failure is why the store cannot write, nil if it can, and whether that will stay so.
func (s *Store) failure() (err error, final bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.failed, s.final
}

// probe sees whether the disk takes again as much as it last refused.
func (s *Store) probe() {
	filler := make([]byte, s.wanted+64<<10)
	put := func(d *draft) error {
		d.applied = true
		return d.tx.Bucket(metaBucket).Put(fillerKey, filler)
	}
	remove := func(d *draft) error {
		d.applied = true
		return d.tx.Bucket(metaBucket).Delete(fillerKey)
	}
	if s.transact(put) == nil {
		_ = s.transact(remove) // it has said itself what went wrong
	}
}

// sameFile says whether the file that is open is the one that its path names, and whole.
func (s *Store) sameFile() error {
	open, err := s.file.Stat()
	if err != nil {
		return err
	}
	if named, err := os.Stat(s.path); err != nil || !os.SameFile(open, named) {
		return errGone
	}
	return intact(s.file, s.pageSize)
}

// intact says whether a file has all its pages, and a meta page that can be read: without, bbolt does not only panic but
// hold its locks for ever.
func intact(file *os.File, pageSize int) error {
	meta, err := readMeta(file, pageSize)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.Size() < int64(meta.pages)*int64(pageSize) {
		err = panicError{"it is shorter than it should be"}
	}
	return err
}
