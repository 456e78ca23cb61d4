package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// hammer is a crowd of publishers and clients on one server, and what they know afterwards.
type hammer struct {
	*site
	topics []string

	count     atomic.Int64 // events that are published or about to be
	mu        sync.Mutex
	published map[string][]stream.ID // by topic, as the publishers were told
}

// publishUntil publishes to random topics until ctx ends, which enough does once there are that many events.
func (h *hammer) publishUntil(ctx context.Context, enough context.CancelFunc, events int64) {
	for ctx.Err() == nil {
		if h.count.Add(1) > events {
			enough()
			return
		}
		topic := h.topics[rand.IntN(len(h.topics))]
		id, err := h.post(topic, "to "+topic)
		if err != nil {
			h.t.Errorf("publishing: %v", err)
			return
		}
		h.mu.Lock()
		h.published[topic] = append(h.published[topic], id)
		h.mu.Unlock()
	}
}

// comeAndGo joins with random topics, reads a little, and leaves, until ctx ends.
func (h *hammer) comeAndGo(ctx context.Context) {
	for ctx.Err() == nil {
		r, err := h.open(ctx, "/events?topic="+h.topics[rand.IntN(len(h.topics))]+"&last=5&topic=a/*", "")
		if err != nil {
			return
		}
		for range rand.IntN(20) {
			if _, err := r.messages.Next(); err != nil {
				break
			}
		}
		r.leave()
	}
}

// stayer is a client that stays, and the events that it got.
type stayer struct {
	*reader
	selection stream.Selection
	envelope  bool
	got       []stream.ID
}

func (h *hammer) stay(i int) *stayer {
	s := &stayer{envelope: i%2 == 0}
	names := []string{h.topics[i%len(h.topics)], h.topics[(i*7+3)%len(h.topics)]}
	if i%10 == 0 {
		names = append(names, "a/*")
	}
	s.selection, _ = stream.ParseSelection(names)
	path := "/events?topic=over&topic=" + strings.Join(names, "&topic=")
	if s.envelope {
		path += "&envelope=1"
	}
	s.reader = h.listen(path, "")
	return s
}

// read reads until the event "over".
func (s *stayer) read() error {
	for {
		m, err := s.messages.Next()
		if err != nil {
			return err
		}
		data := m.Data
		if s.envelope {
			if m.Type != "" {
				continue // ready, heartbeat
			}
			var e struct{ ID, Data string }
			if err := json.Unmarshal([]byte(m.Data), &e); err != nil || e.ID != m.ID {
				return fmt.Errorf("envelope %s with id %s: %v", m.Data, m.ID, err)
			}
			data = e.Data
		} else if m.Type != "" {
			return fmt.Errorf("%s: %s", m.Type, m.Data)
		}
		if data == "over" {
			return nil
		}
		id, err := stream.ParseID(m.ID)
		if err != nil {
			return err
		}
		s.got = append(s.got, id)
	}
}

// check compares what a client got with what the publishers know.
func (h *hammer) check(s *stayer) {
	var want []stream.ID
	for topic, ids := range h.published {
		if s.selection.Match(stream.MustTopic(topic)) {
			want = append(want, ids...)
		}
	}
	slices.SortFunc(want, stream.ID.Compare)
	if !slices.Equal(s.got, want) {
		h.t.Errorf("a client of %q got %d events, want %d, each once and in the log's order", s.selection.Names(), len(s.got), len(want))
	}
}

