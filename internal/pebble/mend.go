package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
)

// attempts is how often a read is tried before it fails for good.
const attempts = 4

var errUnreadable = stream.Errorf(stream.Unavailable, "A part of the store cannot be read; see the server's log.")

// damage is what was found damaged and set aside.
type damage struct {
	found chan keySpan // where Pebble has met damage that is yet to be set aside

	mu    sync.Mutex
	notes []string
}

// Damage lists what has been found damaged and set aside since the start, one sentence for each.
func (s *Store) Damage() []string {
	s.damage.mu.Lock()
	defer s.damage.mu.Unlock()
	return append([]string(nil), s.damage.notes...)
}

// suspect notes where Pebble has met damage, for tend to set aside.
func (s *Store) suspect(span keySpan) {
	select {
	case s.damage.found <- span:
	default: // one is pending already
	}
}

// unreadable is the caller's error for a failed read; tend sets the damage aside.
func (s *Store) unreadable(err error) error {
	if err == nil {
		return nil
	}
	s.suspect(extent(err))
	return errUnreadable
}

// extent is the span that an error reports as damaged, or all keys.
func extent(err error) keySpan {
	if info := lsm.ExtractDataCorruptionInfo(err); info != nil && len(info.Bounds.Start) > 0 {
		return keySpan{bytes.Clone(info.Bounds.Start), append(bytes.Clone(info.Bounds.End.Key), 0)}
	}
	return allKeys
}

var allKeys = keySpan{[]byte{0}, []byte{0xFF}}

// reread reads, setting aside what cannot be read, until that succeeds.
func (s *Store) reread(ctx context.Context, read func() error) error {
	for range attempts {
		err := read()
		if err == nil {
			return nil
		}
		if err = s.mend(ctx, err); err != nil {
			return err
		}
	}
	return errUnreadable
}

// mend sets aside what made a read fail. It returns nil if reading again is worthwhile, else an error for the caller.
func (s *Store) mend(ctx context.Context, err error) error {
	if _, own := err.(*stream.Error); own || ctx.Err() != nil {
		return err
	}
	if !lsm.IsCorruptionError(err) {
		s.logError("%v", err)
		return errUnreadable
	}
	if err := s.setAside(extent(err)); err != nil {
		s.logError("setting aside what is damaged: %v", err)
		return errUnreadable
	}
	return nil
}

// setAside removes what cannot be read from a span of keys, and repairs the rest.
func (s *Store) setAside(span keySpan) error {
	if err := s.hold(context.Background()); err != nil {
		return err
	}
	defer s.release()
	if s.closed {
		return errClosed
	}
	if err := s.writable(); err != nil { // its own writes would block
		return err
	}
	defer s.pauseReaders()()
	lost, err := s.salvaged(span)
	if len(lost) == 0 {
		return err
	}
	for _, a := range lost {
		s.note(a)
	}
	if err == nil {
		err = s.rebuild(lost)
	}
	if err != nil { // the ledger still counts what is lost
		s.disk.condemn(err)
	}
	return err
}

// pauseReaders makes new readers wait until resume, since the ledger still counts what is lost. If the disk fails
// meanwhile, they stop waiting by themselves.
func (s *Store) pauseReaders() (resume func()) {
	mending := make(chan struct{})
	set := func(to chan struct{}) {
		s.mu.Lock()
		s.mending = to
		s.mu.Unlock()
	}
	set(mending)
	return func() {
		if s.disk.broken() == nil {
			set(nil)
			close(mending)
		}
	}
}

// salvaged removes what cannot be read from a span of keys. mendingKey is present until the ledger agrees with what
// remains: a start that finds it knows that the repair was interrupted.
func (s *Store) salvaged(span keySpan) (lost []keySpan, err error) {
	if err := s.db.Set([]byte{mendingKey}, nil, lsm.Sync); err != nil {
		return nil, err
	}
	err = guarded(func() (err error) {
		lost, err = s.salvage.setAside(s.db, span)
		return err
	})
	if len(lost) == 0 {
		err = errors.Join(err, s.db.Delete([]byte{mendingKey}, lsm.NoSync))
	}
	return lost, err
}

// note logs a loss and records it for Damage.
func (s *Store) note(lost keySpan) {
	what := "A part of the store"
	switch lost.from[0] {
	case eventKey:
		what = fmt.Sprintf("The log from %v on", idIn(lost.from))
		if to := idIn(lost.to); to != past {
			what = fmt.Sprintf("The log between %v and %v", idIn(lost.from), to)
		}
	case topicKey, recordKey, stateKey, voidKey:
		what = "A part of the index"
	case commentKey, rankKey, likeKey, totalKey:
		what = "A part of the comment board"
	}
	text := what + " was damaged on disk and has been set aside."
	golog.Errorf("The store %s: %s", s.dir, text)
	s.damage.mu.Lock()
	defer s.damage.mu.Unlock()
	s.damage.notes = append(s.damage.notes, text)
}

// past is above all IDs of events.
var past = stream.ID{Ms: 1<<63 - 1}

// idIn is the ID in an event's key, or past if the key is past the events.
func idIn(key []byte) stream.ID {
	if len(key) < 1+idSize || key[0] != eventKey {
		return past
	}
	return parseID(key[:1+idSize])
}
