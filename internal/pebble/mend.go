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

// attempts is how often something is read before what cannot be read counts as lost for good.
const attempts = 4

var errUnreadable = stream.Errorf(stream.Unavailable, "A part of what is stored cannot be read; the server's log says more.")

// damage is what was found to be damaged, and set aside.
type damage struct {
	found chan keySpan // holds what Pebble's background work has met, until it is mended

	mu    sync.Mutex
	notes []string
}

// Damage tells what was damaged and has been set aside since the start, a sentence for each time.
func (s *Store) Damage() []string {
	s.damage.mu.Lock()
	defer s.damage.mu.Unlock()
	return append([]string(nil), s.damage.notes...)
}

// suspect notes where Pebble has met something damaged; it is mended by tend.
func (s *Store) suspect(span keySpan) {
	select {
	case s.damage.found <- span:
	default: // there is something to mend already
	}
}

// unreadable makes what cannot be read an error for whoever asked, and sees to it that it is mended.
func (s *Store) unreadable(err error) error {
	if err == nil {
		return nil
	}
	s.suspect(extent(err))
	return errUnreadable
}

// extent is where an error says that something is damaged, or all there is.
func extent(err error) keySpan {
	if info := lsm.ExtractDataCorruptionInfo(err); info != nil && len(info.Bounds.Start) > 0 {
		return keySpan{bytes.Clone(info.Bounds.Start), append(bytes.Clone(info.Bounds.End.Key), 0)}
	}
	return allKeys
}

var allKeys = keySpan{[]byte{0}, []byte{0xFF}}

// mend sets aside what made a read fail. It returns nil if it is worth another try, else an error for whoever asked.
func (s *Store) mend(ctx context.Context, err error) error {
	if _, own := err.(*stream.Error); own || ctx.Err() != nil {
		return err
	}
	if !lsm.IsCorruptionError(err) {
		golog.Errorf("The store %s: %v", s.dir, err)
		return errUnreadable
	}
	if err := s.setAside(extent(err)); err != nil {
		golog.Errorf("The store %s: setting aside what is damaged: %v", s.dir, err)
		return errUnreadable
	}
	return nil
}

// setAside takes what cannot be read out of a span of keys, and puts the rest in order.
func (s *Store) setAside(span keySpan) error {
	if err := s.hold(context.Background()); err != nil {
		return err
	}
	defer s.release()
	if s.closed {
		return errClosed
	}
	if err := s.writable(); err != nil { // what is to be written would wait
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
	if err != nil { // what is gone is in no ledger
		s.disk.condemn(err)
	}
	return err
}

// pauseReaders has whoever begins to read wait until resume: what is gone is not in the ledger yet. Should that fail,
// they are let go by the disk's end.
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

// salvaged takes what cannot be read out of a span of keys. Until the ledger agrees with what is left, mendingKey is
// there: a start that finds it knows that it was interrupted.
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

// note tells of something lost, once.
func (s *Store) note(lost keySpan) {
	what := "Something that was stored"
	switch lost.from[0] {
	case eventKey:
		what = fmt.Sprintf("What came between %v and %v", idIn(lost.from), idIn(lost.to))
	case topicKey, recordKey, stateKey, voidKey:
		what = "A part of the index"
	case commentKey, rankKey, likeKey, totalKey:
		what = "A part of the comment board"
	}
	text := what + " was damaged on the disk, and is set aside."
	golog.Errorf("The store %s: %s", s.dir, text)
	s.damage.mu.Lock()
	defer s.damage.mu.Unlock()
	s.damage.notes = append(s.damage.notes, text)
}

// idIn is the ID in an event's key, or one that is above all others if the key is behind them.
func idIn(key []byte) stream.ID {
	if len(key) < 1+idSize || key[0] != eventKey {
		return stream.ID{Ms: 1<<63 - 1}
	}
	return parseID(key[:1+idSize])
}
