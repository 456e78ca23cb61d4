package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/config"
	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// cutOff is a log whose followers can be cut off, and come back to where they were.
type cutOff struct {
	stream.Log
	cut, gone, back chan struct{}
	afterPage       func() // is called when a page was read for a client, if it is set
}

func newCutOff(keep stream.Retention) *cutOff {
	return &cutOff{Log: memory.New(keep), cut: make(chan struct{}), gone: make(chan struct{}), back: make(chan struct{})}
}

// Page implements stream.Log.
func (c *cutOff) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	page, err := c.Log.Page(ctx, q)
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
			ended <- c.Log.Follow(here, after, func(b stream.Batch) error {
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

// serveLog serves that log, as the tests' clients are to reach it.
func serveLog(t *testing.T, log stream.Log, args ...string) *site {
	t.Helper()
	settings, err := config.Parse(transported(args), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	node, err := newNode(ctx, settings, onLog{log, memory.New(logtest.Generous)})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{node: node, t: t, url: "http://" + listener.Addr().String()}
	s.transport()
	served := make(chan error, 1)
	go func() { served <- node.serve(ctx, listener) }()
	t.Cleanup(func() {
		for _, r := range s.readers {
			r.leave()
		}
		cancel()
		select {
		case err := <-served:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(settings.Drain + wait):
			t.Error("the server does not stop")
		}
	})
	return s
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

// takesGap fails the test unless a gap of its topics comes next.
func (l listener) takesGap(since, oldest, id stream.ID) {
	l.t.Helper()
	m := l.next()
	var g gap
	if err := json.Unmarshal([]byte(m.Data), &g); err != nil || m.Type != "gap" {
		l.t.Fatalf("%s: got %+v, want a gap", l.path, m)
	}
	if !slices.Equal(g.Topics, l.topics) || g.Since != since.String() || g.Oldest != oldest.String() || m.ID != id.String() {
		l.t.Errorf("%s: gap %+v with id %s, want since %v, oldest %v, topics %q, id %v", l.path, g, m.ID, since, oldest, l.topics, id)
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
	log := newCutOff(keep)
	s := serveLog(t, log)
	kept, last := numbered("a/kept", 0, 2), numbered("a/lost", 17, 20)
	streams := listenAll(s,
		listener{path: "/events?topic=a/lost", topics: []string{"a/lost"}, data: last},
		listener{path: "/events?topic=a/kept", data: kept},
		listener{path: "/events?topic=quiet&topic=b/*"},
		listener{path: "/events?topic=a/kept&topic=a/lost&topic=a/*&topic=b/*&topic=*", topics: []string{"a/lost", "a/*", "*"},
			data: slices.Concat(kept, last)})
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

// liveAgain publishes to what the streams listen to, and fails the test if one of them gets anything else, or comes back to
// something that it has had.
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
	log := newCutOff(keep)
	s := serveLog(t, log)
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
	log := newCutOff(keep)
	s := serveLog(t, log)
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
