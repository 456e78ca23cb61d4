package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// blockCommitter makes the committer wait in an operation until release is called; entered tells that it does.
func blockCommitter(t *testing.T, s *Store) (release func()) {
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	ended := make(chan error, 1)
	go func() {
		ended <- s.do(context.Background(), &operation{apply: func(*bbolt.Tx) ([]stream.Event, error) {
			once.Do(func() { close(entered) })
			<-leave
			return nil, nil
		}})
	}()
	<-entered
	return func() {
		close(leave)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestAnOperationThatFailsRollsBackAlone(t *testing.T) {
	s := openStore(t, newPath(t), logtest.Generous)
	release := blockCommitter(t, s) // so that what follows is one batch
	broken := errors.New("broken")
	row := func(name string, events []stream.Event, err error) *operation {
		return &operation{apply: func(tx *bbolt.Tx) ([]stream.Event, error) {
			b, createErr := tx.CreateBucketIfNotExists([]byte("rows"))
			return events, errors.Join(createErr, b.Put([]byte(name), []byte("x")), err)
		}}
	}
	operations := map[string]*operation{
		"good":  row("good", []stream.Event{event("rows", "good")}, nil),
		"bad":   row("bad", []stream.Event{event("rows", "bad")}, broken),
		"quiet": row("quiet", nil, nil),
		"plain": {events: []stream.Event{event("rows", "plain")}},
		"worse": row("worse", nil, broken),
	}
	results := map[string]chan error{}
	for name, op := range operations {
		result := make(chan error, 1)
		results[name] = result
		go func() { result <- s.do(t.Context(), op) }()
	}
	waitFor(t, "everything is queued", func() bool { return len(s.queue) == len(operations) })
	release()
	for name, result := range results {
		if err := <-result; errors.Is(err, broken) != (name == "bad" || name == "worse") {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := s.db.View(func(tx *bbolt.Tx) error {
		for name := range operations {
			stored := tx.Bucket([]byte("rows")).Get([]byte(name)) != nil
			if want := name == "good" || name == "quiet"; stored != want {
				t.Errorf("row %s is stored: %v, want %v", name, stored, want)
			}
		}
		return nil
	})
	page := readTopic(t, s, "rows", stream.ID{})
	if err != nil || len(page.Events) != 2 {
		t.Errorf("%d events, want two (%v)", len(page.Events), err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("the operation's error has become the store's: %v", err)
	}
}

func TestAnAppendTellsWhatBecameOfItAlsoWhenItsContextHasEnded(t *testing.T) {
	s := openStore(t, newPath(t), logtest.Generous)
	release := blockCommitter(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, maxBatch+1)
	appendOne := func(data string) {
		_, err := s.Append(ctx, event("a", data))
		results <- err
	}
	for range maxBatch {
		go appendOne("x")
	}
	waitFor(t, "the queue is full", func() bool { return len(s.queue) == maxBatch })
	go appendOne("no place in the queue")
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	release()
	for range maxBatch {
		if err := <-results; err != nil {
			t.Errorf("one that was queued: %v", err)
		}
	}
	head, _ := s.Head(t.Context())
	if n := countAll(t, s, head); n != maxBatch {
		t.Errorf("%d events, want %d", n, maxBatch)
	}
}

func TestCloseDoesWhatIsQueuedAndRefusesTheRest(t *testing.T) {
	before := runtime.NumGoroutine()
	path := newPath(t)
	s := openStore(t, path, logtest.Generous)
	acknowledged := make(chan stream.ID, 10_000)
	var publishing sync.WaitGroup
	for p := range 8 {
		publishing.Go(func() {
			for {
				ids, err := s.Append(t.Context(), event(fmt.Sprint(p), "x"))
				if err != nil {
					if stream.AsError(err).Code != stream.Unavailable {
						t.Errorf("after Close: %v, want unavailable", err)
					}
					return
				}
				acknowledged <- ids[0]
			}
		})
	}
	for range 50 {
		<-acknowledged
	}
	closeStore(t, s)
	closeStore(t, s)
	publishing.Wait()
	n := 50 + len(acknowledged)
	if _, err := s.Append(t.Context(), event("a", "x")); stream.AsError(err).Code != stream.Unavailable {
		t.Errorf("appending after Close: %v", err)
	}
	if _, err := s.Page(t.Context(), everything(t)); stream.AsError(err).Code != stream.Unavailable {
		t.Errorf("reading after Close: %v", err)
	}
	if err := s.Ready(t.Context()); stream.AsError(err).Code != stream.Unavailable {
		t.Errorf("head after Close: %v", err)
	}
	waitFor(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	s = openStore(t, path, logtest.Generous)
	head, _ := s.Head(t.Context())
	if stored := countAll(t, s, head); stored != n {
		t.Errorf("%d events stored, %d acknowledged", stored, n)
	}
}

// TestReadersSeeOneMoment reads on while publishers push the oldest out: whoever is told of no gap misses nothing.
func TestReadersSeeOneMoment(t *testing.T) {
	keep := logtest.Generous
	keep.Events = 5
	s := openStore(t, newPath(t), keep)
	const topics, each = 3, 150
	var publishing, reading sync.WaitGroup
	for p := range topics {
		publishing.Go(func() {
			for i := range each {
				appendAll(t, s, event(fmt.Sprint("t/", p), fmt.Sprint(i)))
			}
		})
	}
	for p := range topics {
		reading.Go(func() {
			var after stream.ID
			for next := 0; next < each; {
				page := readTopic(t, s, fmt.Sprint("t/", p), after)
				for i, e := range page.Events {
					got := 0
					fmt.Sscan(e.Data, &got)
					if got != next && (got < next || i > 0 || page.Gap == nil) {
						t.Errorf("after %v came %d, want %d; gap %+v", after, got, next, page.Gap)
					}
					next = got + 1
				}
				after = page.End()
			}
		})
	}
	publishing.Wait()
	reading.Wait()
}

func TestAFollowerGetsALongBacklogAndGoesOn(t *testing.T) {
	s := openStore(t, newPath(t), logtest.Generous)
	const backlog, live = 2*stream.MaxPage + 10, 200
	var many []stream.Event
	for i := range backlog {
		many = append(many, event(fmt.Sprint("t/", i%3), strings.Repeat("x", 1+i%100)))
	}
	first := appendAll(t, s, many...)[0]
	var publishing sync.WaitGroup
	defer publishing.Wait()
	publishing.Go(func() {
		for range live {
			appendAll(t, s, event("live", "x"))
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got, last := 1, first
	err := s.Follow(ctx, first, func(events []stream.Event) error {
		for _, e := range events {
			if !last.Less(e.ID) {
				t.Errorf("%v came after %v", e.ID, last)
			}
			last = e.ID
		}
		if got += len(events); got >= backlog+live {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || got != backlog+live {
		t.Errorf("%d events, want %d; %v", got, backlog+live, err)
	}
}
