package stream

import (
	"container/heap"
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// Retention bounds what a log keeps. What is over goes, the oldest first; what goes is reported as Gap.
type Retention struct {
	Events int           // of each topic, at least 1
	Age    time.Duration // of each event, above 0
	Bytes  int64         // in all: text and about 128 bytes an event
	Topics int           // how many topics there may be; Append refuses one more with Full
	Always map[Topic]int // topics that keep their newest n whatever the other bounds say
}

// Memory is a Log that lives and dies with the process.
type Memory struct {
	keep Retention // set by NewMemory, then read-only

	mu     sync.Mutex // guards everything below; held for memory's work alone
	feed   Feed
	topics map[Topic]*topicLog
	oldest byOldest // the topics that age and bytes bound, the one with the oldest event first
	bytes  int64    // of the events in oldest
	head   ID
	floor  ID // the highest ID removed from a topic that is no longer in topics

	removals   uint64 // counts what was removed, so that a Page can tell what was since another
	floorStamp uint64 // removals when floor rose last
}

// topicLog is what is kept of one topic; it is never empty.
type topicLog struct {
	topic   Topic
	events  []Event // oldest first
	gone    int     // how many were removed from the front of the array behind events
	removed ID      // the highest that was removed
	stamp   uint64  // Memory.removals when it was removed
	place   int     // in Memory.oldest, -1 if it is not there
}

// NewMemory returns an empty log, whose head and floor are the moment of its start: what came before is not known.
func NewMemory(keep Retention) *Memory {
	start := IDAt(time.Now())
	return &Memory{keep: keep, topics: map[Topic]*topicLog{}, head: start, floor: start, removals: 1, floorStamp: 1}
}

// Append implements Log.
func (m *Memory) Append(ctx context.Context, events ...Event) ([]ID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	now := time.Now()
	m.trim(now)
	if err := m.admit(events); err != nil {
		m.mu.Unlock()
		return nil, err
	}
	ids := make([]ID, len(events))
	logged := slices.Clone(events)
	for i := range logged {
		m.head = m.head.After(now)
		logged[i].ID, ids[i] = m.head, m.head
		m.add(logged[i])
	}
	m.trim(now)
	m.feed.Publish(logged)
	m.mu.Unlock()
	m.feed.Wait(ctx)
	return ids, nil
}

// admit says whether there is a place for the events' topics.
func (m *Memory) admit(events []Event) error {
	fresh := map[Topic]bool{}
	for _, e := range events {
		if _, ok := m.topics[e.Topic]; !ok && m.keep.Always[e.Topic] == 0 {
			fresh[e.Topic] = true
		}
	}
	bounded := len(m.topics)
	for topic := range m.keep.Always {
		if m.topics[topic] != nil {
			bounded--
		}
	}
	if len(fresh) > 0 && bounded+len(fresh) > m.keep.Topics {
		return Errorf(Full, "There are as many topics as -max-topics allows (%d); publish to one of them, or raise it.", m.keep.Topics)
	}
	return nil
}

// add keeps an event, and of its topic no more than may be.
func (m *Memory) add(e Event) {
	t := m.topics[e.Topic]
	if t == nil {
		t = &topicLog{topic: e.Topic, place: -1}
		m.topics[e.Topic] = t
	}
	t.events = append(t.events, e)
	most := m.keep.Events
	if n := m.keep.Always[e.Topic]; n > 0 {
		most = n
	} else {
		m.bytes += Size(e)
		if t.place < 0 {
			heap.Push(&m.oldest, t)
		}
	}
	if len(t.events) > most {
		m.removeOldest(t)
	}
}

// trim removes what is too old, and the oldest of what is too much; a topic that is left empty is forgotten.
func (m *Memory) trim(now time.Time) {
	tooOld := IDAt(now.Add(-m.keep.Age))
	for len(m.oldest) > 0 && (m.bytes > m.keep.Bytes || m.oldest[0].events[0].ID.Less(tooOld)) {
		t := m.oldest[0]
		if len(t.events) > 1 {
			m.removeOldest(t)
			continue
		}
		heap.Pop(&m.oldest)
		m.bytes -= Size(t.events[0])
		m.floor = t.events[0].ID // every ID removed this way is above those before it
		m.removals++
		m.floorStamp = m.removals
		delete(m.topics, t.topic)
	}
}

// removeOldest removes a topic's oldest event; there is another one.
func (m *Memory) removeOldest(t *topicLog) {
	t.removed = t.events[0].ID
	if t.place >= 0 {
		m.bytes -= Size(t.events[0])
	}
	m.removals++
	t.stamp = m.removals
	t.events[0] = Event{} // the array behind the slice lives on; the data need not
	t.events = t.events[1:]
	if t.gone++; t.gone > 2*len(t.events)+16 {
		t.events, t.gone = slices.Clone(t.events), 0
	}
	if t.place >= 0 {
		heap.Fix(&m.oldest, t.place)
	}
}

// Size is about how many bytes an event takes: its text, and 128 for the rest.
func Size(e Event) int64 {
	return int64(len(e.Topic.name) + len(e.Type.name) + len(e.Data) + 128)
}

// Head implements Log.
func (m *Memory) Head(context.Context) (ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head, nil
}

// Ready implements Log: memory always is.
func (m *Memory) Ready(context.Context) error { return nil }

// Page implements Log. It costs a look-up for each selected topic (with patterns: for each topic there is), and the events
// that it returns.
func (m *Memory) Page(_ context.Context, q Query) (Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trim(time.Now())
	page := Page{Head: m.head, Seen: m.removals}
	selected := m.selected(q.Topics)
	page.Events, page.More = merge(selected, q)
	floor := m.floor
	if m.floorStamp <= q.Seen {
		floor = ID{}
	}
	concerned := FindGap(q, floor, func(yield func(Topic, ID) bool) {
		for _, t := range selected {
			if t.stamp > q.Seen && !yield(t.topic, t.removed) {
				return
			}
		}
	})
	if concerned != nil {
		page.Gap = &Gap{Oldest: m.head, Topics: concerned}
		if len(page.Events) > 0 {
			page.Gap.Oldest = page.Events[0].ID
		}
	}
	return page, nil
}

// Follow implements Log. What was removed before Follow began is not delivered.
func (m *Memory) Follow(ctx context.Context, after ID, deliver func([]Event) error) error {
	m.mu.Lock()
	backlog, _ := merge(slices.Collect(maps.Values(m.topics)), Query{After: after, Limit: math.MaxInt})
	follower := m.feed.Join(backlog)
	m.mu.Unlock()
	return follower.Run(ctx, deliver)
}

func (m *Memory) selected(s Selection) []*topicLog {
	var found []*topicLog
	if len(s.Patterns) > 0 {
		for topic, t := range m.topics {
			if s.Match(topic) {
				found = append(found, t)
			}
		}
		return found
	}
	for _, topic := range s.Topics {
		if t := m.topics[topic]; t != nil {
			found = append(found, t)
		}
	}
	return found
}
