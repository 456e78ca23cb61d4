package pebble

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

func TestCloseWaitsForReaders(t *testing.T) {
	for range 10 {
		s := openOn(t, vfs.NewMem(), "store", logtest.Generous, newHands())
		events := make([]stream.Event, 1000)
		for i := range events {
			events[i] = stream.Event{Topic: news, Data: "x"}
		}
		if _, err := s.Append(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
		var pages atomic.Int64
		var reading sync.WaitGroup
		for range 4 {
			reading.Go(func() {
				for {
					_, err := s.Page(t.Context(), stream.Query{Anywhere: true})
					if _, listErr := s.List(t.Context(), "visitor", 10, 0); err == nil {
						err = listErr
					}
					if errors.Is(err, errClosed) {
						return
					}
					if err != nil {
						t.Errorf("a page fails: %v", err)
						return
					}
					pages.Add(1)
				}
			})
		}
		eventually(t, "there are readers", func() bool { return pages.Load() > 4 })
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		reading.Wait()
	}
}

// TestAPublisherBlockedByTheDiskBlocksNobodyElse lets the disk fail while a publisher is in a call that never returns,
// making Pebble's next log, and others wait for their turn.
func TestAPublisherBlockedByTheDiskBlocksNobodyElse(t *testing.T) {
	fs := newTinyFS(vfs.NewMem(), 1<<40)
	s := openOn(t, fs, "store", logtest.Generous, newHands())
	first := add(t, s, news, "kept")
	const publishers = 16
	ended := make(chan error, publishers+1)
	publish := func() {
		for {
			_, err := s.Append(context.Background(), stream.Event{Topic: news, Data: strings.Repeat("x", 1<<20)})
			if err != nil {
				ended <- err
				return
			}
		}
	}
	making, fail := make(chan struct{}), make(chan struct{})
	making1 := sync.OnceFunc(func() { close(making) })
	failed := error(syscall.EIO)
	fs.mu.Lock()
	fs.creating = func(name string) {
		if strings.HasSuffix(name, ".log") {
			making1()
			<-fail
			fs.broken.Store(&failed)
		}
	}
	fs.mu.Unlock()
	go publish()
	<-making
	for range publishers {
		go publish()
	}
	eventually(t, "the others wait for their turn",
		func() bool { return waiting("pebble.(*Store).apply", "pebble.(*Store).hold") >= publishers })
	close(fail)
	for range publishers {
		select {
		case err := <-ended:
			if stream.AsError(err).Code != stream.Broken {
				t.Errorf("a publisher gets: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("a publisher hangs")
		}
	}
	if page := read(t, s, stream.Query{Anywhere: true, Limit: 1}); len(page.Events) != 1 || page.Events[0].ID != first {
		t.Errorf("stored events are not readable: %+v", page)
	}
	if _, err := s.List(t.Context(), "visitor", 10, 0); err != nil {
		t.Errorf("the board: %v", err)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Fatal("Close hangs")
	}
}

// waiting is how many goroutines have these functions on their stacks.
func waiting(function, what string) (n int) {
	stacks := make([]byte, 4<<20)
	for _, stack := range bytes.Split(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
		if bytes.Contains(stack, []byte(function)) && bytes.Contains(stack, []byte(what)) {
			n++
		}
	}
	return n
}
