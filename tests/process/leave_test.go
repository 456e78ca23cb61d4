package process

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// figure is what a metric of the server says; 0 where this system has none such.
func figure(t *testing.T, s *harness.Server, name string) float64 {
	t.Helper()
	_, all := s.Do(http.MethodGet, "/metrics", "")
	found := regexp.MustCompile("(?m)^" + name + " (.*)$").FindStringSubmatch(all)
	if found == nil {
		return 0
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestClientsThatVanishOrNeverFinishLeaveNothing(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-heartbeat", "100ms")
	const head = "GET /events/news HTTP/1.1\r\nHost: localhost\r\n"
	s.Listen("/events/news", "").Leave() // whatever is made once is made now
	s.UntilStreams(0)
	goroutines, files := figure(t, s, "go_goroutines"), figure(t, s, "process_open_fds")

	for range 10 {
		conn, body := s.Raw(head + "\r\nx") // an extra byte hides that the client leaves, until a heartbeat
		if _, err := body.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	s.UntilStreams(0)
	stream, _ := s.Raw(head + "Content-Length: 5\r\n\r\nhal") // a stream all the same
	s.UntilStreams(1)
	stream.Close()
	var halves sync.WaitGroup
	for _, half := range []string{
		"GET /events/ne", head,
		"POST /events/news HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhal",
		"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhal",
		"POST /events/news HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
	} {
		conn, body := s.Raw(half) // and waits; the server has to end it
		conn.SetReadDeadline(time.Now().Add(harness.Patience))
		halves.Go(func() {
			if answer, err := io.ReadAll(body); err != nil {
				t.Errorf("%q is still open, after the answer %q: %v", half, answer, err)
			}
		})
	}
	halves.Wait()
	s.UntilStreams(0)
	harness.Eventually(t, "no goroutine and no file is left", func() bool {
		return figure(t, s, "go_goroutines") <= goroutines && figure(t, s, "process_open_fds") <= files
	})
	s.Stop()
	if accepts(s) {
		t.Error("it still answers")
	}
}

const streamRequest = "GET /events/news HTTP/1.1\r\nHost: localhost\r\n\r\n"

func TestAnIdleStreamHasNoGoroutine(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("here each stream is served by its handler")
	}
	s := harness.Serve(t, "-demo=false")
	before := figure(t, s, "go_goroutines")
	for range 100 {
		s.Raw(streamRequest)
	}
	s.UntilStreams(100)
	harness.Eventually(t, "handlers have returned", func() bool { return figure(t, s, "go_goroutines") < before+20 })
	if n := s.Streams(); n != 100 {
		t.Errorf("%d streams are open", n)
	}
}

func TestAClientThatClosesIsNoticedWithinASecond(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-heartbeat", "30s")
	for range 20 {
		conn, body := s.Raw(streamRequest)
		if _, err := body.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		s.UntilStreams(1)
		began := time.Now()
		conn.Close()
		s.UntilStreams(0)
		if took := time.Since(began); took > time.Second {
			t.Errorf("noticed after %v", took)
		}
	}
}

// closeAt opens a connection, sends the beginning of a request, reads that many bytes, and closes.
func closeAt(t *testing.T, s *harness.Server, request string, read int, reset bool) {
	conn, err := s.Dial()
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	if reset {
		conn.(*net.TCPConn).SetLinger(0)
	}
	io.WriteString(conn, request)
	io.CopyN(io.Discard, conn, int64(read))
}

func TestAClientThatClosesAtAnyPointLeavesNothing(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.Publish("news", "first")
	s.Listen("/events/news", "").Leave() // whatever is made once is made now
	s.UntilStreams(0)
	goroutines, files := figure(t, s, "go_goroutines"), figure(t, s, "process_open_fds")
	request := strings.Replace(streamRequest, "news", "news?since=all", 1)
	var crowd sync.WaitGroup
	slots := make(chan bool, 50)
	at := func(sent, read int, reset bool) {
		slots <- true
		crowd.Go(func() {
			closeAt(t, s, request[:sent], read, reset)
			<-slots
		})
	}
	for sent := range len(request) {
		at(sent, 0, sent%2 == 0)
	}
	for read := range 1000 {
		if read%100 == 0 {
			s.Publish("news", strings.Repeat("x", 100))
		}
		at(len(request), read%700, read%2 == 0)
	}
	crowd.Wait()
	s.UntilStreams(0)
	harness.Eventually(t, "no goroutine and no file is left", func() bool {
		return figure(t, s, "go_goroutines") <= goroutines && figure(t, s, "process_open_fds") <= files
	})
}
