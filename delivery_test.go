package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/web"
)

// takenOver skips a test of what only connections do that were taken over from the HTTP server.
func takenOver(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || over != "" {
		t.Skip("here each stream is served by its handler")
	}
}

func TestAnIdleStreamTakesNoGoroutine(t *testing.T) {
	takenOver(t)
	noLeak(t, func() {
		s := serve(t)
		before := runtime.NumGoroutine()
		for range 100 {
			s.raw("GET /events/news HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
		s.waitFor(100)
		eventually(t, "handlers have returned", func() bool { return runtime.NumGoroutine() < before+20 })
		s.stop()
	})
}

func TestTheHeadIsTheSameHoweverTheStreamIsServed(t *testing.T) {
	takenOver(t)
	s := serve(t)
	head := func(closes bool) http.Header {
		r := s.listen("/events/news", "")
		defer r.leave()
		if _, err := http.ParseTime(r.response.Header.Get("Date")); err != nil {
			t.Error(err)
		}
		r.response.Header.Del("Date")
		if r.response.StatusCode != http.StatusOK || r.response.Proto != "HTTP/1.1" || r.response.Close != closes {
			t.Errorf("%s %s, closes: %v", r.response.Proto, r.response.Status, r.response.Close)
		}
		return r.response.Header
	}
	took := head(true)
	inner := s.server.Handler
	other := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(unhijackable{w}, r) })}
	listener, err := web.Listen("127.0.0.1:0", 15*time.Second, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	go other.Serve(listener)
	defer other.Close()
	s.url = "http://" + listener.Addr().String()
	served := head(false)
	if fmt.Sprint(took) != fmt.Sprint(served) {
		t.Errorf("taken over: %v\nby its handler: %v", took, served)
	}
}

func TestAClientThatClosesIsNoticedWithinASecond(t *testing.T) {
	s := serve(t, "-heartbeat", "30s")
	for range 20 {
		conn, body := s.raw("GET /events/news HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := body.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		s.waitFor(1)
		began := time.Now()
		conn.Close()
		s.waitFor(0)
		if took := time.Since(began); took > time.Second {
			t.Errorf("noticed after %v", took)
		}
	}
}

func TestAClientClosedAtAnyPointLeavesNothing(t *testing.T) {
	noLeak(t, func() {
		s := serve(t)
		s.publish("news", "first")
		before := openFiles(t)
		const request = "GET /events/news?since=all HTTP/1.1\r\nHost: localhost\r\n\r\n"
		var crowd sync.WaitGroup
		slots := make(chan bool, 50)
		at := func(sent, read int, reset bool) {
			slots <- true
			crowd.Go(func() {
				defer func() { <-slots }()
				conn := dial(t, s.url)
				if reset {
					tcp(conn).SetLinger(0)
				}
				io.WriteString(conn, request[:sent])
				io.CopyN(io.Discard, conn, int64(read))
				conn.Close()
			})
		}
		for sent := range len(request) {
			at(sent, 0, sent%2 == 0)
		}
		for read := range 1000 {
			if read%100 == 0 {
				s.publish("news", strings.Repeat("x", 100))
			}
			at(len(request), read%700, read%2 == 0)
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

func TestNothingThatAClientSendsTakesTheTailAway(t *testing.T) {
	s := serve(t)
	conn, body := s.raw("GET /events/news HTTP/1.0\r\n\r\n")
	s.waitFor(1)
	ended := make(chan error, 1)
	var got []byte
	go func() {
		var err error
		got, err = io.ReadAll(body)
		ended <- err
	}()
	talking := make(chan struct{})
	var talk sync.WaitGroup
	talk.Go(func() {
		for {
			select {
			case <-talking:
				return
			default:
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
			}
		}
	})
	for i := range 100 {
		s.publish("news", fmt.Sprint(i))
	}
	go s.stop()
	if err := <-ended; err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	close(talking)
	talk.Wait()
	if !strings.Contains(string(got), "data: 99\n\n") {
		t.Errorf("the last event is missing after %d bytes", len(got))
	}
}

// sink reads a stream until data has come that many times, with one buffer.
func sink(body *bufio.Reader, data string, times int) error {
	for times > 0 {
		line, err := body.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == len("data: ")+len(data)+1 && string(line[6:len(line)-1]) == data {
			times--
		}
	}
	return nil
}

func TestADeliveryAllocatesNothing(t *testing.T) {
	takenOver(t)
	s := serve(t)
	const clients, events = 200, 1000
	data := strings.Repeat("x", 100)
	var bodies []*bufio.Reader
	for range clients {
		_, body := s.raw("GET /events/news HTTP/1.0\r\n\r\n")
		bodies = append(bodies, body)
	}
	s.waitFor(clients)
	var before, after runtime.MemStats
	round := func() {
		var reading sync.WaitGroup
		for _, body := range bodies {
			reading.Go(func() {
				if err := sink(body, data, events); err != nil {
					t.Error(err)
				}
			})
		}
		for range events {
			if _, err := s.log.Append(t.Context(), stream.Event{Topic: stream.MustTopic("news"), Data: data}); err != nil {
				t.Error(err)
			}
		}
		reading.Wait()
	}
	round() // grows what is used again and again
	runtime.ReadMemStats(&before)
	round()
	runtime.ReadMemStats(&after)
	each := float64(after.Mallocs-before.Mallocs) / (clients * events)
	if t.Logf("%.3f allocations a delivery, with those of the events", each); each > 0.2 {
		t.Error("that is too many")
	}
}

func TestASlowClientGetsWhatItMissedWhenItReadsAgain(t *testing.T) {
	s := serve(t, "-stall", "1h", "-max-pending", "64MiB")
	_, body := s.raw("GET /events/news HTTP/1.0\r\n\r\n")
	s.waitFor(1)
	const events = 500
	for i := range events {
		s.publish("news", fmt.Sprintf("%08d", i)+strings.Repeat("x", 30<<10)) // far more than the system holds
	}
	for line := "-"; line != "\r\n"; { // the head
		var err error
		if line, err = body.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	messages := sse.NewReader(body)
	for i := range events {
		if m, err := messages.Next(); err != nil || m.Data[:8] != fmt.Sprintf("%08d", i) {
			t.Fatalf("event %d: %.8s, %v", i, m.Data, err)
		}
	}
	s.publish("news", "live again")
	if m, err := messages.Next(); err != nil || m.Data != "live again" {
		t.Errorf("then %.20s, %v", m.Data, err)
	}
	go s.stop()
	if _, err := messages.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the end is %v", err)
	}
}
