package stream_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
)

// counted counts the pages that are read, and those of them with a gap.
type counted struct {
	stream.Log
	mu          sync.Mutex
	reads, gaps int
}

func (c *counted) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	page, err := c.Log.Page(ctx, q)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	if page.Gap != nil {
		c.gaps++
	}
	return page, err
}

// model is a small log that is written to, removes events, and is read by many, all at once.
type model struct {
	t     *testing.T
	log   *counted
	pages *stream.Pages

	mu      sync.Mutex
	all     []stream.Event // as Append acknowledged them; in log order once sorted
	last    stream.ID      // of the event that ends it all, once there is one
	reached []stream.ID    // by readers, with each page
	gaps    int            // pages with a gap
}

// note records what was appended.
func (m *model) note(events []stream.Event, ids []stream.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, id := range ids {
		events[i].ID = id
	}
	m.all = append(m.all, events...)
}

// publish appends batches to random topics.
func (m *model) publish(random *rand.Rand) {
	topics := []string{"a/0", "a/0", "a/0", "a/0", "a/0", "a/1", "a/1", "b"} // so that some last longer than others
	for range 100 {
		var events []stream.Event
		for range 1 + random.IntN(40) {
			topic := stream.MustTopic(topics[random.IntN(len(topics))])
			events = append(events, stream.Event{Topic: topic, Data: fmt.Sprint(random.IntN(1000))})
		}
		ids, err := m.log.Append(m.t.Context(), events...)
		if err != nil {
			m.t.Error(err)
		}
		m.note(events, ids)
		time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
	}
}

// position is a random one: of an event that may be gone, the beginning, or one that this log never had.
func (m *model) position(random *rand.Rand) stream.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch n := random.IntN(20); {
	case n == 0:
		return stream.ID{}
	case n == 1:
		return stream.IDAt(time.Now().Add(time.Hour))
	case len(m.all) == 0:
		return stream.IDAt(time.Now())
	}
	if n := len(m.reached); n > 0 && random.IntN(2) == 0 {
		return m.reached[max(0, n-1-random.IntN(300))] // cut off together
	}
	return m.all[max(0, len(m.all)-1-random.IntN(1500))].ID
}

// done reports whether a position is beyond all events.
func (m *model) done(reached stream.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = append(m.reached, reached)
	return m.last != stream.ID{} && !reached.Less(m.last)
}

// step is a page as a reader got it.
type step struct {
	query stream.Query
	page  stream.Page
}

// read reads on as stream.Replay does, from random positions, the last time to the end. It returns each run of pages.
func (m *model) read(random *rand.Rand) (runs [][]step) {
	selections := [][]string{{"a/0"}, {"a/*"}, {"*"}, {"*"}, {"b", "a/0"}, {"b", "a/0"}}
	selection, _ := stream.ParseSelection(selections[random.IntN(len(selections))])
	for over := false; !over; {
		q := stream.Query{Topics: selection, Limit: 60, Bytes: 16 << 10}
		switch random.IntN(10) {
		case 0:
			q.Anywhere = true
		case 1, 2:
			q.Anywhere, q.Newest = true, 50*(1+random.IntN(4))
		default:
			q.After = m.position(random)
		}
		if random.IntN(10) == 0 {
			q.Limit = 1 // the caller holds the rest
		}
		var run []step
		for !over && (len(run) == 0 || random.IntN(20) > 0) {
			page, err := m.pages.Page(m.t.Context(), q)
			if err != nil {
				m.t.Error(err)
				return nil
			}
			run = append(run, step{q, page})
			q = stream.Query{Topics: selection, After: page.Reached, Limit: 60, Bytes: 16 << 10, Told: page.Mark}
			if over = m.done(page.Reached) && !page.More; !page.More || random.IntN(4) == 0 {
				time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
			}
		}
		runs = append(runs, run)
	}
	return runs
}

