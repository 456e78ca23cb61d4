package main

import (
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

	"iris-broadcast/internal/config"
	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stores"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
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
		h.t.Errorf("a client of %q got %d events, want %d, each once and in the log's order",
			s.selection.Names(), len(s.got), len(want))
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
					first, err := io.ReadAll(io.LimitReader(r.response.Body, 7))
					if err != nil || string(first) != "retry: " {
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

// cutOff is a store whose follower can be cut off, and comes back to where it was.
type cutOff struct {
	*memory.Store
	cut, gone, back chan struct{}
	afterPage       func() // called when a page was read for a client, if it is set
}

// serveCutOff serves a store that keeps that much.
func serveCutOff(t *testing.T, keep stream.Retention) (*site, *cutOff) {
	t.Helper()
	log := &cutOff{Store: memory.New(keep),
		cut: make(chan struct{}), gone: make(chan struct{}), back: make(chan struct{})}
	return serveFrom(t, func(*config.Config) (stores.Store, error) { return log, nil }), log
}

// Page implements stream.Log.
func (c *cutOff) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	page, err := c.Store.Page(ctx, q)
	if c.afterPage != nil {
		c.afterPage()
	}
	return page, err
}

// Follow implements stream.Log, for one follower.
func (c *cutOff) Follow(ctx context.Context, after stream.ID, deliver func(stream.Batch) error) error {
	for ctx.Err() == nil {
		here, leave := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			ended <- c.Store.Follow(here, after, func(b stream.Batch) error {
				err := deliver(b)
				after = b.Reached
				return err
			})
		}()
		select {
		case <-c.cut:
		case <-ctx.Done():
		}
		leave()
		<-ended
		select {
		case c.gone <- struct{}{}:
		case <-ctx.Done():
		}
		select {
		case <-c.back:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// away cuts the follower off, has something happen, and lets it come back.
func (c *cutOff) away(what func()) {
	c.cut <- struct{}{}
	<-c.gone
	what()
	c.back <- struct{}{}
}

// listener is a stream, and what it is to get once the follower is back.
type listener struct {
	*reader
	path   string
	topics []string // of its gap; nil if it is told of none
	data   []string // behind the gap
}

// listenAll opens streams, in either form, and waits until they are registered.
func listenAll(s *site, listeners ...listener) (all []listener) {
	before, _ := s.registered()
	for _, l := range listeners {
		for _, form := range []string{"", "&envelope=1"} {
			opened := l
			opened.path += form
			opened.reader = s.listen(opened.path, "")
			if form != "" && opened.next().Type != "ready" {
				s.t.Errorf("%s does not begin with ready", opened.path)
			}
			all = append(all, opened)
		}
	}
	s.waitFor(before + len(all))
	return all
}

// takes fails the test unless the next events have these data, in the stream's form.
func (l listener) takes(data ...string) {
	l.t.Helper()
	for _, d := range data {
		if m := l.next(); m.Type != "" || m.Data != d && !strings.HasSuffix(m.Data, `"data":"`+d+`"}`) {
			l.t.Fatalf("%s: got %+v, want %q", l.path, m, d)
		}
	}
}

// gap is the data of the event gap.
type gap struct {
	Since, Oldest string
	Topics        []string
}

// takesGap fails the test unless a gap of its topics comes next.
func (l listener) takesGap(since, oldest, id stream.ID) {
	l.t.Helper()
	m := l.next()
	var g gap
	if err := json.Unmarshal([]byte(m.Data), &g); err != nil || m.Type != "gap" {
		l.t.Fatalf("%s: got %+v, want a gap", l.path, m)
	}
	if !slices.Equal(g.Topics, l.topics) || g.Since != since.String() || g.Oldest != oldest.String() ||
		m.ID != id.String() {
		l.t.Errorf("%s: gap %+v with id %s, want since %v, oldest %v, topics %q, id %v",
			l.path, g, m.ID, since, oldest, l.topics, id)
	}
}

// publishEach publishes to a topic its name and numbers.
func (s *site) publishEach(topic string, from, to int) (ids []stream.ID) {
	for _, data := range numbered(topic, from, to) {
		ids = append(ids, s.publish(topic, data))
	}
	return ids
}

func numbered(name string, from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(name, " ", i))
	}
	return all
}

func TestWhatAFollowerMissedIsToldToWhomItConcerns(t *testing.T) {
	keep := logtest.Generous
	keep.Events = 3
	s, log := serveCutOff(t, keep)
	kept, last := numbered("a/kept", 0, 2), numbered("a/lost", 17, 20)
	streams := listenAll(s,
		listener{path: "/events?topic=a/lost", topics: []string{"a/lost"}, data: last},
		listener{path: "/events?topic=a/kept", data: kept},
		listener{path: "/events?topic=quiet&topic=b/*"},
		listener{path: "/events?topic=a/kept&topic=a/lost&topic=a/*&topic=b/*&topic=*",
			topics: []string{"a/lost", "a/*", "*"}, data: slices.Concat(kept, last)})
	since := s.publishEach("a/lost", 0, 1)[0]
	for _, l := range slices.Concat(streams[:2], streams[6:]) {
		l.takes("a/lost 0")
	}
	var first stream.ID // that is kept of all
	var half, ahead []listener
	var at stream.ID // what half have
	log.away(func() {
		first = s.publishEach("a/kept", 0, 2)[0]
		at = s.publishEach("a/lost", 1, 10)[8]
		half = listenAll(s, // ahead of the others, and not as far as what is missing
			listener{path: "/events?since=all&topic=a/lost", topics: []string{"a/lost"}, data: last},
			listener{path: "/events?since=all&topic=a/kept&topic=quiet"})
		for _, l := range half {
			if l.topics != nil {
				l.takes(numbered("a/lost", 7, 10)...)
			} else {
				l.takes(kept...)
			}
		}
		s.publishEach("a/lost", 10, 20)
		ahead = listenAll(s, listener{path: "/events?since=all&topic=a/lost"}, listener{path: "/events?last=1&topic=*"})
		for i, l := range ahead {
			l.takes(last[2*(i/2):]...)
		}
	})
	for _, l := range streams {
		if l.topics != nil {
			l.takesGap(since, first, first.Before())
		}
		l.takes(l.data...)
	}
	for _, l := range half {
		if l.topics != nil {
			l.takesGap(at, at, at)
		}
		l.takes(l.data...)
	}
	liveAgain(s, slices.Concat(streams, half, ahead))
}

// oldest is the ID of the oldest event that is kept of a topic.
func (c *cutOff) oldest(t *testing.T, topic string) stream.ID {
	t.Helper()
	page, err := c.Page(t.Context(), stream.Query{Topics: stream.Select(stream.MustTopic(topic)), Anywhere: true})
	if err != nil || len(page.Events) == 0 {
		t.Fatal(page, err)
	}
	return page.Events[0].ID
}

// liveAgain publishes to what the streams are subscribed to, and fails the test if one of them gets anything else, or
// something again that it has had.
func liveAgain(s *site, listeners []listener) {
	s.t.Helper()
	for _, topic := range []string{"a/lost", "a/kept", "quiet"} {
		s.publish(topic, topic+" live")
	}
	for _, l := range listeners {
		_, names, _ := strings.Cut(strings.TrimSuffix(l.path, "&envelope=1"), "topic=")
		selection, err := stream.ParseSelection(strings.Split(names, "&topic="))
		if err != nil {
			s.t.Fatal(err)
		}
		for _, topic := range []string{"a/lost", "a/kept", "quiet"} {
			if selection.Match(stream.MustTopic(topic)) {
				l.takes(topic + " live")
			}
		}
	}
}

func TestOfForgottenTopicsEveryStreamIsTold(t *testing.T) {
	keep := logtest.Generous
	keep.Bytes = 16 << 10
	s, log := serveCutOff(t, keep)
	streams := listenAll(s, listener{path: "/events?topic=a/lost", topics: []string{"a/lost"}},
		listener{path: "/events?topic=b/*&topic=quiet", topics: []string{"quiet", "b/*"}})
	since, _ := log.Head(t.Context())
	log.away(func() {
		s.publish("forgotten", "x")
		for range 8 {
			s.publish("b/full", strings.Repeat("x", 4<<10))
		}
	})
	first := log.oldest(t, "b/full")
	for _, l := range streams {
		l.takesGap(since, first, first.Before())
		if len(l.topics) > 1 {
			for newest, _ := log.Head(t.Context()); l.next().ID != newest.String(); { // what there is
			}
		}
	}
	liveAgain(s, streams)
}

func TestAClientThatHasReadBeforeTheFollowerIsBackIsTold(t *testing.T) {
	keep := logtest.Generous
	keep.Events = 3
	s, log := serveCutOff(t, keep)
	since, _ := log.Head(t.Context())
	witness := listenAll(s, listener{path: "/events?topic=*", topics: []string{"*"}})[0]
	came := make(chan *reader, 1)
	read, register := make(chan struct{}), make(chan struct{})
	var at, first stream.ID
	log.away(func() {
		first = s.publishEach("a/kept", 0, 1)[0]
		at = s.publishEach("a/lost", 0, 3)[2]
		log.afterPage = sync.OnceFunc(func() {
			close(read)
			<-register
		})
		go func() { came <- s.listen("/events?topic=a/lost&since=all", "") }()
		<-read
		s.publishEach("a/lost", 3, 10)
	})
	witness.takesGap(since, first, first.Before())
	close(register)
	l := listener{reader: <-came, path: "/events?topic=a/lost", topics: []string{"a/lost"}}
	l.takes(numbered("a/lost", 0, 3)...)
	oldest := log.oldest(t, "a/lost")
	l.takesGap(at, oldest, oldest.Before())
	l.takes(numbered("a/lost", 7, 10)...)
	liveAgain(s, []listener{l})
}
