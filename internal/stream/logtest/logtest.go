// Package logtest is the contract of stream.Log as a test. A store passes it in its own tests:
//
//	func TestTheLogKeepsItsPromises(t *testing.T) { logtest.Run(t, open) }
package logtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
)

// Open returns an empty log with that retention; it closes with the test.
type Open func(t *testing.T, keep stream.Retention) stream.Log

// Generous is a retention that removes nothing in a test.
var Generous = stream.Retention{Events: 1 << 20, Age: 24 * time.Hour, Bytes: 1 << 30, Topics: 1 << 20}

// Run checks every promise of stream.Log on logs that open returns.
func Run(t *testing.T, open Open) {
	for name, check := range map[string]func(*testing.T, Open){
		"IDs are unique and strictly rising":               idsRise,
		"an append is all or nothing":                      allOrNothing,
		"what was appended is seen at once":                seenAtOnce,
		"a page is oldest first and says if there is more": pages,
		"the newest are the newest, oldest first":          newest,
		"patterns take what they name":                     patterns,
		"what was removed by count is a gap":               gapByCount,
		"what was removed by bytes is a gap":               gapByBytes,
		"a gap names whom it concerns":                     gapNames,
		"a reader of pages is told of each gap once":       gapOnce,
		"a page has a bound of bytes":                      pageBytes,
		"there is no gap without cause":                    noGapWithoutCause,
		"some topics keep their newest whatever else":      always,
		"one topic too many is refused":                    topicsAreBounded,
		"followers get everything, in order, once":         follow,
		"a follower starts where it says":                  followAfter,
		"a follower ends with its context or its deliver":  followEnds,
		"appends are late while a follower is far behind":  backPressure,
	} {
		t.Run(name, func(t *testing.T) { check(t, open) })
	}
}

// wait is how long a test waits for what must come.
const wait = 10 * time.Second

func topic(name string) stream.Topic { return stream.MustTopic(name) }

func event(name, data string) stream.Event { return stream.Event{Topic: topic(name), Data: data} }

func selection(t *testing.T, names ...string) stream.Selection {
	t.Helper()
	s, err := stream.ParseSelection(names)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, log stream.Log, events ...stream.Event) []stream.ID {
	t.Helper()
	ids, err := log.Append(t.Context(), events...)
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) != len(events) {
		t.Fatalf("%d IDs for %d events", len(ids), len(events))
	}
	return ids
}

// addEach appends n events to a topic, one by one, with the data "0", "1", …
func addEach(t *testing.T, log stream.Log, name string, n int) (ids []stream.ID) {
	t.Helper()
	for i := range n {
		ids = append(ids, add(t, log, event(name, fmt.Sprint(i)))...)
	}
	return ids
}

