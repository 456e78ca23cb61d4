package logtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
)

// following is a Follow in progress.
type following struct {
	cancel context.CancelFunc
	events chan stream.Event
	gaps   chan stream.Gap
	ended  chan error
}

func startFollow(t *testing.T, log stream.Log, after stream.ID) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &following{cancel, make(chan stream.Event), make(chan stream.Gap, 100), make(chan error, 1)}
	go func() {
		reached := after
		f.ended <- log.Follow(ctx, after, func(batch stream.Batch) error {
			if n := len(batch.Events); n > 0 && (batch.Reached.Less(batch.Events[n-1].ID) ||
				batch.Gap == nil && !reached.Less(batch.Events[0].ID)) {
				t.Errorf("a batch of %v to %v reaches %v, the previous one %v",
					batch.Events[0].ID, batch.Events[n-1].ID, batch.Reached, reached)
			}
			reached = batch.Reached
			if batch.Gap != nil {
				f.gaps <- *batch.Gap
			}
			for _, e := range batch.Events {
				select {
				case f.events <- e:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}()
	t.Cleanup(func() { f.end(t) })
	return f
}

func (f *following) next(t *testing.T) stream.Event {
	t.Helper()
	select {
	case e := <-f.events:
		return e
	case <-time.After(wait):
		t.Fatal("the follower gets nothing")
		panic("unreachable")
	}
}

func (f *following) end(t *testing.T) error {
	f.cancel()
	select {
	case err := <-f.ended:
		f.ended <- err
		return err
	case <-time.After(wait):
		t.Error("Follow does not end with its context")
		return nil
	}
}

func follow(t *testing.T, open Open) {
	log := open(t, Generous)
	first, second := startFollow(t, log, head(t, log)), startFollow(t, log, head(t, log))
	const publishers, each = 8, 100
	var publishing sync.WaitGroup
	t.Cleanup(publishing.Wait)
	for p := range publishers {
		publishing.Go(func() {
			for i := range each {
				if _, err := log.Append(t.Context(), event(fmt.Sprint("t", p), fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, f := range []*following{first, second} {
		var last stream.ID
		count := map[stream.Topic]int{}
		for range publishers * each {
			e := f.next(t)
			if !last.Less(e.ID) {
				t.Fatalf("%v came after %v", e.ID, last)
			}
			if want := fmt.Sprint(count[e.Topic]); e.Data != want {
				t.Fatalf("%v has %q, want %q", e.Topic, e.Data, want)
			}
			last = e.ID
			count[e.Topic]++
		}
	}
	publishing.Wait()
}

func followAfter(t *testing.T, open Open) {
	log := open(t, Generous)
	ids := addEach(t, log, "a", 5)
	f := startFollow(t, log, ids[2])
	for _, want := range []string{"3", "4"} {
		if e := f.next(t); e.Data != want {
			t.Errorf("got %q, want %q", e.Data, want)
		}
	}
	add(t, log, event("a", "5"))
	if e := f.next(t); e.Data != "5" {
		t.Errorf("got %q, want the new one", e.Data)
	}
}

func followerIsCutOff(t *testing.T, open Open) {
	keep := Generous
	keep.Events = 3
	log := open(t, keep)
	start := head(t, log)
	addEach(t, log, "kept", 3)
	ids := addEach(t, log, "lost", 5)
	f := startFollow(t, log, start)
	for range 6 {
		f.next(t)
	}
	if len(f.gaps) == 0 {
		t.Fatal("a follower that has missed events gets no gap")
	}
	gap := <-f.gaps
	if got := gap.Concerned(selection(t, "lost", "*")); !slices.Equal(got, []string{"lost", "*"}) {
		t.Errorf("its gap concerns %q", got)
	}
	if got := gap.Concerned(selection(t, "kept", "none")); len(got) > 0 {
		t.Errorf("its gap concerns %q, which has lost nothing", got)
	}
	if gap.Newest != ids[1] {
		t.Errorf("the newest missing event is %v, want %v", gap.Newest, ids[1])
	}
	whole := startFollow(t, log, ids[1])
	for range 3 {
		whole.next(t)
	}
	if len(whole.gaps) > 0 {
		t.Errorf("a follower that has missed nothing gets %v", <-whole.gaps)
	}
	foreign := startFollow(t, log, stream.ID{Ms: head(t, log).Ms + 1e9})
	select {
	case gap := <-foreign.gaps:
		if got := gap.Concerned(selection(t, "lost", "none", "*")); len(got) != 3 {
			t.Errorf("its gap concerns %q, want everything that a reader has named", got)
		}
	case <-time.After(wait):
		t.Fatal("a follower from a position of another log gets no gap")
	}
	add(t, log, event("kept", "new"))
	if e := foreign.next(t); e.Data != "new" {
		t.Errorf("it continues with %+v", e)
	}
}

func followEnds(t *testing.T, open Open) {
	log := open(t, Generous)
	if err := startFollow(t, log, head(t, log)).end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow ended with %v, want its context's error", err)
	}
	broken := errors.New("broken")
	after := head(t, log)
	add(t, log, event("a", "x"))
	if err := log.Follow(t.Context(), after, func(stream.Batch) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("Follow ended with %v, want deliver's error", err)
	}
	add(t, log, event("a", "y")) // nobody is behind any more
}

func backPressure(t *testing.T, open Open) {
	log := open(t, Generous)
	f := startFollow(t, log, head(t, log)) // reads nothing until next is called
	const large, many = 1 << 20, 16
	appended := make(chan int, many)
	var publishing sync.WaitGroup
	t.Cleanup(publishing.Wait)
	publishing.Go(func() {
		for i := range many {
			if _, err := log.Append(t.Context(), event("a", strings.Repeat("x", large))); err != nil {
				t.Error(err)
			}
			appended <- i
		}
	})
	for i := range 3 {
		select {
		case <-appended:
		case <-time.After(wait):
			t.Fatalf("append %d waits though the follower is less than 4 MiB behind", i)
		}
	}
	appendEndsWithItsContext(t, log, strings.Repeat("y", large))
	for range many + 1 {
		f.next(t)
	}
	for range many - 3 {
		select {
		case <-appended:
		case <-time.After(wait):
			t.Fatal("an append still waits though the follower has everything")
		}
	}
}

// appendEndsWithItsContext appends while the follower is too far behind: the event is stored, and Append returns when
// ctx ends.
func appendEndsWithItsContext(t *testing.T, log stream.Log, data string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	returned := make(chan error, 1)
	go func() {
		_, err := log.Append(ctx, event("b", data))
		returned <- err
	}()
	for kept := time.Now(); len(page(t, log, stream.Query{Topics: selection(t, "b")}).Events) == 0; {
		if time.Since(kept) > wait {
			t.Fatal("an append that waits for the follower has not stored its event")
		}
	}
	select {
	case err := <-returned:
		t.Errorf("an append returned though the follower is more than 4 MiB behind: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	select {
	case err := <-returned:
		if err != nil {
			t.Errorf("an append whose context ends while it waits has stored its event all the same: %v", err)
		}
	case <-time.After(wait):
		t.Fatal("an append does not end with its context")
	}
}
