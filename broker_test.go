package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iris-broadcast/internal/config"
	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stores"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

func TestEventsArriveInOrderWithTheirIDs(t *testing.T) {
	s := serve(t)
	r := s.listen("/events/news", "")
	s.waitFor(1)
	var ids []stream.ID
	for i := range 5 {
		ids = append(ids, s.publish("news", fmt.Sprint(i)))
		s.publish("other", "not for this stream")
	}
	for i, id := range ids {
		if m := r.next(); m.Data != fmt.Sprint(i) || m.ID != id.String() {
			t.Errorf("got %+v, want %d with id %v", m, i, id)
		}
	}
}

func TestAStreamIsNotSilentBeforeItsFirstEvent(t *testing.T) {
	s := serve(t)
	head := s.publish("news", "before")
	_, body := s.raw("GET /events/news HTTP/1.0\r\n\r\n")
	var lines []string
	for len(lines) == 0 || lines[len(lines)-1] != ": iris-broadcast\n" {
		line, err := body.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if retry := lines[len(lines)-2]; !strings.HasPrefix(retry, "retry: ") {
		t.Errorf("the first line is %q", retry)
	}
	for _, want := range []string{"id: " + head.String() + "\n", "\n"} {
		if line, err := body.ReadString('\n'); err != nil || line != want {
			t.Errorf("got %q, %v, want %q", line, err, want)
		}
	}
}

func TestAClientThatComesBackMissesNothing(t *testing.T) {
	for name, between := range map[string]int{"from memory": 3, "from the log": 5000} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			r := s.listen("/events/news", "")
			s.waitFor(1)
			s.publish("news", "first")
			last := r.next().ID
			r.leave()
			events := make([]stream.Event, between)
			var want []string
			for i := range events {
				events[i] = stream.Event{Topic: stream.MustTopic("news"), Data: fmt.Sprint(i)}
				want = append(want, events[i].Data)
			}
			if _, err := s.log.Append(t.Context(), events...); err != nil {
				t.Fatal(err)
			}
			r = s.listen("/events/news", last)
			r.want(want...)
			s.publish("news", "live again")
			r.want("live again")
		})
	}
}

func TestAnEventThatMatchesTwiceArrivesOnce(t *testing.T) {
	s := serve(t)
	r := s.listen("/events?topic=a/b&topic=a/*&topic=*&topic=x", "")
	s.waitFor(1)
	for _, topic := range []string{"a/b", "a/b/c", "x", "y"} {
		s.publish(topic, topic)
	}
	r.want("a/b", "a/b/c", "x", "y")
}