func TestEveryClientThatStaysGetsEveryEventOnceInOrder(t *testing.T) {
	noLeak(t, func() {
		h := &hammer{site: serve(t), published: map[string][]stream.ID{}}
		for i := range 20 {
			h.topics = append(h.topics, fmt.Sprint("a/", i), fmt.Sprint("b/", i))
		}
		stayers := make([]*stayer, 100)
		var reading, crowd sync.WaitGroup
		for i := range stayers {
			stayers[i] = h.stay(i)
		}
		h.waitFor(len(stayers))
		for _, s := range stayers {
			reading.Go(func() {
				if err := s.read(); err != nil {
					t.Errorf("a client of %q was ended after %d events: %v", s.selection.Names(), len(s.got), err)
				}
			})
		}
		many := int64(5_000)
		if os.Getenv("CI") == "true" {
			many = 20_000
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 100 {
			crowd.Go(func() { h.publishUntil(ctx, cancel, many) })
			crowd.Go(func() { h.comeAndGo(ctx) })
		}
		crowd.Wait()
		h.publish("over", "over")
		reading.Wait()
		events := 0
		for _, ids := range h.published {
			events += len(ids)
		}
		t.Logf("%d events", events)
		for _, s := range stayers {
			h.check(s)
			s.leave()
		}
		h.waitFor(0)
		h.stop()
	})
}

// stopAfter reads that many bytes of the stream, and then nothing: the client's connection was cut there.
func (r *reader) stopAfter(bytes int64) *sse.Reader {
	defer r.leave()
	cut := new(strings.Builder)
	io.Copy(cut, io.LimitReader(r.response.Body, bytes))
	return sse.NewReader(strings.NewReader(cut.String()))
}

func TestAClientCutOffAtAnyByteMissesNothing(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"", "&envelope=1"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "-keep-events", "1000000")
			head, err := s.log.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var publishing sync.WaitGroup
			publishing.Go(func() { // a thousand a second
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				for i := 0; ctx.Err() == nil; i++ {
					if _, err := s.log.Append(ctx, stream.Event{Topic: stream.MustTopic("news"), Data: fmt.Sprint(i)}); err != nil && ctx.Err() == nil {
						t.Error(err)
					}
					<-tick.C
				}
			})
			next, lastID := 0, ""
			for cut := int64(1); cut <= 600; cut++ {
				messages := s.listen("/events/news?since="+head.String()+form, lastID).stopAfter(cut)
				for m, err := messages.Next(); err == nil; m, err = messages.Next() {
					if m.Type == "ready" {
						continue
					}
					data := m.Data
					if form != "" {
						var envelope struct{ Data string }
						if json.Unmarshal([]byte(m.Data), &envelope) != nil {
							t.Fatalf("cut at %d: %+v", cut, m)
						}
						data = envelope.Data
					}
					if m.Type != "" || data != fmt.Sprint(next) {
						t.Fatalf("cut at %d: got %s %q, want %d", cut, m.Type, data, next)
					}
					next++
				}
				if id := messages.LastEventID(); id != "" {
					lastID = id
				}
			}
			cancel()
			publishing.Wait()
			if next < 100 {
				t.Errorf("only %d events were read", next)
			}
		})
	}
}

// openFiles is how many this process has open.
func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // a system without /proc: the goroutine count tells most of it
	}
	return len(entries)
}

func TestTenThousandConnectsLeaveNothing(t *testing.T) {
	noLeak(t, func() {
		s := serve(t)
		s.listen("/events/news", "").leave() // whatever is made once is made now
		s.waitFor(0)
		before := openFiles(t)
		var crowd sync.WaitGroup
		for c := range 50 {
			crowd.Go(func() {
				for i := range 200 {
					r, err := s.open(t.Context(), fmt.Sprintf("/events?topic=t%d/%d&topic=p%d/*", c, i, i), "")
					if err != nil {
						t.Error(err)
						return
					}
					if first, err := io.ReadAll(io.LimitReader(r.response.Body, 7)); err != nil || !bytes.Equal(first, []byte("retry: ")) {
						t.Errorf("the stream begins with %q, %v", first, err)
					}
					r.leave()
				}
			})
		}
		crowd.Wait()
		eventually(t, "nobody is registered, for nothing", func() bool {
			clients, keys := s.registered()
			return clients == 0 && keys == 0 && s.engine.Streams() == 0
		})
		client0.CloseIdleConnections()
		eventually(t, "no file stays open", func() bool { return openFiles(t) <= before })
		s.stop()
	})
}
