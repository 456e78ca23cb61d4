package pebble

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

func TestNobodySeesAnEventBeforeItIsDurable(t *testing.T) {
	fs := newTinyFS(vfs.NewMem(), 1<<40)
	s := openOn(t, fs, "store", logtest.Generous, newHands())
	first := add(t, s, news, "on the disk")
	followed := make(chan stream.Batch, 10)
	go s.Follow(t.Context(), first, func(b stream.Batch) error { followed <- b; return nil })
	held := make(chan struct{})
	fs.syncing.Store(&held)
	answered := make(chan stream.ID, 1)
	go func() { answered <- add(t, s, news, "on its way") }()
	eventually(t, "it is on its way", func() bool {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return first.Less(s.ledger.Head())
	})
	for _, topics := range []stream.Selection{stream.Select(news), {}} {
		page := read(t, s, stream.Query{Topics: topics, Anywhere: true})
		if len(page.Events) != 1 || page.Head != first || page.More {
			t.Errorf("a reader of %q gets %+v", topics.Names(), page)
		}
	}
	if head, _ := s.Head(t.Context()); head != first || len(followed)+len(answered) > 0 {
		t.Errorf("the head is %v, %d followers and %d publishers know of it", head, len(followed), len(answered))
	}
	fs.syncing.Store(nil)
	close(held)
	id := <-answered
	if batch := <-followed; len(batch.Events) != 1 || batch.Events[0].ID != id {
		t.Errorf("then the follower gets %+v", batch)
	}
}
