package logtest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// wide is a log that removes the oldest events first, whatever their topic, and reports a gap of all topics to readers
// that have not read what was removed.
type wide struct {
	feed stream.Feed
	keep stream.Retention

	mu      sync.RWMutex
	events  []stream.Event
	head    stream.ID
	removed stream.ID // or where the log began
	bytes   int64
}

func newWide(_ *testing.T, keep stream.Retention) stream.Log {
	start := stream.IDAt(time.Now())
	return &wide{keep: keep, head: start, removed: start}
}

// Append implements stream.Log.
func (w *wide) Append(ctx context.Context, events ...stream.Event) ([]stream.ID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ids, err := w.add(slices.Clone(events))
	if err == nil {
		w.feed.Wait(ctx)
	}
	return ids, err
}

func (w *wide) add(events []stream.Event) (ids []stream.ID, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	topics := map[stream.Topic]bool{}
	for _, e := range slices.Concat(w.events, events) {
		if w.keep.Always[e.Topic] == 0 {
			topics[e.Topic] = true
		}
	}
	if len(events) > 0 && len(topics) > w.keep.Topics {
		return nil, stream.Errorf(stream.Full, "There are as many topics as -max-topics allows.")
	}
	for i := range events {
		w.head = w.head.After(time.Now())
		events[i].ID = w.head
		w.bytes += stream.Size(events[i])
		ids = append(ids, w.head)
	}
	w.events = append(w.events, events...)
	for len(w.events) > w.keep.Events || w.bytes > w.keep.Bytes {
		w.bytes -= stream.Size(w.events[0])
		w.removed, w.events = w.events[0].ID, w.events[1:]
	}
	w.feed.Publish(events)
	return ids, nil
}

// Page implements stream.Log.
func (w *wide) Page(_ context.Context, q stream.Query) (stream.Page, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	p := stream.Page{Head: w.head, Mark: w.removed}
	lost := q.After.Less(w.removed) && q.Told.Less(w.removed) || w.head.Less(q.After)
	if lost && !q.Anywhere {
		p.Gap = &stream.Gap{Newest: w.removed, Topics: q.Topics.Names()}
	}
	if q.Until == (stream.ID{}) || w.head.Less(q.Until) {
		q.Until = w.head
	}
	if q.Limit == 0 {
		q.Limit = stream.MaxPage
	}
	if q.Newest == 0 && q.NewestBytes == 0 {
		q.Until, p.More = w.bound(q)
	}
	wanted := slices.DeleteFunc(slices.Clone(w.events), func(e stream.Event) bool {
		return !q.After.Less(e.ID) || q.Until.Less(e.ID) || !q.Topics.IsZero() && !q.Topics.Match(e.Topic)
	})
	newest(&p, &wanted, q)
	var bytes int64
	for i, e := range wanted {
		if i == q.Limit || q.Bytes > 0 && bytes >= q.Bytes {
			p.More, q.Until = true, p.Reached
			break
		}
		p.Events, p.Reached = append(p.Events, e), e.ID
		bytes += stream.Size(e)
	}
	p.Reached = q.Until
	if p.Gap != nil {
		if p.Gap.Oldest = p.Reached; len(p.Events) > 0 {
			p.Gap.Oldest = p.Events[0].ID
		}
	}
	return p, nil
}

// bound is how far a page reads, so that it examines a bounded number of events, and whether there is more.
func (w *wide) bound(q stream.Query) (until stream.ID, more bool) {
	const most = 4000
	from, _ := slices.BinarySearchFunc(w.events, q.After,
		func(e stream.Event, id stream.ID) int { return e.ID.Compare(id) })
	if from+most < len(w.events) && w.events[from+most].ID.Less(q.Until) {
		return w.events[from+most].ID, true
	}
	return q.Until, false
}

// newest reduces wanted to the newest events that a query asks for.
func newest(p *stream.Page, wanted *[]stream.Event, q stream.Query) {
	var bytes int64
	for i, e := range slices.Backward(*wanted) {
		bytes += stream.Size(e)
		count := len(*wanted) - i
		if q.Newest > 0 && count > q.Newest || q.NewestBytes > 0 && count > 1 && bytes > q.NewestBytes {
			p.Older, *wanted = true, (*wanted)[i+1:]
			return
		}
	}
}

// Head implements stream.Log.
func (w *wide) Head(context.Context) (stream.ID, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.head, nil
}

// Ready implements stream.Log.
func (w *wide) Ready(context.Context) error { return nil }

// Follow implements stream.Log.
func (w *wide) Follow(ctx context.Context, after stream.ID, deliver func(stream.Batch) error) error {
	join := func() (*stream.Follower, stream.ID) {
		w.mu.RLock()
		defer w.mu.RUnlock()
		return w.feed.Join(), w.head
	}
	return w.feed.Follow(ctx, after, join, w.Page, deliver)
}

func TestALogWithoutTopicLimitsKeepsThePromises(t *testing.T) {
	logtest.Run(t, logtest.LogWide, newWide)
}
