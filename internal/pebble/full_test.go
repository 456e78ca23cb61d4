package pebble

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// logged collects the log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

func TestAStoreOnAFullDiskRefusesWritesStaysReadableAndRecovers(t *testing.T) {
	said := &logged{}
	golog.SetOutput(said)
	t.Cleanup(func() { golog.SetOutput(os.Stderr) })
	fs := newTinyFS(vfs.NewMem(), 80<<20)
	h := newHands()
	s := openOn(t, fs, "store", logtest.Generous, h)
	random := make([]byte, 32<<10)
	for i := range random {
		random[i] = 'a' + byte(rand.IntN(26))
	}
	data := string(random)
	var mu sync.Mutex
	kept := map[stream.ID]bool{}
	var publishers sync.WaitGroup
	for range 8 {
		publishers.Go(func() {
			for {
				ids, err := s.Append(t.Context(), stream.Event{Topic: news, Data: data})
				if err != nil {
					if e := stream.AsError(err); e.Code != stream.Unavailable ||
						!strings.Contains(e.Detail, "the disk is full") {
						t.Errorf("on a full disk a publisher gets %v", err)
					}
					return
				}
				mu.Lock()
				kept[ids[0]] = true
				mu.Unlock()
			}
		})
	}
	publishers.Wait()
	if err := s.Ready(t.Context()); err == nil {
		t.Error("a full disk is ready")
	}
	if _, err := s.SetLike(t.Context(), "id", "visitor", true); stream.AsError(err).Code != stream.Unavailable {
		t.Errorf("on a full disk a visitor gets %v", err)
	}
	all := func(s *Store) {
		t.Helper()
		there := 0
		for _, e := range readAll(t, s, stream.Query{Anywhere: true}) {
			if kept[e.ID] {
				there++
			}
		}
		if there != len(kept) {
			t.Errorf("%d of %d acknowledged events are there", there, len(kept))
		}
		if _, err := s.List(t.Context(), "visitor", 10, 0); err != nil {
			t.Error(err)
		}
	}
	all(s)
	fs.add(400 << 20)
	eventually(t, "there is space again", func() bool { return s.Ready(t.Context()) == nil })
	kept[add(t, s, news, "after it")] = true
	all(s)
	verify(t, s)
	if full, again := said.count("cannot write"), said.count("can write again"); full != 1 || again != 1 {
		t.Errorf("it is logged %d and %d times:\n%.2000s", full, again, said.text.String())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	all(openOn(t, fs, "store", logtest.Generous, h))
	t.Logf("%d kept", len(kept))
}
