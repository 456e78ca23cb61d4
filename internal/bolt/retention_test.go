package bolt

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

func event(topic, data string) stream.Event {
	return stream.Event{Topic: stream.MustTopic(topic), Data: data}
}

func readTopic(t testing.TB, s *Store, topic string, after stream.ID) stream.Page {
	t.Helper()
	page, err := s.Page(t.Context(), stream.Query{Topics: stream.Select(stream.MustTopic(topic)), After: after, Limit: stream.MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestANewFileHasNoGapAndBeginsAtZero(t *testing.T) {
	s := openStore(t, newPath(t), logtest.Generous)
	if head, err := s.Head(t.Context()); err != nil || head != (stream.ID{}) {
		t.Errorf("head %v, %v, want 0-0", head, err)
	}
	if page := readTopic(t, s, "any", stream.ID{}); page.Gap != nil {
		t.Errorf("a gap: %+v", page.Gap)
	}
}

func TestGapsSurviveARestart(t *testing.T) {
	keep, path := logtest.Generous, newPath(t)
	keep.Events, keep.Bytes = 3, 2400
	s := openStore(t, path, keep)
	forgotten := appendAll(t, s, event("once", "x"))[0]
	var ids []stream.ID
	for i := range 5 {
		ids = append(ids, appendAll(t, s, event("count", fmt.Sprint(i)))...)
	}
	for range 30 {
		appendAll(t, s, event("many", strings.Repeat("x", 500)))
	}
	check := func() {
		t.Helper()
		if page := readTopic(t, s, "once", forgotten.Before()); page.Gap == nil || len(page.Events) > 0 {
			t.Errorf("of a topic that is forgotten: %+v", page)
		}
		if page := readTopic(t, s, "once", forgotten); page.Gap != nil {
			t.Errorf("after all of it: %+v", page.Gap)
		}
		page := readTopic(t, s, "count", ids[0])
		if page.Gap == nil || len(page.Events) != 3 || page.Gap.Oldest != ids[2] {
			t.Errorf("of one that lost two: %+v", page)
		}
		if page := readTopic(t, s, "count", ids[1]); page.Gap != nil {
			t.Errorf("after what it lost: %+v", page.Gap)
		}
	}
	check()
	closeStore(t, s)
	s = openStore(t, path, keep)
	check()
}

func TestIDsGoOnUpwardsWhenTheClockIsSetBack(t *testing.T) {
	path := newPath(t)
	ahead := stream.ID{Ms: uint64(time.Now().Add(24 * time.Hour).UnixMilli()), Seq: 7}
	writeState(t, path, state{head: ahead})
	s := openStore(t, path, logtest.Generous)
	ids := appendAll(t, s, event("a", "x"), event("a", "y"))
	if want := (stream.ID{Ms: ahead.Ms, Seq: 8}); ids[0] != want || !ids[0].Less(ids[1]) {
		t.Errorf("the next IDs are %v, want %v and on", ids, want)
	}
	closeStore(t, s)
	s = openStore(t, path, logtest.Generous)
	if head, _ := s.Head(t.Context()); head != ids[1] {
		t.Errorf("head %v after a restart, want %v", head, ids[1])
	}
}

func TestAnIdleStoreForgetsWhatIsTooOld(t *testing.T) {
	keep := logtest.Generous
	keep.Age = 200 * time.Millisecond
	keep.Always = map[stream.Topic]int{stream.MustTopic("audits"): math.MaxInt}
	s := openStore(t, newPath(t), keep)
	var many []stream.Event
	for i := range 3*portion + 5 { // in more than one transaction
		many = append(many, event(fmt.Sprint("t/", i%7), "x"))
	}
	last := appendAll(t, s, append(many, event("audits", "for ever"))...)[len(many)-1]
	waitFor(t, "the idle store removes what is too old", func() bool {
		page, err := s.Page(t.Context(), everything(t))
		return err == nil && len(page.Events) == 1
	})
	if page := readTopic(t, s, "t/0", last.Before().Before()); page.Gap == nil {
		t.Error("what was too old is no gap")
	}
	if page := readTopic(t, s, "audits", stream.ID{Ms: 1}); len(page.Events) != 1 {
		t.Error("audits have been removed")
	}
}

func TestBoundsThatWereLoweredHoldSoon(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path, logtest.Generous)
	var many []stream.Event
	for i := range 8 * portion {
		many = append(many, event(fmt.Sprint("t/", i%2), fmt.Sprint(i)))
	}
	appendAll(t, s, many...)
	closeStore(t, s)
	keep := logtest.Generous
	keep.Events = 10
	s = openStore(t, path, keep)
	waitFor(t, "a lower bound of events holds", func() bool {
		return len(readTopic(t, s, "t/0", stream.ID{}).Events)+len(readTopic(t, s, "t/1", stream.ID{}).Events) == 20
	})
	closeStore(t, s)
	keep.Bytes = 1000
	s = openStore(t, path, keep)
	waitFor(t, "a lower bound of bytes holds", func() bool {
		return len(readTopic(t, s, "t/0", stream.ID{}).Events)+len(readTopic(t, s, "t/1", stream.ID{}).Events) < 10
	})
	newest := readTopic(t, s, "t/1", stream.ID{}).Events
	if len(newest) == 0 || newest[len(newest)-1].Data != fmt.Sprint(8*portion-1) {
		t.Errorf("the newest have been removed: %v", newest)
	}
}

// TestTheIndexAgreesWithTheEvents appends at random and compares what is known of each topic with what is there.
func TestTheIndexAgreesWithTheEvents(t *testing.T) {
	keep, path := logtest.Generous, newPath(t)
	keep.Events, keep.Bytes = 20, 20_000
	keep.Always = map[stream.Topic]int{stream.MustTopic("t/0"): 30}
	for range 3 {
		s := openStore(t, path, keep)
		for i := range 100 {
			var batch []stream.Event
			for j := range 1 + i%5 {
				batch = append(batch, event(fmt.Sprint("t/", i*j%17), strings.Repeat("x", 1+i*j)))
			}
			appendAll(t, s, batch...)
		}
		closeStore(t, s)
		checkIndex(t, s)
	}
}

// checkIndex compares a closed store's index with what its file holds.
func checkIndex(t *testing.T, s *Store) {
	t.Helper()
	again := openStore(t, s.path, stream.Retention{Events: math.MaxInt, Age: math.MaxInt64, Bytes: math.MaxInt64, Always: s.index.keep.Always})
	var bytes int64
	for topic, e := range s.index.entries {
		page := readTopic(t, again, topic.String(), stream.ID{})
		got := record{count: len(page.Events), removed: e.next.removed}
		for i, event := range page.Events {
			if got.newest = event.ID; i == 0 {
				got.oldest = event.ID
			}
			got.bytes += stream.Size(event)
		}
		restarted := again.index.entries[topic].next
		got.stamp, restarted.stamp = e.next.stamp, e.next.stamp // which the file does not have
		if got != e.next || e.now != e.next || restarted != e.next {
			t.Errorf("%v: there is %+v, the index says %+v, and after a restart %+v", topic, got, e.next, again.index.entries[topic].next)
		}
		if n, always := s.index.most(topic); got.count > n {
			t.Errorf("%v has %d events, more than %d", topic, got.count, n)
		} else if !always {
			bytes += got.bytes
		}
	}
	if bytes != s.index.bytes || bytes > s.index.keep.Bytes || len(s.index.entries) != len(s.topics) {
		t.Errorf("%d bytes in %d topics, the index says %d in %d, at most %d may be",
			bytes, len(s.topics), s.index.bytes, len(s.index.entries), s.index.keep.Bytes)
	}
	closeStore(t, again)
}
