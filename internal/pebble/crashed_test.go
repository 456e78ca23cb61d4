package pebble

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// acked is everything that a store has acknowledged.
type acked struct {
	mu       sync.Mutex
	events   map[string][]stream.Event // of each topic
	comments map[string]bool
}

func (a *acked) copy() (events map[string][]stream.Event, comments map[string]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	events, comments = map[string][]stream.Event{}, map[string]bool{}
	for topic, all := range a.events {
		events[topic] = append([]stream.Event(nil), all...)
	}
	for id := range a.comments {
		comments[id] = true
	}
	return events, comments
}

// TestAStoreKeepsWhatItAcknowledgedThroughACrashAtAnyMoment examines the disk as a crash would leave it, again and
// again, while many publish, comment and make the store forget topics.
func TestAStoreKeepsWhatItAcknowledgedThroughACrashAtAnyMoment(t *testing.T) {
	keep := logtest.Generous
	keep.Events, keep.Bytes = 12, 40<<10 // so that topics are forgotten
	keep.Always = map[stream.Topic]int{rare: 1 << 20}
	disk := vfs.NewCrashableMem()
	s, err := open(disk, "store", keep, MaxFiles, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	a := &acked{events: map[string][]stream.Event{}, comments: map[string]bool{}}
	rng := rand.New(rand.NewPCG(7, 8))
	for crash := range crashes() {
		before, most := a.count(), rng.IntN(100)
		var publishers sync.WaitGroup
		for p := range 8 {
			publishers.Go(func() { a.publish(t, s, fmt.Sprint(crash, "-", p), 20) })
		}
		eventually(t, "more is acknowledged", func() bool { return a.count() > before+most })
		events, comments := a.copy()
		crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[crash%3], RNG: rng})
		publishers.Wait()
		afterCrashOf(t, crashed, keep, events, comments)
		if t.Failed() {
			break
		}
	}
	verify(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("%d events, %d comments", a.count(), len(a.comments))
}

func (a *acked) count() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, all := range a.events {
		n += len(all)
	}
	return n
}

// publish appends events and comments.
func (a *acked) publish(t *testing.T, s *Store, name string, times int) {
	rng := rand.New(rand.NewPCG(rand.Uint64(), 9))
	for i := range times {
		if i%10 == 0 {
			c := board.Comment{ID: fmt.Sprint(name, "-", i), Content: "text"}
			if err := s.AddComment(t.Context(), c); err != nil {
				t.Error(err)
				return
			}
			a.mu.Lock()
			a.comments[c.ID] = true
			a.mu.Unlock()
			continue
		}
		events := make([]stream.Event, 1+rng.IntN(3))
		for j := range events {
			topic := []string{"news", "rare", fmt.Sprint("many/", rng.IntN(60)), "mine/" + name}[rng.IntN(4)]
			events[j] = stream.Event{Topic: stream.MustTopic(topic), Data: fmt.Sprint(name, " ", i, " ", j)}
		}
		ids, err := s.Append(t.Context(), events...)
		if err != nil {
			t.Error(err)
			return
		}
		a.mu.Lock()
		for j, id := range ids {
			events[j].ID = id
			topic := events[j].Topic.String()
			a.events[topic] = append(a.events[topic], events[j])
		}
		a.mu.Unlock()
	}
}

// afterCrashOf opens what a crash has left: it is consistent, has everything acknowledged that its limits do not
// remove, reports removals as gaps, and assigns IDs above all earlier ones.
func afterCrashOf(t *testing.T, fs vfs.FS, keep stream.Retention, events map[string][]stream.Event,
	comments map[string]bool) {
	t.Helper()
	s, err := open(fs, "store", keep, MaxFiles, time.Now)
	if err != nil {
		t.Errorf("after a crash: %v", err)
		return
	}
	defer s.Close()
	verify(t, s)
	if len(s.Damage()) > 0 {
		t.Errorf("a crash is taken for damage: %q", s.Damage())
	}
	next := add(t, s, news, "after it")
	for name, all := range events {
		topic := stream.MustTopic(name)
		there := map[stream.ID]stream.Event{}
		for _, e := range readAll(t, s, stream.Query{Topics: stream.Select(topic), Anywhere: true}) {
			there[e.ID] = e
		}
		for _, e := range all {
			if !e.ID.Less(next) {
				t.Errorf("after %v came %v", e.ID, next)
			}
			if there[e.ID] == e {
				continue
			}
			page := read(t, s, stream.Query{Topics: stream.Select(topic), After: e.ID.Before(), Limit: 1})
			if page.Gap == nil || name == rare.String() {
				t.Errorf("%v of %s was acknowledged, and is missing without a gap: %v", e.ID, name, there[e.ID])
				return
			}
		}
	}
	list, err := s.List(t.Context(), "visitor", 1<<20, 0)
	if err != nil {
		t.Error(err)
	}
	for _, c := range list.Comments {
		delete(comments, c.ID)
	}
	if len(comments) > 0 {
		t.Errorf("%d comments are missing", len(comments))
	}
}

// crashes is how often the disk is examined.
func crashes() int {
	if os.Getenv("TEST_BROADCAST_LONG") != "" {
		return 100
	}
	return 12
}
