package process

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/tests/harness"
)

func TestTLSOpensNoSecondPort(t *testing.T) {
	t.Parallel()
	s := harness.ServeTLS(t)
	curl := "curl -d hello https://127.0.0.1:"
	if !strings.HasPrefix(s.URL, "https://127.0.0.1:") || !strings.Contains(s.Lines[1], curl) {
		t.Errorf("it printed %q", s.Lines)
	}
	s.API(http.MethodGet, "/healthz", "")
	if n := listeners(t, s.Process.Pid); n > 1 {
		t.Errorf("%d ports are open, want one", n)
	}
}

// listeners counts a process's listening sockets, where the system tells (Linux); else it is 0.
func listeners(t *testing.T, pid int) (n int) {
	t.Helper()
	inodes := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			return 0
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" { // TCP_LISTEN
				inodes["socket:["+fields[9]+"]"] = true
			}
		}
	}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && inodes[target] {
			n++
		}
	}
	return n
}

// read fails the test unless the next message has these data.
func read(t *testing.T, messages *sse.Reader, want string) {
	t.Helper()
	if m, err := messages.Next(); err != nil || m.Data != want {
		t.Errorf("got %.20q, %v, want %.20q", m.Data, err, want)
	}
}

func TestAHundredStreamsShareOneConnectionOverTLS(t *testing.T) {
	t.Parallel()
	s := harness.ServeTLS(t, "-demo=false", "-stall", "2s")
	var reading sync.WaitGroup
	for range 100 {
		response := s.Ask(http.MethodGet, "/events/news", "")
		if response.ProtoMajor != 2 || response.Header.Get("Connection") != "" {
			t.Fatalf("%s with Connection %q", response.Proto, response.Header.Get("Connection"))
		}
		reading.Go(func() {
			defer response.Body.Close()
			messages := sse.NewReader(response.Body)
			for n := range 50 {
				if read(t, messages, fmt.Sprint(n)); t.Failed() {
					return
				}
			}
		})
	}
	quiet := time.After(2500 * time.Millisecond) // longer than -stall: a deadline left behind would reset the streams
	<-quiet
	s.UntilStreams(100)
	for n := range 50 {
		s.API(http.MethodPost, "/events/news", fmt.Sprint(n))
	}
	reading.Wait()
	s.UntilStreams(0) // who leaves on HTTP/2 is noticed
}

func TestOneStalledStreamOnHTTP2IsEndedAndOthersAreNot(t *testing.T) {
	t.Parallel()
	s := harness.ServeTLS(t, "-demo=false", "-stall", "300ms")
	stalled := s.Ask(http.MethodGet, "/events/news", "")
	defer stalled.Body.Close()
	reading := s.Ask(http.MethodGet, "/events/news", "")
	defer reading.Body.Close()
	s.UntilStreams(2)
	messages := sse.NewReader(reading.Body)
	payload := strings.Repeat("x", 32<<10)
	for n := 0; s.Streams() == 2; n++ {
		if n == 10_000 { // far more than all buffers hold
			t.Fatal("the stalled stream is not ended")
		}
		data := fmt.Sprint(n, payload)
		s.API(http.MethodPost, "/events/news", data)
		if read(t, messages, data); t.Failed() {
			return
		}
	}
	s.API(http.MethodPost, "/events/news", "after it")
	read(t, messages, "after it")
}

// deafConn is a connection whose client stops reading for good once deaf is closed.
type deafConn struct {
	net.Conn
	deaf   chan struct{}
	closed chan struct{}
}

func (c deafConn) Read(p []byte) (int, error) {
	select {
	case <-c.deaf:
		<-c.closed
		return 0, net.ErrClosed
	default:
		return c.Conn.Read(p)
	}
}

func TestAConnectionOfHTTP2ThatReadsNothingIsEnded(t *testing.T) {
	t.Parallel()
	s := harness.ServeTLS(t, "-demo=false", "-stall", "500ms", "-drain", "1s")
	conn := deafConn{deaf: make(chan struct{}), closed: make(chan struct{})}
	transport := harness.TLSTransport(t)
	transport.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 1 << 26, MaxReceiveBufferPerConnection: 1 << 28}
	transport.DialContext = func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
		conn.Conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return conn, err
	}
	defer transport.CloseIdleConnections()
	for range 5 {
		response, err := (&http.Client{Transport: transport}).Get(s.URL + "/events/news")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
	}
	s.UntilStreams(5)
	close(conn.deaf)
	defer close(conn.closed)
	payload := strings.Repeat("x", 32<<10)
	harness.Eventually(t, "all streams of the connection are ended", func() bool {
		s.API(http.MethodPost, "/events/news", payload)
		return s.Streams() == 0
	})
}
