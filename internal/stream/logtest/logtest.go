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

// Open returns an empty log with that retention, which closes with the test.
type Open func(t *testing.T, keep stream.Retention) stream.Log

// Generous is a retention that removes nothing in a test.
var Generous = stream.Retention{Events: 1 << 20, Age: 24 * time.Hour, Bytes: 1 << 30, Topics: 1 << 20}

// Kind is how a log removes events when there are too many.
type Kind int

// The kinds. Logs of either kind report every removal; only PerTopic logs report nothing else.
const (
	PerTopic Kind = iota // each topic keeps its own newest events
	LogWide              // the oldest events go first, whatever their topic
)

// check is one promise.
type check struct {
	promise string
	run     func(*testing.T, Open)
	kinds   []Kind // that it holds for; nil is all
}

var checks = []check{
	{promise: "IDs are unique and strictly rising", run: idsRise},
	{promise: "an append is all or nothing", run: allOrNothing},
	{promise: "an appended event is visible at once", run: seenAtOnce},
	{promise: "a page is oldest first and says whether there is more", run: pages},
	{promise: "a page ends where the reader asks", run: until},
	{promise: "the newest are the newest, oldest first", run: newest},
	{promise: "patterns match what they name", run: patterns},
	{promise: "a page has bounded bytes", run: pageBytes},
	{promise: "a page costs bounded work", run: pageWork},
	{promise: "the newest of many topics are found", run: newestOfMany},
	{promise: "consecutive pages miss nothing and repeat nothing", run: pagesOfMany},

	{promise: "every removal is a gap", run: removalsAreGaps(wantGap), kinds: []Kind{PerTopic}},
	{promise: "every removal is a gap", run: removalsAreGaps(wantGapOf), kinds: []Kind{LogWide}},
	{promise: "a position of another log is a gap", run: foreignPositions},
	{promise: "a time is no position, and has no gap", run: anywhere},
	{promise: "a removal by count is a gap", run: gapByCount, kinds: []Kind{PerTopic}},
	{promise: "a removal by bytes is a gap", run: gapByBytes(wantGap), kinds: []Kind{PerTopic}},
	{promise: "a removal by bytes is a gap", run: gapByBytes(wantGapOf), kinds: []Kind{LogWide}},
	{promise: "a gap names the topics it concerns", run: gapNames, kinds: []Kind{PerTopic}},
	{promise: "consecutive pages report each gap once", run: gapOnce, kinds: []Kind{PerTopic}},
	{promise: "there is no gap without a cause", run: noGapWithoutCause, kinds: []Kind{PerTopic}},
	{promise: "some topics keep their newest regardless of other limits", run: always, kinds: []Kind{PerTopic}},
	{promise: "one topic too many is refused", run: topicsAreBounded},

	{promise: "followers get everything, in order, once", run: follow},
	{promise: "a follower starts where it asks", run: followAfter},
	{promise: "a follower that misses events gets a gap", run: followerIsCutOff, kinds: []Kind{PerTopic}},
	{promise: "a follower ends with its context or with deliver's error", run: followEnds},
	{promise: "appends are late while a follower is far behind", run: backPressure},
}

// Run checks every promise of stream.Log on logs that open returns, which are of that kind.
func Run(t *testing.T, kind Kind, open Open) {
	for _, c := range checks {
		if c.kinds == nil || slices.Contains(c.kinds, kind) {
			t.Run(c.promise, func(t *testing.T) { c.run(t, open) })
		}
	}
}

// wait is how long a test waits for what must happen.
var wait = 10 * time.Second

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

// wantGapOf fails the test unless a gap names at least these topics.
func wantGapOf(t *testing.T, what string, gap *stream.Gap, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		if gap == nil || !slices.Contains(gap.Topics, topic) {
			t.Errorf("%s: the gap is %+v, want %q in it", what, gap, topics)
			return
		}
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
	if len(all.Events) != 800 ||
		!slices.IsSortedFunc(all.Events, func(a, b stream.Event) int { return a.ID.Compare(b.ID) }) {
		t.Errorf("%d events, want 800 in order", len(all.Events))
	}
}

func allOrNothing(t *testing.T, open Open) {
	keep := Generous
	keep.Topics = 1
	log := open(t, keep)
	before := head(t, log)
	if _, err := log.Append(t.Context(), event("a", "x"), event("b", "y")); stream.AsError(err).Code != stream.Full {
		t.Errorf("appending to two topics where one is allowed: %v", err)
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
		t.Errorf("after the newest event there is %v", p.Events)
	}
}
