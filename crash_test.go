package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
)

// book is what publishers and a reader know of a server that is killed again and again.
type book struct {
	mu    sync.Mutex
	acked map[string]stream.ID // by data
	read  []string             // by the reader, in order
	ids   []stream.ID          // of read
}

// publishUntilKilled publishes flat out until the server is gone.
func (b *book) publishUntilKilled(s *site, name string) {
	for i := 0; ; i++ {
		data := fmt.Sprint(name, "-", i)
		id, err := s.post("news", data)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.acked[data] = id
		b.mu.Unlock()
	}
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.acked)
}

// follow reads on from where the reader was, until the stream breaks or has brought the event with that id.
func (b *book) follow(t *testing.T, s *site, until stream.ID) {
	last := ""
	if n := len(b.ids); n > 0 {
		last = b.ids[n-1].String()
	}
	r, err := s.open(t.Context(), "/events/news?since=all", last)
	if err != nil {
		return // killed already
	}
	defer r.leave()
	timer := time.AfterFunc(wait, r.leave)
	defer timer.Stop()
	for {
		m, err := r.messages.Next()
		if err != nil {
			return
		}
		id, parseErr := stream.ParseID(m.ID)
		if m.Type != "" || parseErr != nil {
			t.Errorf("the reader got %+v", m)
			return
		}
		b.read, b.ids = append(b.read, m.Data), append(b.ids, id)
		if id == until {
			return
		}
	}
}

func TestWhatWasAcknowledgedSurvivesKill9(t *testing.T) {
	unixOnly(t)
	file := filepath.Join(t.TempDir(), "broadcast.db")
	b := &book{acked: map[string]stream.ID{}}
	startOn := func() *daemon {
		return startDaemon(t, "-addr", "127.0.0.1:0", "-demo=false", "-keep-events", "1000000", "-store", "bolt:"+file)
	}
	for round := range 10 {
		p := startOn()
		var crowd sync.WaitGroup
		crowd.Go(func() { b.follow(t, p.site, stream.ID{Seq: 1}) })
		before := b.count()
		for publisher := range 4 {
			crowd.Go(func() { b.publishUntilKilled(p.site, fmt.Sprint(round, "-", publisher)) })
		}
		eventually(t, "some are acknowledged", func() bool { return b.count() > before+100+37*round })
		p.command.Process.Kill()
		<-p.exited
		crowd.Wait()
	}
	p := startOn()
	end := p.publish("news", "the end")
	b.follow(t, p.site, end)
	seen := map[string]stream.ID{}
	for i, data := range b.read {
		if _, twice := seen[data]; twice {
			t.Errorf("%q was read twice", data)
		}
		if seen[data] = b.ids[i]; i > 0 && !b.ids[i-1].Less(b.ids[i]) {
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

func TestARestartGoesOnWithoutAGap(t *testing.T) {
	store := "bolt:" + filepath.Join(t.TempDir(), "broadcast.db")
	first := serve(t, "-demo=false", "-store", store)
	last := first.publish("news", "one")
	first.publish("news", "two")
	first.answer("POST", "/api/v1/comments", `{"content":"kept"}`)
	first.stop()
	second := serve(t, "-demo=false", "-store", store)
	r := second.listen("/events/news", last.String())
	second.publish("news", "three")
	r.want("two", "three")
	if _, list, _ := second.answer("GET", "/api/v1/comments", ""); list["total"] != 1.0 {
		t.Errorf("after a restart there are %v", list)
	}
}

func TestAFileThatIsRemovedStopsWritersAndNotReaders(t *testing.T) {
	unixOnly(t)
	file := filepath.Join(t.TempDir(), "broadcast.db")
	s := serve(t, "-demo=false", "-store", "bolt:"+file)
	before := s.listen("/events/news", "")
	s.waitFor(1)
	s.publish("news", "kept")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for _, e := range []exchange{
		{"POST /events/news", "x", 503, map[string]string{"Retry-After": "5"}, "removed or replaced"},
		{"POST /api/v1/audits", `{"id":"1"}`, 503, nil, "removed or replaced"},
		{"POST /api/v1/comments", `{"content":"x"}`, 503, nil, "removed or replaced"},
		{"GET /readyz", "", 503, nil, "removed or replaced"},
		{"GET /healthz", "", 200, nil, "ok"},
		{"GET /events/news" + asList, "", 200, nil, `"data":"kept"`},
		{"GET /events/news", "", 200, nil, ": iris-broadcast"},
		{"GET /comments", "", 200, nil, "Comments"},
		{"GET /api/v1/audits?format=csv", "", 200, nil, "created_at"},
	} {
		e.try(t, s)
	}
	before.want("kept")
	s.listen("/events/news?since=all", "").want("kept")
}
