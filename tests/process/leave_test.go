package process

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
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