func page(t *testing.T, log stream.Log, q stream.Query) stream.Page {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = stream.MaxPage
	}
	p, err := log.Page(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func head(t *testing.T, log stream.Log) stream.ID {
	t.Helper()
	id, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func data(events []stream.Event) (all []string) {
	for _, e := range events {
		all = append(all, e.Data)
	}
	return all
}

func wantData(t *testing.T, what string, events []stream.Event, want ...string) {
	t.Helper()
	if got := data(events); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func wantGap(t *testing.T, what string, gap *stream.Gap, topics ...string) {
	t.Helper()
	switch {
	case gap == nil && topics != nil:
		t.Errorf("%s: no gap, want one of %q", what, topics)
	case gap != nil && !slices.Equal(gap.Topics, topics):
		t.Errorf("%s: a gap of %q, want %q", what, gap.Topics, topics)
	}
}

func idsRise(t *testing.T, open Open) {
	log := open(t, Generous)
	before := head(t, log)
	var mu sync.Mutex
	seen := map[stream.ID]bool{}
	var publishers sync.WaitGroup
	for p := range 8 {
		publishers.Go(func() {
			var last stream.ID
			for i := range 50 {
				ids, err := log.Append(t.Context(), event(fmt.Sprint("t", p), "a"), event(fmt.Sprint("t", i), "b"))
				if err != nil {
					t.Error(err)
					return
				}
				if !last.Less(ids[0]) || !ids[0].Less(ids[1]) || !before.Less(ids[0]) {
					t.Errorf("IDs %v after %v", ids, last)
				}
				last = ids[1]
				mu.Lock()
				for _, id := range ids {
					if seen[id] {
						t.Errorf("ID %v twice", id)
					}
					seen[id] = true
				}
				mu.Unlock()
			}
		})
	}
	publishers.Wait()
	all := page(t, log, stream.Query{Topics: selection(t, "*"), After: before})
	if len(all.Events) != 800 || !slices.IsSortedFunc(all.Events, func(a, b stream.Event) int { return a.ID.Compare(b.ID) }) {
		t.Errorf("%d events, want 800 in order", len(all.Events))
	}
}

func allOrNothing(t *testing.T, open Open) {
	keep := Generous
	keep.Topics = 1
	log := open(t, keep)
	before := head(t, log)
	if _, err := log.Append(t.Context(), event("a", "x"), event("b", "y")); stream.AsError(err).Code != stream.Full {
		t.Errorf("appending to two topics where one may be: %v", err)
	}
	if p := page(t, log, stream.Query{Topics: selection(t, "*")}); len(p.Events) > 0 || head(t, log) != before {
		t.Errorf("a refused append left %v", p.Events)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Append(ended, event("a", "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("appending in an ended context: %v", err)
	}
	if ids := add(t, log); len(ids) != 0 {
		t.Errorf("appending nothing: %v", ids)
	}
}

func seenAtOnce(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	typed := event("news", "line\r\nline")
	typed.Type, _ = stream.ParseType("greeting")
	id := add(t, log, typed)[0]
	typed.ID = id
	if got := head(t, log); got != id {
		t.Errorf("head %v, want %v", got, id)
	}
	p := page(t, log, stream.Query{Topics: selection(t, "news"), After: start})
	if len(p.Events) != 1 || p.Events[0] != typed || p.Head != id || p.More {
		t.Errorf("page %+v, want just %+v", p, typed)
	}
	if p := page(t, log, stream.Query{Topics: selection(t, "news"), After: id}); len(p.Events) > 0 {
		t.Errorf("after the newest there is %v", p.Events)
	}
}

func pages(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	for i := range 5 {
		add(t, log, event("a", fmt.Sprint("a", i)), event("b", fmt.Sprint("b", i)), event("c", "unwanted"))
	}
	q := stream.Query{Topics: selection(t, "b", "a", "none"), After: start, Limit: 4}
	for _, want := range [][]string{{"a0", "b0", "a1", "b1"}, {"a2", "b2", "a3", "b3"}, {"a4", "b4"}} {
		p := page(t, log, q)
		wantData(t, "page", p.Events, want...)
		wantGap(t, "page", p.Gap)
		if more := len(want) == 4; p.More != more {
			t.Errorf("More is %v behind %q", p.More, want)
		}
		q.After = p.End()
	}
	if q.After != head(t, log) {
		t.Errorf("the last page ends at %v, want the head", q.After)
	}
	q.After, q.Limit = start, 10
	if p := page(t, log, q); p.More || len(p.Events) != 10 {
		t.Errorf("a page as long as the log: %d events, More %v", len(p.Events), p.More)
	}
}

func newest(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	for i := range 4 {
		add(t, log, event("a", fmt.Sprint("a", i)), event("b", fmt.Sprint("b", i)))
	}
	q := stream.Query{Topics: selection(t, "a", "b"), After: start, Limit: 3, Newest: true}
	p := page(t, log, q)
	wantData(t, "newest 3", p.Events, "b2", "a3", "b3")
	if p.More {
		t.Error("there is more behind the newest")
	}
	q.After = p.Events[1].ID
	wantData(t, "newest after", page(t, log, q).Events, "b3")
}

func patterns(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	for _, name := range []string{"a", "a/b", "a/b/c", "ab", "x"} {
		add(t, log, event(name, name))
	}
	for pattern, want := range map[string][]string{
		"*": {"a", "a/b", "a/b/c", "ab", "x"}, "a/*": {"a/b", "a/b/c"}, "a/b/*": {"a/b/c"}, "x/*": nil,
	} {
		wantData(t, pattern, page(t, log, stream.Query{Topics: selection(t, pattern), After: start}).Events, want...)
	}
	both := page(t, log, stream.Query{Topics: selection(t, "a/*", "a/b", "x"), After: start})
	wantData(t, "a/*, a/b and x", both.Events, "a/b", "a/b/c", "x")
}
