package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
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

func TestTheDemoSpeaksEveryTwoSeconds(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo")
	r := s.listen("/events", "")
	var last int64
	for range 2 {
		var said struct {
			Timestamp int64
			Message   string
		}
		if m := r.next(); json.Unmarshal([]byte(m.Data), &said) != nil || m.Type != "" {
			t.Fatalf("got %+v", m)
		}
		at := time.Unix(said.Timestamp, 0)
		if said.Message != "Hello at "+at.Format(time.RFC1123) || said.Timestamp%2 != 0 || said.Timestamp <= last {
			t.Errorf("got %+v after %d", said, last)
		}
		last = said.Timestamp
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
	want := `{"id":"` + id.String() + `","topic":"a/b","type":"greeting","time":"` + id.Time().Format("2006-01-02T15:04:05.000Z") + `","data":"1\r\n2"}`
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
				case i > 0 && time.Since(before) > 5*time.Second: // half of -stall: somebody waited for the one that never reads
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

func TestAClientThatWasDroppedResumes(t *testing.T) {
	s := serve(t, "-stall", "200ms", "-keep-events", "1000000", "-keep-bytes", "4GiB") // however much is published until it is
	_, body := s.raw("GET /events/news HTTP/1.0\r\n\r\n")
	s.waitFor(1)
	published := 0
	for payload := strings.Repeat("x", 32<<10); ; published++ {
		s.publish("news", fmt.Sprintf("%08d", published)+payload)
		if n, _ := s.registered(); n == 0 {
			break
		}
	}
	for line := "-"; line != "\r\n"; { // the head
		var err error
		if line, err = body.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	cut := sse.NewReader(body)
	got := 0
	for _, err := cut.Next(); err == nil; _, err = cut.Next() {
		got++
	}
	back := s.listen("/events/news", cut.LastEventID())
	for ; got <= published; got++ {
		if m := back.next(); m.Type != "" || m.Data[:8] != fmt.Sprintf("%08d", got) {
			t.Fatalf("came back and got %s %.8s, want %d", m.Type, m.Data, got)
		}
	}
}

func TestAClientThatTakesNothingIsEndedAfterStall(t *testing.T) {
	t.Parallel()
	s := serve(t, "-stall", "500ms", "-max-pending", "1GiB") // so that nothing else ends it
	s.raw("GET /events/news HTTP/1.1\r\nHost: localhost\r\n\r\n")
	s.waitFor(1)
	for range 100 { // more than the sockets hold
		s.publish("news", strings.Repeat("x", 60_000))
	}
	s.waitFor(0)
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
			t.Error("a closed broker says that somebody listens")
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
	if retry := turned.messages.Retry(); retry < 5*time.Second || retry > 15*time.Second || turned.messages.LastEventID() != "" {
		t.Errorf("the eleventh shall come back after %v, with id %q", retry, turned.messages.LastEventID())
	}
	inside[3].leave()
	eventually(t, "there is a place", func() bool { return s.engine.Streams() == 9 })
	again := s.listen("/events/news", "")
	s.waitFor(10)
	s.publish("news", "for the eleventh too")
	again.want("for the eleventh too")
}

func TestAClientThatReadsSlowlyAndSteadilyIsKept(t *testing.T) {
	t.Parallel()
	s := serve(t, "-stall", "2s")
	const events, size = 200, 60_000 // more than the system would hold for a connection
	for range events {
		s.publish("news", strings.Repeat("x", size))
	}
	conn, body := s.raw("GET /events/news?since=all HTTP/1.0\r\n\r\n")
	tcp(conn).SetReadBuffer(32 << 10)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	read := 0
	for range 50 { // 100 kB a second, for longer than -stall
		<-tick.C
		n, err := io.CopyN(io.Discard, body, 10_000)
		if err != nil {
			t.Fatalf("ended after %d bytes: %v", read, err)
		}
		read += int(n)
	}
	if _, err := io.CopyN(io.Discard, body, int64(events*size-read)); err != nil {
		t.Errorf("the rest: %v", err)
	}
}
