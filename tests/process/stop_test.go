package process

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// stall opens a stream whose client reads nothing, and fills its socket: it ends only when the server cuts it.
func stall(t *testing.T, s *harness.Server) {
	t.Helper()
	conn, answer := s.Raw(strings.Replace(streamRequest, "news", "big", 1))
	conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	s.UntilStreams(1)
	big := strings.Repeat("x", 64<<10)
	for range 100 { // more than all buffers hold
		s.Publish("big", big)
	}
}

// terminate sends SIGTERM, and returns when the server has noticed.
func terminate(t *testing.T, s *harness.Server) {
	t.Helper()
	s.Process.Signal(syscall.SIGTERM)
	harness.Eventually(t, "it stops", func() bool { return strings.Contains(s.Stderr(), "Stopping: ") })
}

// patient has a client wait for as long as it likes.
var patient = []string{"-demo=false", "-max-pending", "64MiB", "-stall", "10m"}

func TestUntilTheLastStreamHasEndedEverybodyElseIsServed(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	s := harness.Serve(t, append(patient, "-drain", "2s")...)
	stall(t, s)
	reading := s.Listen("/events/news", "")
	s.UntilStreams(2)
	terminate(t, s)
	if err := end(reading); !errors.Is(err, io.EOF) {
		t.Fatalf("the stream ends with %v", err)
	}
	s.Publish("news", "hello") // one stream is left
	if err := end(s.Listen("/events/news", "")); !errors.Is(err, io.EOF) {
		t.Errorf("a new stream ends with %v", err)
	}
	if n := s.Streams(); n != 1 {
		t.Errorf("%d streams are left; the test is in vain", n)
	}
	s.WantExit(0)
}

func TestTheEndTakesAtMostTwiceDrain(t *testing.T) { // alone: it measures
	unixOnly(t)
	const drain = 2 * time.Second
	s := harness.Serve(t, append(patient, "-drain", drain.String())...)
	stall(t, s)
	half(t, s)
	began := time.Now()
	s.Process.Signal(syscall.SIGTERM)
	s.WantExit(0)
	if took := time.Since(began); took < drain || took > 2*drain+drain/2 {
		t.Errorf("the stop took %v, and -drain is %v", took, drain)
	}
}

func TestWhileItStopsEachAnswerClosesItsConnection(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	s := harness.Serve(t, "-demo=false", "-shutdown-delay", "1h")
	const probe = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	conn, answers := s.Raw(probe)
	ask := func(status int, closes bool) {
		t.Helper()
		conn.SetDeadline(time.Now().Add(harness.Patience))
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		if response.StatusCode != status || response.Close != closes {
			t.Errorf("%s, closing: %v", response.Status, response.Close)
		}
	}
	ask(http.StatusOK, false)
	terminate(t, s)
	io.WriteString(conn, probe)
	ask(http.StatusServiceUnavailable, true)
	if _, err := answers.ReadByte(); err != io.EOF {
		t.Errorf("the connection is still open: %v", err)
	}
}

func TestWhileItStopsStreamsOnHTTP2GoOnAndOtherRequestsMove(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	s := harness.ServeTLS(t, "-demo=false", "-shutdown-delay", "1h")
	listening := s.Listen("/events/news", "")
	if n := figure(t, s, "broadcast_connections"); n != 1 {
		t.Fatalf("there are %v connections", n)
	}
	terminate(t, s)
	for range 3 {
		s.API(http.MethodPost, "/events/news", "hello")
		listening.Want("hello")
	}
	if n := figure(t, s, "broadcast_connections"); n < 2 {
		t.Errorf("there are %v connections: requests share that of the stream", n)
	}
}