func TestAnEnvelopeCarriesTheWholeEvent(t *testing.T) {
	s := serve(t, "-heartbeat", "200ms")
	r := s.listen("/events?topic=a/*&envelope=1", "")
	ready := r.next()
	var at struct{ Position string }
	if err := json.Unmarshal([]byte(ready.Data), &at); err != nil || ready.Type != "ready" || at.Position != ready.ID {
		t.Fatalf("first comes %+v", ready)
	}
	s.waitFor(1)
	typed := stream.Event{Topic: stream.MustTopic("a/b"), Data: "1\r\n2"}
	typed.Type, _ = stream.ParseType("greeting")
	ids, err := s.log.Append(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	id := ids[0]
	m := r.next()
	for m.Type == "heartbeat" {
		m = r.next()
	}
	want := `{"id":"` + id.String() + `","topic":"a/b","type":"greeting","time":"` +
		id.Time().Format("2006-01-02T15:04:05.000Z") + `","data":"1\r\n2"}`
	if m.Data != want || m.Type != "" || m.ID != id.String() {
		t.Errorf("got %+v, want data %s", m, want)
	}
	if beat := r.next(); beat.Type != "heartbeat" || beat.Data != "" || beat.ID != id.String() {
		t.Errorf("a quiet envelope stream says %+v", beat)
	}
}

func TestAQuietPlainStreamSaysAComment(t *testing.T) {
	s := serve(t, "-heartbeat", "100ms")
	_, body := s.raw("GET /events/news HTTP/1.0\r\n\r\n")
	for line := ""; line != ": heartbeat\n"; {
		var err error
		if line, err = body.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
}

func TestANewlineInAPayloadForgesNothing(t *testing.T) {
	s := serve(t)
	r := s.listen("/events/news", "")
	s.waitFor(1)
	s.publish("news", "harmless\n\nevent: evil\ndata: forged\rid: 9-9\r\n\r\ndata: again")
	if m := r.next(); m.Data != "harmless\n\nevent: evil\ndata: forged\nid: 9-9\n\ndata: again" || m.Type != "" {
		t.Errorf("got %+v", m)
	}
	s.publish("news", "next")
	r.want("next")
}

func TestSlowClientIsDroppedAndOthersAreNot(t *testing.T) {
	t.Parallel()
	s := serve(t, "-stall", "10s")
	const others, size = 100, 4 << 10
	payload := strings.Repeat("x", size-8)
	s.raw("GET /events/news HTTP/1.1\r\nHost: localhost\r\n\r\n")
	readers := make([]*reader, others)
	for i := range readers {
		readers[i] = s.listen("/events/news", "")
	}
	s.waitFor(others + 1)
	var reading sync.WaitGroup
	for _, r := range readers {
		reading.Go(func() {
			for i := 0; ; i++ {
				before := time.Now()
				m, err := r.messages.Next()
				switch {
				case i > 0 && time.Since(before) > 5*time.Second: // half of -stall
					t.Errorf("event %d came %v after the one before", i, time.Since(before))
					return
				case err != nil:
					t.Errorf("a client that reads was ended after %d events: %v", i, err)
					return
				case m.Data == "over":
					return
				case m.Data != fmt.Sprintf("%08d", i)+payload:
					t.Errorf("event %d is %.8s…", i, m.Data)
					return
				}
			}
		})
	}
	tick := time.NewTicker(5 * time.Millisecond) // 200 a second
	defer tick.Stop()
	published, dropped := 0, false
	for ; !dropped && published < 10_000; published++ {
		s.publish("news", fmt.Sprintf("%08d", published)+payload)
		n, _ := s.registered()
		dropped = n == others
		<-tick.C
	}
	if !dropped {
		t.Errorf("the client that never reads is still there after %d events", published)
	}
	s.publish("news", "over")
	reading.Wait()
}

func TestClientsThatAreCutOffTogetherDoNotReturnTogether(t *testing.T) {
	s := serve(t, "-retry", "2s")
	retries := map[time.Duration]bool{}
	for range 50 {
		r := s.listen("/events/news?envelope=1", "")
		r.next() // ready, which comes behind the head
		retry := r.messages.Retry()
		if retries[retry] = true; retry < time.Second || retry > 3*time.Second {
			t.Errorf("retry is %v, want 1 to 3 s", retry)
		}
		r.leave()
	}
	if len(retries) < 25 {
		t.Errorf("50 streams have %d different times", len(retries))
	}
}

func TestStreamsEndCleanlyOnClose(t *testing.T) {
	s := serve(t)
	r := s.listen("/events/news", "")
	s.waitFor(1)
	s.publish("news", "last words")
	go s.broker.Close()
	r.want("last words")
	if err := r.end(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v, want a clean end", err)
	}
}

func TestCloseIsSafeTwiceAndLeavesNothing(t *testing.T) {
	noLeak(t, func() {
		s := serve(t)
		for range 3 {
			s.listen("/events?topic=*", "")
		}
		s.waitFor(3)
		s.broker.Close()
		s.broker.Close()
		if s.broker.HasSubscribers(stream.MustTopic("news")) {
			t.Error("a closed broker says that it has subscribers")
		}
		if r := s.listen("/events/news", ""); r.end() != io.EOF {
			t.Error("a stream that comes after Close does not end cleanly")
		}
		s.stop()
	})
}

func TestTheEleventhClientGetsInWhenOneLeaves(t *testing.T) {
	s := serve(t, "-max-streams", "10")
	var inside []*reader
	for range 10 {
		inside = append(inside, s.listen("/events/news", ""))
	}
	s.waitFor(10)
	turned := s.listen("/events/news", "")
	if err := turned.end(); err != io.EOF || turned.response.StatusCode != 200 {
		t.Errorf("the eleventh gets %s and %v, want 200 and a clean end", turned.response.Status, err)
	}
	retry, id := turned.messages.Retry(), turned.messages.LastEventID()
	if retry < 5*time.Second || retry > 15*time.Second || id != "" {
		t.Errorf("the eleventh is to come back after %v, with id %q", retry, id)
	}
	inside[3].leave()
	eventually(t, "there is a place", func() bool { return s.engine.Streams() == 9 })
	again := s.listen("/events/news", "")
	s.waitFor(10)
	s.publish("news", "for the eleventh too")
	again.want("for the eleventh too")
}

// failing is a store whose log cannot be read once it has failed.
type failing struct {
	*memory.Store
	failed atomic.Bool
}

func (f *failing) Head(ctx context.Context) (stream.ID, error) {
	if f.failed.Load() {
		return stream.ID{}, errDisk
	}
	return f.Store.Head(ctx)
}

func (f *failing) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	if f.failed.Load() {
		return stream.Page{}, errDisk
	}
	return f.Store.Page(ctx, q)
}

var errDisk = stream.Errorf(stream.Unavailable, "The disk is full.")

func TestAStreamOfALogThatFailsIsRefusedAndHasNoPlace(t *testing.T) {
	log := &failing{Store: memory.New(logtest.Generous)}
	s := serveFrom(t, func(*config.Config) (stores.Store, error) { return log, nil }, "-max-streams", "2")
	s.publish("news", "first")
	log.failed.Store(true)
	for range 3 {
		for _, path := range []string{"/events/news", "/events/news?last=3"} {
			r := s.listen(path, "")
			answer, _ := io.ReadAll(r.response.Body)
			if r.response.StatusCode != 503 || !strings.Contains(string(answer), "The disk is full.") {
				t.Errorf("%s: %s %s", path, r.response.Status, answer)
			}
		}
	}
	log.failed.Store(false)
	s.listen("/events/news?since=all", "").want("first")
}

// BenchmarkPublish measures one event of 4 KiB from POST until the last of a hundred clients has it, without and beside
// one that never reads.
func BenchmarkPublish(b *testing.B) {
	for _, stalled := range []int{0, 1} {
		b.Run(fmt.Sprintf("clients=100/stalled=%d", stalled), func(b *testing.B) {
			s := serve(b, "-max-pending", "1GiB", "-stall", "1h", "-drain", "100ms")
			for range stalled {
				s.raw("GET /events/news HTTP/1.1\r\nHost: localhost\r\n\r\n")
			}
			var arrived sync.WaitGroup
			for range 100 {
				r := s.listen("/events/news", "")
				go func() {
					for _, err := r.messages.Next(); err == nil; _, err = r.messages.Next() {
						arrived.Done()
					}
				}()
			}
			s.waitFor(100 + stalled)
			payload := strings.Repeat("x", 4<<10)
			for range 2000 { // fills the sockets of the client that never reads
				arrived.Add(100)
				s.publish("news", payload)
				arrived.Wait()
			}
			for b.Loop() {
				arrived.Add(100)
				s.publish("news", payload)
				arrived.Wait()
			}
		})
	}
}
