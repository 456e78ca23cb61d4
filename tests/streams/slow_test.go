package streams

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/tests/harness"
)

// afterHead reads the head of an answer that is not chunked, and returns its messages.
func afterHead(t *testing.T, answer *bufio.Reader) *sse.Reader {
	t.Helper()
	for line := "-"; line != "\r\n"; {
		var err error
		if line, err = answer.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return sse.NewReader(answer)
}

const request = "GET /events/news HTTP/1.0\r\n\r\n" // HTTP/1.0 has no chunks

func TestASlowClientGetsWhatItMissedWhenItReadsAgain(t *testing.T) {
	overConnections(t, func(t *testing.T, serve serving) {
		s := serve(t, "-demo=false", "-stall", "1h", "-max-pending", "64MiB")
		_, answer := s.Raw(request)
		s.UntilStreams(1)
		var data []string
		for i := range 500 { // far more than the system holds
			data = append(data, fmt.Sprintf("%08d", i)+strings.Repeat("x", 30<<10))
		}
		s.Append("news", data...)
		messages := afterHead(t, answer)
		for i, want := range data {
			if m, err := messages.Next(); err != nil || m.Data != want {
				t.Fatalf("event %d: %.8s, %v", i, m.Data, err)
			}
		}
		s.Publish("news", "live again")
		if m, err := messages.Next(); err != nil || m.Data != "live again" {
			t.Errorf("then %.20s, %v", m.Data, err)
		}
		s.Process.Signal(syscall.SIGTERM)
		if _, err := messages.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("the end is %v", err)
		}
		s.WantExit(0)
	})
}

func TestAClientThatReadsSlowlyAndSteadilyIsKept(t *testing.T) {
	overConnections(t, func(t *testing.T, serve serving) {
		s := serve(t, "-demo=false", "-stall", "4s")
		const events, size = 200, 60_000 // more than the system would hold for a connection
		s.Append("news", slices.Repeat([]string{strings.Repeat("x", size)}, events)...)
		conn, body := s.Raw("GET /events/news?since=all HTTP/1.0\r\n\r\n")
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
	})
}

func TestAClientThatReadsNothingIsEndedAfterStall(t *testing.T) {
	overConnections(t, func(t *testing.T, serve serving) {
		s := serve(t, "-demo=false", "-stall", "500ms", "-max-pending", "1GiB") // so that nothing else ends it
		s.Raw(request)
		s.UntilStreams(1)
		s.Append("news", slices.Repeat([]string{strings.Repeat("x", 60_000)}, 100)...) // more than the sockets hold
		published := time.Now()
		s.UntilStreams(0)
		if took := time.Since(published); took > 20*time.Second {
			t.Errorf("it was ended after %v", took)
		}
		line := regexp.MustCompile(` INFO  A client was disconnected duration_ms=.* peer=.* reason=stalled topics=news`)
		harness.Eventually(t, "the log says so", func() bool { return line.MatchString(s.Stderr()) })
	})
}

func TestAClientThatWasDroppedResumes(t *testing.T) {
	overConnections(t, func(t *testing.T, serve serving) {
		// Everything that is published until the client is dropped must still be there.
		s := serve(t, "-demo=false", "-stall", "200ms", "-keep-events", "1000000", "-keep-bytes", "4GiB")
		_, answer := s.Raw(request)
		s.UntilStreams(1)
		published := 0
		for payload := strings.Repeat("x", 32<<10); s.Streams() > 0; published++ {
			s.Publish("news", fmt.Sprintf("%08d", published)+payload)
		}
		dropped := afterHead(t, answer)
		got := 0
		for _, err := dropped.Next(); err == nil; _, err = dropped.Next() {
			got++
		}
		if got == published {
			t.Fatal("it missed nothing")
		}
		back := s.Listen("/events/news", dropped.LastEventID())
		for ; got < published; got++ {
			if m := back.Must(); m.Type != "" || m.Data[:8] != fmt.Sprintf("%08d", got) {
				t.Fatalf("came back and got %s %.8s, want %d", m.Type, m.Data, got)
			}
		}
	})
}

// The server must not close a socket while something that the client sent is unread: that would be a reset, which may
// discard what the client has not read (RFC 9112, section 9.6).
func TestNothingThatAClientSendsCostsItTheEnd(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	conn, body := s.Raw(request)
	s.UntilStreams(1)
	ended := make(chan error, 1)
	var got []byte
	go func() {
		var err error
		got, err = io.ReadAll(body)
		ended <- err
	}()
	var talk sync.WaitGroup
	quiet := make(chan struct{})
	talk.Go(func() {
		for {
			select {
			case <-quiet:
				return
			default:
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
			}
		}
	})
	for i := range 100 {
		s.Publish("news", fmt.Sprint(i))
	}
	s.Stop()
	if err := <-ended; err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	close(quiet)
	talk.Wait()
	if !strings.Contains(string(got), "data: 99\n\n") {
		t.Errorf("the last event is missing after %d bytes", len(got))
	}
}

func TestTheHeadIsTheSameHoweverTheStreamIsServed(t *testing.T) {
	heads := map[string]http.Header{}
	for name, serve := range map[string]serving{"clear": harness.Serve, "TLS": harness.ServeTLS1} {
		response := serve(t, "-demo=false").Ask(http.MethodGet, "/events/news", "")
		defer response.Body.Close()
		if _, err := http.ParseTime(response.Header.Get("Date")); err != nil {
			t.Error(err)
		}
		response.Header.Del("Date")
		takenOver := name == "clear" && runtime.GOOS == "linux"
		if response.StatusCode != http.StatusOK || response.Proto != "HTTP/1.1" || response.Close != takenOver {
			t.Errorf("%s: %s %s, closes: %v", name, response.Proto, response.Status, response.Close)
		}
		heads[name] = response.Header
	}
	if fmt.Sprint(heads["clear"]) != fmt.Sprint(heads["TLS"]) {
		t.Errorf("in the clear: %v\nover TLS: %v", heads["clear"], heads["TLS"])
	}
}
