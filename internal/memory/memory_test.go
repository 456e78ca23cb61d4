package memory_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/board/boardtest"
	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

func openMemory(_ *testing.T, keep stream.Retention) stream.Log { return memory.New(keep) }

func TestMemoryKeepsThePromisesOfALog(t *testing.T) { logtest.Run(t, logtest.PerTopic, openMemory) }

func TestMemoryKeepsThePromisesOfABoard(t *testing.T) {
	boardtest.Run(t, func(*testing.T) (board.Store, stream.Log) {
		store := memory.New(logtest.Generous)
		return store, store
	})
}

func TestMemoryExpiresEventsAndReportsTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keep := logtest.Generous
		keep.Age = time.Hour
		log := memory.New(keep)
		news := stream.Select(stream.MustTopic("news"))
		start, _ := log.Head(t.Context())
		appendOne := func(data string) stream.ID {
			ids, err := log.Append(t.Context(), stream.Event{Topic: stream.MustTopic("news"), Data: data})
			if err != nil {
				t.Fatal(err)
			}
			return ids[0]
		}
		read := func(after stream.ID) stream.Page {
			page, err := log.Page(t.Context(), stream.Query{Topics: news, After: after, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return page
		}
		old := appendOne("old")
		time.Sleep(40 * time.Minute)
		young := appendOne("young")
		if page := read(start); len(page.Events) != 2 || page.Gap != nil {
			t.Errorf("within the hour: %+v", page)
		}
		time.Sleep(30 * time.Minute)
		if page := read(start); len(page.Events) != 1 || page.Events[0].ID != young || page.Gap == nil {
			t.Errorf("the old one has expired: %+v", page)
		}
		if page := read(old); page.Gap != nil {
			t.Errorf("a reader of the old one misses nothing: %+v", page)
		}
		time.Sleep(31 * time.Minute)
		if page := read(old); len(page.Events) != 0 || page.Gap == nil || page.Gap.Oldest != young {
			t.Errorf("everything has expired: %+v", page)
		}
		if page := read(young); page.Gap != nil {
			t.Errorf("a reader of the young one misses nothing: %+v", page)
		}
	})
}

func TestMemoryBeginsAtItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New(logtest.Generous)
		start := stream.ID{Ms: uint64(time.Now().UnixMilli())}
		if head, _ := log.Head(t.Context()); head != start {
			t.Errorf("head %v, want %v", head, start)
		}
		all := stream.Select(stream.MustTopic("any"))
		if page, _ := log.Page(t.Context(),
			stream.Query{Topics: all, After: start.Before(), Limit: 1}); page.Gap == nil {
			t.Error("nothing is known before the start, yet there is no gap")
		}
		ids, _ := log.Append(t.Context(), stream.Event{Topic: stream.MustTopic("any"), Data: strings.Repeat("x", 9)})
		if !start.Less(ids[0]) {
			t.Errorf("the first event has %v, want more than %v", ids[0], start)
		}
	})
}

func TestStatsAreOfWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keep := logtest.Generous
		keep.Events, keep.Age = 2, time.Hour
		store := memory.New(keep)
		want := func(topics, events, bytes int, oldest stream.ID) {
			t.Helper()
			got := store.Stats()
			if got.Topics != topics || got.Events != events || got.Bytes != int64(bytes) || got.Oldest != oldest {
				t.Errorf("got %+v, want %d topics, %d events, %d bytes, since %v", got, topics, events, bytes, oldest)
			}
		}
		want(0, 0, 0, stream.ID{})
		var ids []stream.ID
		for _, data := range []string{"one", "three", "two"} {
			added, err := store.Append(t.Context(), stream.Event{Topic: stream.MustTopic("news"), Data: data})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, added...)
		}
		want(1, 2, 2*(128+len("news"))+len("three")+len("two"), ids[1])
		time.Sleep(2 * time.Hour) // all expire, though nobody publishes or reads
		want(0, 0, 0, stream.ID{})
	})
}
