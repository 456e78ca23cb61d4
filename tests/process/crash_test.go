package process

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// book is what publishers and a reader know of a server that is killed again and again.
type book struct {
	mu    sync.Mutex
	acked map[string]string // the id, by data
	read  []string          // by the reader, in order
	ids   []string          // of read
}

// publishUntilKilled publishes flat out until the server is gone.
func (b *book) publishUntilKilled(s *harness.Server, name string) {
	for i := 0; ; i++ {
		data := fmt.Sprint(name, "-", i)
		ids, err := s.Try(harness.Post{Topic: "news", Data: data})
		if err != nil {
			return
		}
		b.mu.Lock()
		b.acked[data] = ids[0]
		b.mu.Unlock()
	}
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.acked)
}

// follow reads on from where the reader was, until the stream breaks or has brought the event with that id.
func (b *book) follow(t *testing.T, s *harness.Server, until string) {
	last := ""
	if n := len(b.ids); n > 0 {
		last = b.ids[n-1]
	}
	r, err := s.Open("/events/news?since=all", last)
	if err != nil {
		return // killed already
	}
	defer r.Leave()
	timer := time.AfterFunc(harness.Patience, r.Leave)
	defer timer.Stop()
	for {
		m, err := r.Next()
		if err != nil {
			return
		}
		if m.Type != "" {
			t.Errorf("the reader got %+v", m)
			return
		}
		b.read, b.ids = append(b.read, m.Data), append(b.ids, m.ID)
		if m.ID == until {
			return
		}
	}
}

func TestWhatWasAcknowledgedSurvivesKill9(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	file := filepath.Join(t.TempDir(), "data")
	b := &book{acked: map[string]string{}}
	startOn := func() *harness.Server {
		return harness.Serve(t, "-demo=false", "-keep-events", "1000000", "-store", "pebble:"+file)
	}
	for round := range 10 {
		p := startOn()
		var crowd sync.WaitGroup
		crowd.Go(func() { b.follow(t, p, "none") })
		before := b.count()
		for publisher := range 32 {
			crowd.Go(func() { b.publishUntilKilled(p, fmt.Sprint(round, "-", publisher)) })
		}
		harness.Eventually(t, "some are acknowledged", func() bool { return b.count() > before+500+97*round })
		p.Kill()
		crowd.Wait()
	}
	p := startOn()
	end := p.Publish("news", "the end")
	b.follow(t, p, end)
	seen := map[string]string{}
	for i, data := range b.read {
		if _, twice := seen[data]; twice {
			t.Errorf("%q was read twice", data)
		}
		if seen[data] = b.ids[i]; i > 0 && !harness.After(b.ids[i], b.ids[i-1]) {
			t.Errorf("%v was read after %v", b.ids[i], b.ids[i-1])
		}
	}
	for data, id := range b.acked {
		if seen[data] != id {
			t.Errorf("%q was acknowledged as %v, and read as %v", data, id, seen[data])
		}
	}
	t.Logf("%d acknowledged, %d read", len(b.acked), len(b.read))
}

func TestARestartContinuesWithoutAGap(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	store := "pebble:" + filepath.Join(t.TempDir(), "data")
	first := harness.Serve(t, "-demo=false", "-store", store)
	last := first.Publish("news", "one")
	first.Publish("news", "two")
	first.API(http.MethodPost, "/api/v1/comments", `{"content":"kept"}`)
	first.Stop()
	second := harness.Serve(t, "-demo=false", "-store", store)
	r := second.Listen("/events/news", last)
	second.Publish("news", "three")
	r.Want("two", "three")
	if list := second.API(http.MethodGet, "/api/v1/comments", ""); list["total"] != 1.0 {
		t.Errorf("after a restart there are %v", list)
	}
}
