package pebble

import (
	"context"
	"encoding/binary"
	"slices"

	lsm "github.com/cockroachdb/pebble/v2"

	"iris-broadcast/internal/stream"
)

// Page implements stream.Log. What cannot be read because it is damaged is set aside first, and reported as a gap.
func (s *Store) Page(ctx context.Context, q stream.Query) (page stream.Page, err error) {
	for range attempts {
		if page, err = s.page(ctx, q); err == nil {
			return page, nil
		}
		if err = s.mend(ctx, err); err != nil {
			return stream.Page{}, err
		}
	}
	return stream.Page{}, errUnreadable
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
	if closeErr := v.close(); err == nil {
		err = closeErr
	}
	return page, err
}

// look opens a view at one moment, at which what is called too. While what is damaged is set aside it waits, since what
// is gone then is not in the ledger yet.
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

// view is the store at one moment. It implements stream.Reader.
type view struct {
	all    *lsm.Iterator
	events *lsm.Iterator // over events, to fetch them one by one
	doomed []stream.ID   // what may be there still, though it is removed
	done   func()        // lets the store be closed
}

// over is an iterator over a span, of the same moment.
func (v *view) over(span keySpan) (*lsm.Iterator, error) {
	return v.all.Clone(lsm.CloneOptions{IterOptions: &lsm.IterOptions{LowerBound: span.from, UpperBound: span.to}})
}

func (v *view) close() error {
	defer v.done()
	err := v.all.Close()
	if v.events != nil {
		if closeErr := v.events.Close(); err == nil {
			err = closeErr
		}
	}
	return err
}

// event fetches the event with an ID. It is not there if it was damaged.
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
		return v.walk(keySpan{append(keyOfEvent(nil, after), 0), []byte{eventKey + 1}}, false)
	}
	if after.Less(a.Removed) { // so that nothing is passed that is no longer there
		after = a.Removed
	}
	span := inTopic(a.Topic)
	span.from = append(keyInTopic(nil, a.Topic, after), 0)
	return v.walkTopic(a.Topic, span, false)
}

// Backward implements stream.Reader.
func (v *view) Backward(a *stream.Account, from stream.ID) stream.Cursor {
	if a == nil {
		return v.walk(keySpan{[]byte{eventKey}, append(keyOfEvent(nil, from), 0)}, true)
	}
	span := keySpan{append(keyInTopic(nil, a.Topic, a.Removed), 0), append(keyInTopic(nil, a.Topic, from), 0)}
	return v.walkTopic(a.Topic, span, true)
}

func (v *view) walk(span keySpan, backward bool) stream.Cursor {
	c := &eventCursor{cursor: cursor{view: v, backward: backward}}
	c.it, c.err = v.over(span)
	return c
}

func (v *view) walkTopic(t stream.Topic, span keySpan, backward bool) stream.Cursor {
	c := &topicCursor{cursor: cursor{view: v, backward: backward}, topic: t}
	c.it, c.err = v.over(span)
	return c
}

// cursor goes over keys that end with an ID.
type cursor struct {
	view     *view
	it       *lsm.Iterator
	backward bool
	begun    bool
	err      error
}

// step goes to the next key.
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
	if err := c.it.Close(); c.err == nil {
		c.err = err
	}
	return c.err
}

// eventCursor goes over the events of all topics.
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

// topicCursor goes over the events of one topic.
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
