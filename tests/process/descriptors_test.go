package process

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// within has the process start with that limit of open files.
func within(files int) func(*exec.Cmd) {
	return func(command *exec.Cmd) {
		limit := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, files)
		command.Args = append([]string{"sh", "-c", limit, command.Path}, command.Args[1:]...)
		command.Path = "/bin/sh"
	}
}

// besiege keeps a client at the server: it sends a request, or nothing, holds its connection for as long as the server
// lets it, and comes back.
func besiege(s *harness.Server, request string, over <-chan struct{}) {
	for {
		conn, err := net.Dial("tcp", s.Host())
		if err == nil {
			gone := make(chan struct{})
			go func() {
				io.WriteString(conn, request)
				io.Copy(io.Discard, conn)
				close(gone)
			}()
			select {
			case <-gone:
			case <-over:
			}
			conn.Close()
		}
		select {
		case <-over:
			return
		case <-time.After(20 * time.Millisecond): // as long as a very impatient client waits
		}
	}
}

func TestNoNumberOfClientsShutsPublishersAndProbesOut(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no limit of open files is known here")
	}
	for _, kind := range []struct{ name, maxStreams string }{
		{"as it is", ""}, {"with too high a limit of streams", "1000"}} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"-demo=false", "-store", "pebble:" + filepath.Join(t.TempDir(), "store")}
			if kind.maxStreams != "" {
				args = append(args, "-max-streams", kind.maxStreams)
			}
			s := harness.ServeAs(t, within(256), args...)
			if warned := strings.Contains(s.Stderr(), "not 1000: "); warned != (kind.maxStreams != "") {
				t.Errorf("it says at start:\n%s", s.Stderr())
			}
			var clients sync.WaitGroup
			over := make(chan struct{})
			requests := []string{
				"", // a connection that is silent from the start
				"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", // one that waits for its next request
				streamRequest, streamRequest, // streams, until they are turned away
			}
			for n := range 400 {
				clients.Go(func() { besiege(s, requests[n%len(requests)], over) })
			}
			defer clients.Wait()
			defer close(over)
			ask := func(request string) {
				t.Helper()
				began := time.Now()
				conn, err := net.DialTimeout("tcp", s.Host(), time.Second)
				if err != nil {
					t.Errorf("%.20q: %v", request, err)
					return
				}
				defer conn.Close()
				conn.SetDeadline(began.Add(time.Second))
				io.WriteString(conn, request)
				line, err := bufio.NewReader(conn).ReadString('\n')
				if err != nil || !strings.Contains(line, " 20") {
					t.Errorf("%.20q: %q, %v, after %v", request, line, err, time.Since(began))
				}
			}
			const publish = "POST /events/other HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
			for began := time.Now(); time.Since(began) < 5*time.Second && !t.Failed(); {
				ask(publish)
				ask("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
			}
		})
	}
}

func TestAStreamThatCatchesUpNeedsOneDescriptor(t *testing.T) {
	t.Parallel()
	const streams = 100
	s := harness.Serve(t, "-demo=false", "-stall", "10m")
	s.Append("big", slices.Repeat([]string{strings.Repeat("x", 64<<10)}, 100)...) // more than all buffers hold
	request := strings.Replace(streamRequest, "news", "big?since=all", 1)
	before := figure(t, s, "process_open_fds")
	for range streams {
		conn, answer := s.Raw(request)
		conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if behind := figure(t, s, "broadcast_catch_ups"); behind != streams {
		t.Fatalf("%v streams are behind", behind)
	}
	if files := figure(t, s, "process_open_fds") - before; files > streams+5 {
		t.Errorf("%d streams that catch up have %v descriptors", streams, files)
	}
}

func TestAClientThatIsTurnedAwayGivesItsConnectionBack(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-max-streams", "1")
	s.Listen("/events/news", "")
	conn, answer := s.Raw(streamRequest)
	conn.SetDeadline(time.Now().Add(harness.Patience))
	if text, err := io.ReadAll(answer); err != nil || !strings.Contains(string(text), ": full") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAFailureThatOnlyARestartFixesFailsHealthzAndTheExitCode(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	s := harness.Serve(t, "-demo=false", "-store", "pebble:"+dir)
	s.Publish("news", "hello")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	response, _ := s.Do(http.MethodPost, "/events/news", "lost?")
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("publishing: %s", response.Status)
	}
	for _, probe := range []string{"/healthz", "/readyz"} {
		if response, body := s.Do(http.MethodGet, probe, ""); response.StatusCode != http.StatusServiceUnavailable ||
			!strings.Contains(body, "restarted") {
			t.Errorf("%s: %s %s", probe, response.Status, body)
		}
	}
	s.Process.Signal(os.Interrupt)
	s.WantExit(1)
	if !strings.Contains(s.Stderr(), "The store cannot write") {
		t.Errorf("it says %s", s.Stderr())
	}
}