// check fails the test unless a reader got every selected event once and in order, but for those that a gap covers.
func (m *model) check(run []step) {
	covered := map[string]stream.ID{} // by name or pattern: up to where events may be missing
	seen := map[stream.Topic]bool{}   // of which there was an event
	for i, s := range run {
		events := s.page.Events
		if gap := s.page.Gap; gap != nil {
			m.gaps++
			for _, name := range gap.Topics {
				covered[name] = covered[name].Max(gap.Newest)
			}
			if len(events) > 0 && events[0].ID != gap.Oldest {
				m.t.Fatalf("page %d begins with %v, and its gap says %v", i, events[0].ID, gap.Oldest)
			}
		}
		if gap := s.page.Gap; gap != nil && s.page.Reached.Less(s.query.After) {
			continue // from a position above the head: it starts anew
		}
		if s.page.More && len(events) == 0 || len(events) > s.query.Limit {
			m.t.Fatalf("page %d has %d events", i, len(events))
		}
		m.compare(s, run[0].query.Anywhere, seen, covered)
		m.countNewest(s)
	}
}

// countNewest fails the test unless a page of the newest events of one topic begins where it should.
func (m *model) countNewest(s step) {
	m.t.Helper()
	if s.query.Newest == 0 || len(s.query.Topics.Topics) != 1 || len(s.page.Events) == 0 {
		return
	}
	n := 0
	for _, e := range m.all {
		if s.query.Topics.Match(e.Topic) && !e.ID.Less(s.page.Events[0].ID) && !s.page.Head.Less(e.ID) {
			n++
		}
	}
	if n > s.query.Newest || n < s.query.Newest && s.page.Older {
		m.t.Fatalf("it begins with the newest %d events, not %d", n, s.query.Newest)
	}
}

// compare holds a page against all events between its query's position and where it ends. A run from anywhere does not
// miss what was gone when it began.
func (m *model) compare(s step, anywhere bool, seen map[stream.Topic]bool, covered map[string]stream.ID) {
	m.t.Helper()
	events := s.page.Events
	for _, e := range m.all {
		switch {
		case !s.query.After.Less(e.ID) || s.page.Reached.Less(e.ID) || !s.query.Topics.Match(e.Topic):
		case len(events) > 0 && events[0] == e:
			events, seen[e.Topic] = events[1:], true
		case anywhere && !seen[e.Topic]:
		case slices.ContainsFunc(s.query.Topics.Names(), func(name string) bool {
			selection, _ := stream.ParseSelection([]string{name})
			return selection.Match(e.Topic) && !covered[name].Less(e.ID)
		}):
		default:
			m.t.Fatalf("after %v, up to %v: %v of %s is missing, and no gap says so",
				s.query.After, s.page.Reached, e.ID, e.Topic)
		}
	}
	if len(events) > 0 {
		m.t.Fatalf("after %v, up to %v: %v of %s is not due", s.query.After, s.page.Reached, events[0].ID,
			events[0].Topic)
	}
}

func TestReadersOfSharedPagesMissNothingThatNoGapReports(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			keep := stream.Retention{Events: 200, Age: 3 * time.Second, Bytes: 80 << 10, Topics: 10}
			log := &counted{Log: memory.New(keep)}
			m := &model{t: t, log: log, pages: stream.NewPages(log)}
			random := func(n int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(n))) }
			time.Sleep(time.Second)
			var publishing, reading sync.WaitGroup
			for i := range 2 {
				publishing.Go(func() { m.publish(random(i)) })
			}
			runs := make([][][]step, 40)
			for i := range runs {
				reading.Go(func() { runs[i] = m.read(random(100 + i)) })
			}
			publishing.Wait()
			m.mu.Lock()
			m.last = slices.MaxFunc(m.all, func(a, b stream.Event) int { return a.ID.Compare(b.ID) }).ID
			m.mu.Unlock()
			reading.Wait()
			slices.SortFunc(m.all, func(a, b stream.Event) int { return a.ID.Compare(b.ID) })
			for _, run := range slices.Concat(runs...) {
				m.check(run)
			}
			if m.gaps != log.gaps || m.gaps == 0 {
				t.Errorf("readers got %d gaps, and the log reported %d", m.gaps, log.gaps)
			}
			if pages := len(m.reached); pages-log.reads < pages/10 {
				t.Errorf("of %d pages %d were read, not shared", pages, log.reads)
			}
		})
	}
}
