package delivery

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// socket stands for a client's connection: a ResponseWriter that takes bytes, or does not.
type socket struct {
	mu       sync.Mutex
	taken    bytes.Buffer
	flushes  int
	full     chan struct{} // while not nil, Write waits until it is closed or the deadline passes
	deadline time.Time
}

func (s *socket) Header() http.Header { return http.Header{} }
func (s *socket) WriteHeader(int)     {}

func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	full, deadline := s.full, s.deadline
	s.mu.Unlock()
	if full != nil {
		select {
		case <-full:
		case <-time.After(time.Until(deadline)):
			return 0, os.ErrDeadlineExceeded
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken.Write(p)
}

func (s *socket) FlushError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushes++
	return nil
}

func (s *socket) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	return nil
}

func (s *socket) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken.String()
}

var limits = Limits{MaxPending: 1000, Stall: 10 * time.Second, Heartbeat: 15 * time.Second}

// engine is one without writers: those wait for real sockets.
func engine() *Engine {
	return &Engine{limits: limits, metrics: metrics.New()}
}

// serve runs a stream on a socket; the result comes when it has ended.
func serve(t *testing.T, s *socket, form sse.Form) (*handlerStream, <-chan metrics.Reason, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream := newHandlerStream(s, s, request, form, engine())
	ended := make(chan metrics.Reason, 1)
	go stream.Serve(func(reason metrics.Reason) { ended <- reason })
	synctest.Wait()
	return stream, ended, cancel
}

func TestWhatWaitsGoesOutInOneWriteAndOneFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &socket{full: make(chan struct{})}
		stream, ended, leave := serve(t, s, sse.Plain)
		stream.send([]byte("frame"))
		synctest.Wait() // it is being written
		for range 199 {
			stream.send([]byte("frame"))
		}
		close(s.full)
		synctest.Wait()
		if got := s.String(); got != strings.Repeat("frame", 200) || s.flushes != 2 {
			t.Errorf("%d bytes in %d flushes, want 1000 in two: the first, and all others", len(got), s.flushes)
		}
		leave()
		if reason := <-ended; reason != metrics.Left {
			t.Errorf("ended as %v", reason)
		}
	})
}

func TestALargeBatchIsWrittenInPartsAndWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &socket{full: make(chan struct{})}
		stream, _, leave := serve(t, s, sse.Plain)
		defer leave()
		var want strings.Builder
		for i := range 50 {
			frame := strings.Repeat(string(rune('a'+i%26)), 3000+i)
			want.WriteString(frame)
			stream.send([]byte(frame))
		}
		close(s.full)
		synctest.Wait()
		if s.String() != want.String() {
			t.Errorf("%d bytes arrived, want %d, the same", len(s.String()), want.Len())
		}
		if stream.pending != 0 {
			t.Errorf("%d bytes still count as pending", stream.pending)
		}
	})
}

func TestAQuietStreamSaysSomethingAfterEachHeartbeat(t *testing.T) {
	for form, beat := range map[sse.Form]string{sse.Plain: ": heartbeat\n\n", sse.Envelope: "event: heartbeat\ndata:"} {
		synctest.Test(t, func(t *testing.T) {
			s := &socket{}
			stream, _, leave := serve(t, s, form)
			defer leave()
			time.Sleep(10 * time.Second)
			stream.send([]byte("x\n\n"))
			time.Sleep(14 * time.Second)
			if got := s.String(); got != "x\n\n" {
				t.Errorf("14 s after an event: %q", got)
			}
			time.Sleep(17 * time.Second)
			if got := s.String(); strings.Count(got, beat) != 2 || s.deadline != (time.Time{}) {
				t.Errorf("31 s after an event: %q, deadline %v, want two heartbeats and none", got, s.deadline)
			}
		})
	}
}

func TestAClientThatTakesNothingIsEndedAfterStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &socket{full: make(chan struct{})}
		stream, ended, leave := serve(t, s, sse.Plain)
		defer leave()
		stream.send([]byte("x"))
		began := time.Now()
		if reason := <-ended; reason != metrics.Stalled || time.Since(began) != limits.Stall {
			t.Errorf("ended as %v after %v", reason, time.Since(began))
		}
	})
}

func TestAClientIsEndedForWhatItsOwnSocketHoldsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &socket{full: make(chan struct{})}
		stream, ended, leave := serve(t, s, sse.Plain)
		defer leave()
		stream.send([]byte("x"))
		time.Sleep(1500 * time.Millisecond)
		most := 0
		for range 1000 {
			stream.send(make([]byte, 100))
			most = max(most, len(stream.waiting))
		}
		if most > 10 || stream.waiting != nil {
			t.Errorf("%d frames of 100 bytes waited, %d wait; only 1000 bytes may", most, len(stream.waiting))
		}
		close(s.full)
		if reason := <-ended; reason != metrics.Pending {
			t.Errorf("ended as %v", reason)
		}
	})
}

func TestWhatWaitsForTheCPUEndsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &socket{full: make(chan struct{})}
		stream, ended, leave := serve(t, s, sse.Plain)
		stream.send([]byte("x"))
		synctest.Wait()
		time.Sleep(patience / 2) // a write that is under way, as on a machine with too much to do
		for range 1000 {
			stream.send(make([]byte, 100))
		}
		close(s.full)
		synctest.Wait()
		for range 1000 { // none under way
			stream.send(make([]byte, 100))
		}
		synctest.Wait()
		if got := len(s.String()); got != 1+2000*100 {
			t.Errorf("%d bytes arrived", got)
		}
		leave()
		if reason := <-ended; reason != metrics.Left {
			t.Errorf("ended as %v", reason)
		}
	})
}

func TestAnEndedStreamWritesWhatWaitsAndNothingAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &socket{}
		stream, ended, leave := serve(t, s, sse.Plain)
		defer leave()
		stream.send([]byte("before"))
		stream.End(metrics.Closing)
		stream.End(metrics.Stalled)
		stream.send([]byte("after"))
		if reason := <-ended; reason != metrics.Closing || s.String() != "before" {
			t.Errorf("ended as %v after %q", reason, s.String())
		}
	})
}

func TestStreamsAreEndedOneByOneAndWithinTheTime(t *testing.T) {
	for _, c := range []struct {
		streams     int
		drain, last time.Duration
	}{
		{3, 5 * time.Second, 3 * time.Millisecond},
		{1000, 5 * time.Second, time.Second},
		{20000, 5 * time.Second, 4 * time.Second},
		{5000, 100 * time.Millisecond, 80 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			ending, engine := NewEnding(c.drain), engine()
			for range c.streams {
				ending.Add(newHandlerStream(&socket{}, &socket{}, &http.Request{}, sse.Plain, engine))
			}
			began, most := time.Now(), 0
			for ending.ended < c.streams {
				before := ending.ended
				ending.End(<-ending.Tick())
				most = max(most, ending.ended-before)
			}
			if took := time.Since(began); took > c.last || took < c.last*9/10 {
				t.Errorf("the last of %d streams ended after %v, want %v", c.streams, took, c.last)
			}
			if most > c.streams/3+1 {
				t.Errorf("%d of %d streams ended in one instant", most, c.streams)
			}
			for over := false; !over; {
				over = ending.End(<-ending.Tick())
			}
			if took := time.Since(began); took != c.drain {
				t.Errorf("over after %v, want %v", took, c.drain)
			}
		})
	}
}

func TestAStreamThatIsAheadGetsWhatComesAfterItsPosition(t *testing.T) {
	audiences := NewAudiences(engine())
	news := stream.MustTopic("news")
	a := audiences.Of(sse.Plain, stream.Select(news))
	ahead := newHandlerStream(&socket{}, &socket{}, &http.Request{}, sse.Plain, engine())
	audiences.Join(a, ahead, nil, true, stream.ID{Ms: 5, Seq: 2})
	for _, e := range []stream.Event{
		{ID: stream.ID{Ms: 5, Seq: 1}, Topic: news, Data: "before"},
		{ID: stream.ID{Ms: 5, Seq: 2}, Topic: news, Data: "the last that it has"},
		{ID: stream.ID{Ms: 5, Seq: 3}, Topic: news, Data: "after"},
	} {
		audiences.Send(&Frame{Event: e})
	}
	got := string(bytes.Join(ahead.waiting, nil))
	if want := "id: 5-3\ndata: after\n\n"; got != want {
		t.Errorf("it got %q, want %q", got, want)
	}
}

func TestAFrameIsEncodedAtMostOnceForEachForm(t *testing.T) {
	f := &Frame{Event: stream.Event{ID: stream.ID{Ms: 1, Seq: 2}, Topic: stream.MustTopic("a"), Data: "x"}}
	if f.encoded[sse.Envelope] != nil || f.encoded[sse.Plain] != nil {
		t.Error("encoded though nobody reads it")
	}
	plain, envelope := f.Bytes(sse.Plain), f.Bytes(sse.Envelope)
	if &plain[0] != &f.Bytes(sse.Plain)[0] || &envelope[0] != &f.Bytes(sse.Envelope)[0] {
		t.Error("encoded again")
	}
	if want := "id: 1-2\ndata: x\n\n"; string(plain) != want {
		t.Errorf("plain is %q, want %q", plain, want)
	}
	want := `data: {"id":"1-2","topic":"a","type":"","time":"1970-01-01T00:00:00.001Z","data":"x"}`
	if !strings.Contains(string(envelope), want) {
		t.Errorf("envelope is %q", envelope)
	}
}

func TestRecentHoldsTheNewestAndKnowsWhatItHoldsNoMore(t *testing.T) {
	at := func(seq uint64) stream.ID { return stream.ID{Ms: 5, Seq: seq} }
	recent := NewRecent(at(0), 10*513)
	if frames, held := recent.After(at(0)); !held || len(frames) != 0 {
		t.Errorf("at the start: %v, %v", frames, held)
	}
	for seq := range uint64(100) {
		recent.Add(&Frame{Event: stream.Event{ID: at(seq + 1), Data: "x"}})
	}
	for seq, want := range map[uint64]int{89: -1, 90: 10, 95: 5, 99: 1, 100: 0, 200: 0} {
		frames, held := recent.After(at(seq))
		if held != (want >= 0) || held && len(frames) != want || want > 0 && frames[0].ID != at(seq+1) {
			t.Errorf("after %d: %d frames, %v, want %d", seq, len(frames), held, want)
		}
	}
}
