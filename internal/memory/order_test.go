package memory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// TestTheOrderAgreesWithTheTopics removes from the middle of the order: busy topics lose their events, quiet ones keep
// theirs.
func TestTheOrderAgreesWithTheTopics(t *testing.T) {
	keep := logtest.Generous
	keep.Events = 3
	s := New(keep)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60_000 {
		topic := fmt.Sprint("often/", rng.IntN(50))
		if i%40 == 0 {
			topic = fmt.Sprint("rarely/", i)
		}
		if _, err := s.Append(t.Context(),
			stream.Event{Topic: stream.MustTopic(topic), Data: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	var want []*entry
	for _, q := range s.topics {
		want = append(want, q.entries...)
	}
	slices.SortFunc(want, func(a, b *entry) int { return a.ID.Compare(b.ID) })
	var got []*entry
	entries, live := 0, 0
	for _, b := range s.order.blocks {
		entries, live = entries+len(b.entries), live+b.live
		for _, e := range b.entries {
			if e.block != nil {
				got = append(got, e)
			}
			if e.block != nil && e.block != b {
				t.Fatal("an entry is not where it says")
			}
		}
	}
	if !slices.Equal(got, want) || live != len(want) {
		t.Errorf("the order has %d entries and counts %d, the topics have %d", len(got), live, len(want))
	}
	if most := 4*live/blockSize + 16; len(s.order.blocks) > most || entries > 4*live+2*blockSize {
		t.Errorf("%d entries, %d of them live, are in %d blocks, want at most %d", entries, live, len(s.order.blocks),
			most)
	}
}
