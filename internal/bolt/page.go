package bolt

import (
	"context"
	"errors"
	"os"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"iris-broadcast/internal/stream"
)

// Page implements stream.Log. It costs a look-up in memory for each topic that the query takes, and reads the file only for
// topics that have something newer than its After. What is too old, or too much, is there until it is removed.
func (s *Store) Page(_ context.Context, q stream.Query) (page stream.Page, err error) {
	err = s.view(func(v *view) { v.choose(s.topics.selected(q.Topics), q.After) }, func(v *view) error {
		page, err = v.page(q)
		return err
	})
	return page, err
}

// backlog reads of all topics what came after a position, and not after head.
func (s *Store) backlog(after, head stream.ID) (page stream.Page, err error) {
	err = s.view(func(v *view) { v.choose(s.topics, after) }, func(v *view) error {
		v.state.head = head
		page.Events, page.More, err = v.merge(stream.Query{After: after, Limit: stream.MaxPage})
		page.Head = head
		return err
	})
	return page, err
}

// view is the log at one moment: a read transaction, and what was known in memory when it began.
type view struct {
	tx     *bbolt.Tx
	state  state // what is newer than its head is not known to be durable
	ahead  bool  // the file has lost already what the transaction on its way removes
	topics []known

	aheadHead stream.ID // the log's head once that transaction is durable
}

// known is what was known of a topic, as entry has it.
type known struct {
	topic stream.Topic
	record
}

// view calls look to take from the memory what belongs to the moment, and then read, which takes its time.
func (s *Store) view(look func(*view), read func(*view) error) error {
	err := guarded(func() error {
		v := &view{}
		defer func() {
			if v.tx != nil {
				s.end(v.tx)
			}
		}()
		if err := s.moment(v, look); err != nil {
			return err
		}
		return read(v)
	})
	_, isOwn := errors.AsType[*stream.Error](err)
	switch {
	case err == nil || isOwn: // isOwn: what read says of what it was asked for
		return err
	case errors.Is(err, bbolterrors.ErrDatabaseNotOpen), errors.Is(err, os.ErrClosed):
		return errClosed
	}
	return s.fail(err, errors.Is(err, errDamaged))
}

// moment begins v's transaction. The lock makes it one moment: nothing becomes visible in memory meanwhile.
func (s *Store) moment(v *view, look func(*view)) (err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if v.tx, err = s.begin(false); err != nil {
		return err
	}
	v.state, v.ahead = s.state, v.tx.ID() == s.ahead
	if v.ahead {
		head := v.state.head
		v.state, v.aheadHead = s.aheadState, s.aheadState.head
		v.state.head = head
	}
	look(v)
	return nil
}

// choose takes those topics of which something came after a position, or was removed after it.
func (v *view) choose(entries []*entry, after stream.ID) {
	for _, e := range entries {
		k := known{e.topic, e.now}
		if v.ahead {
			k.removed, k.stamp = e.next.removed, e.next.stamp
		}
		if after.Less(k.newest) || after.Less(k.removed) {
			v.topics = append(v.topics, k)
		}
	}
}

// page reads what a query asks for.
func (v *view) page(q stream.Query) (page stream.Page, err error) {
	page.Head, page.Seen = v.state.head, v.state.removals
	if page.Events, page.More, err = v.merge(q); err != nil {
		return stream.Page{}, err
	}
	floor := v.state.floor
	if v.state.floorStamp <= q.Seen {
		floor = stream.ID{}
	}
	concerned := stream.FindGap(q, floor, func(yield func(stream.Topic, stream.ID) bool) {
		for _, k := range v.topics {
			if k.stamp > q.Seen && !yield(k.topic, k.removed) {
				return
			}
		}
	})
	if concerned != nil {
		page.Gap = &stream.Gap{Oldest: page.Head, Topics: concerned}
		if len(page.Events) > 0 {
			page.Gap.Oldest = page.Events[0].ID
		}
	}
	return page, nil
}
