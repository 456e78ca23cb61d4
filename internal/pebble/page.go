package pebble

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	lsm "github.com/cockroachdb/pebble/v2"

	"iris-broadcast/internal/stream"
)

// Page implements stream.Log. Damaged events are set aside first, and reported as a gap.
func (s *Store) Page(ctx context.Context, q stream.Query) (page stream.Page, err error) {
	err = s.reread(ctx, func() error {
		page, err = s.page(ctx, q)
		return err
	})
	return page, err
}

func (s *Store) page(ctx context.Context, q stream.Query) (stream.Page, error) {
	v := &view{}
	var plan stream.Plan
	err := s.look(ctx, v, func() {
		plan = s.ledger.Plan(q, s.head)
		v.doomed = s.doomed
	})
	if err != nil {
		return stream.Page{}, err
	}
	page, err := plan.Read(v)
	return page, cmp.Or(err, v.close())
}

// look opens a view and calls what at the same moment. It waits while damage is being set aside, since the ledger still
// counts what is lost.
func (s *Store) look(ctx context.Context, v *view, what func()) (err error) {
	for {
		mending, err := s.lookNow(v, what)
		if mending == nil {
			return err
		}
		select {
		case <-mending:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.disk.failed:
			return errUnreadable
		}
	}
}

func (s *Store) lookNow(v *view, what func()) (mending <-chan struct{}, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.shut || s.mending != nil {
		return s.mending, errClosed
	}
	what()
	if v.all, err = s.db.NewIter(nil); err == nil {
		v.done = s.reading.Done
		s.reading.Add(1)
	}
	return nil, err
}

// view is a snapshot of the store. It implements stream.Reader.
type view struct {
	all    *lsm.Iterator
	events *lsm.Iterator // to fetch single events; opened on first use
	doomed []stream.ID   // removed, but possibly still in the snapshot
	done   func()        // lets the store close
}

// over returns an iterator over a span of the same snapshot.
func (v *view) over(span keySpan) (*lsm.Iterator, error) {
	return v.all.Clone(lsm.CloneOptions{IterOptions: &lsm.IterOptions{LowerBound: span.from, UpperBound: span.to}})
}

func (v *view) close() error {
	defer v.done()
	err := v.all.Close()
	if v.events != nil {
		err = cmp.Or(err, v.events.Close())
	}
	return err
}

// event fetches an event by ID. It is missing if it was damaged.
func (v *view) event(id stream.ID) (e stream.Event, found bool, err error) {
	if v.events == nil {
		if v.events, err = v.over(spanOf(eventKey)); err != nil {
			return e, false, err
		}
	}
	key := keyOfEvent(make([]byte, 0, 1+idSize), id)
	if !v.events.SeekGE(key) || !slices.Equal(v.events.Key(), key) {
		return e, false, v.events.Error()
	}
	kept, err := parseStored(v.events.Value())
	if err == nil {
		e, err = kept.event(id)
	}
	return e, err == nil, err
}

// Forward implements stream.Reader.
func (v *view) Forward(a *stream.Account, after stream.ID) stream.Cursor {
	if a == nil {
		span := keySpan{append(keyOfEvent(nil, after), 0), []byte{eventKey + 1}}
		return &eventCursor{cursor: v.cursor(span, false)}
	}
	if after.Less(a.Removed) { // skip the tombstones
		after = a.Removed
	}
	span := inTopic(a.Topic)
	span.from = append(keyInTopic(nil, a.Topic, after), 0)
	return &topicCursor{v.cursor(span, false), a.Topic}
}

// Backward implements stream.Reader.
func (v *view) Backward(a *stream.Account, from stream.ID) stream.Cursor {
	if a == nil {
		span := keySpan{[]byte{eventKey}, append(keyOfEvent(nil, from), 0)}
		return &eventCursor{cursor: v.cursor(span, true)}
	}
	span := keySpan{append(keyInTopic(nil, a.Topic, a.Removed), 0), append(keyInTopic(nil, a.Topic, from), 0)}
	return &topicCursor{v.cursor(span, true), a.Topic}
}

func (v *view) cursor(span keySpan, backward bool) cursor {
	it, err := v.over(span)
	return cursor{view: v, it: it, backward: backward, err: err}
}

// cursor walks keys that end with an ID.
type cursor struct {
	view     *view
	it       *lsm.Iterator
	backward bool
	begun    bool
	err      error
}

// step moves to the next key.
func (c *cursor) step() bool {
	begun := c.begun
	c.begun = true
	switch {
	case c.err != nil:
		return false
	case c.backward && begun:
		return c.it.Prev()
	case c.backward:
		return c.it.Last()
	case begun:
		return c.it.Next()
	}
	return c.it.First()
}

// ID implements stream.Cursor.
func (c *cursor) ID() stream.ID { return parseID(c.it.Key()) }

// Close implements stream.Cursor.
func (c *cursor) Close() error {
	if c.it == nil {
		return c.err
	}
	c.err = cmp.Or(c.err, c.it.Close())
	return c.err
}

// eventCursor walks the events of all topics.
type eventCursor struct {
	cursor
	stored
	name stream.Topic
}

// Next implements stream.Cursor.
func (c *eventCursor) Next() bool {
	for c.step() {
		if len(c.view.doomed) > 0 && slices.Contains(c.view.doomed, c.ID()) {
			continue
		}
		if c.stored, c.err = parseStored(c.it.Value()); c.err != nil {
			return false
		}
		if string(c.topic) != c.name.String() {
			c.name, c.err = stream.ParseTopic(string(c.topic))
		}
		return c.err == nil
	}
	return false
}

// Topic implements stream.Cursor.
func (c *eventCursor) Topic() stream.Topic { return c.name }

// Size implements stream.Cursor.
func (c *eventCursor) Size() int64 { return c.size() }

// Event implements stream.Cursor.
func (c *eventCursor) Event() (e stream.Event, found bool) {
	e, c.err = c.event(c.ID())
	return e, c.err == nil
}

// topicCursor walks the index of one topic.
type topicCursor struct {
	cursor
	topic stream.Topic
}

// Next implements stream.Cursor.
func (c *topicCursor) Next() bool { return c.step() }

// Topic implements stream.Cursor.
func (c *topicCursor) Topic() stream.Topic { return c.topic }

// Size implements stream.Cursor.
func (c *topicCursor) Size() int64 {
	size, _ := binary.Uvarint(c.it.Value())
	return int64(size)
}

// Event implements stream.Cursor.
func (c *topicCursor) Event() (e stream.Event, found bool) {
	e, found, c.err = c.view.event(c.ID())
	return e, found
}
