// Package process tests the program as a process: how it starts, what it says of wrong settings, how it ends, and what
// is left when it is killed.
package process

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func unixOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM to send; run this on Linux or macOS")
	}
}

func TestStartPrintsTheURLAndACommandThatWorks(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	p := harness.Serve(t, "-addr", "localhost:0")
	host := p.Host()
	curl := "curl -d hello " + host + "/events/news"
	if len(p.Lines) != 2 || !strings.HasPrefix(host, "localhost:") || !strings.HasSuffix(p.Lines[1], curl) {
		t.Errorf("it printed %q", p.Lines)
	}
	r := p.Listen("/events/news?since=all", "")
	p.Publish("news", "hello")
	r.Want("hello")
}

func TestAThousandStreamsEndCleanlyAndNotInOneInstant(t *testing.T) { // alone: it measures
	unixOnly(t)
	const streams = 1000
	p := harness.Serve(t, "-demo=false")
	var ended [streams]time.Time
	var reading sync.WaitGroup
	for i := range ended {
		r := p.Listen("/events/news", "")
		reading.Go(func() {
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("stream %d ended with %v, want a clean end", i, err)
			}
			ended[i] = time.Now()
		})
	}
	began := time.Now()
	p.Process.Signal(syscall.SIGTERM)
	p.WantExit(0)
	took := time.Since(began)
	reading.Wait()
	if took > 5*time.Second {
		t.Errorf("the stop took %v, and -drain is 5s", took)
	}
	buckets := map[int64]int{}
	for _, at := range ended {
		buckets[int64(at.Sub(began)/(100*time.Millisecond))]++
	}
	for _, n := range buckets {
		if n > streams/2 {
			t.Errorf("%d of %d streams ended within 100 ms: %v", n, streams, buckets)
		}
	}
}

func TestThreeStreamsAndASpareConnectionEndInUnderTwoSeconds(t *testing.T) { // alone: it measures
	unixOnly(t)
	p := harness.Serve(t)
	var readers []*harness.Reader
	for range 3 {
		readers = append(readers, p.Listen("/events", ""))
	}
	if _, err := net.Dial("tcp", p.Host()); err != nil { // as browsers keep one ready
		t.Fatal(err)
	}
	began := time.Now()
	p.Process.Signal(os.Interrupt)
	p.WantExit(0)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the stop took %v", took)
	}
	for _, r := range readers {
		if err := end(r); !errors.Is(err, io.EOF) {
			t.Errorf("a stream ended with %v", err)
		}
	}
}

// accepts says whether the server still takes connections.
func accepts(p *harness.Server) bool {
	probe, err := net.Dial("tcp", p.Host())
	if err == nil {
		probe.Close()
	}
	return err == nil
}

// end is how the stream ends: io.EOF if cleanly.
func end(r *harness.Reader) error {
	for {
		if _, err := r.Next(); err != nil {
			return err
		}
	}
}

// half opens a publishing request, whose body lacks its last two bytes.
func half(t *testing.T, p *harness.Server) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, answer := p.Raw("POST /events/news HTTP/1.1\r\nHost: localhost\r\n" +
		"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100") { // the handler reads
		t.Fatalf("%q, %v", line, err)
	}
	answer.ReadString('\n')
	io.WriteString(conn, "hel")
	return conn, answer
}

func TestARequestInFlightFinishes(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	p := harness.Serve(t)
	conn, answer := half(t, p)
	p.Process.Signal(syscall.SIGTERM)
	harness.Eventually(t, "nothing is accepted any more", func() bool { return !accepts(p) })
	io.WriteString(conn, "lo")
	response, err := http.ReadResponse(answer, nil)
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Errorf("the request in flight got %+v, %v", response, err)
	}
	p.WantExit(0)
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	p := harness.Serve(t, "-drain", "1h")
	half(t, p)
	p.Process.Signal(syscall.SIGTERM)
	harness.Eventually(t, "nothing is accepted any more", func() bool { return !accepts(p) })
	harness.Eventually(t, "a second signal ends it", func() bool {
		p.Process.Signal(syscall.SIGTERM)
		return p.Exited()
	})
	p.WantExit(-1)
}

// fails runs the server, which is to give up at once with that exit code, and returns what it says.
func fails(t *testing.T, code int, env string, args ...string) string {
	t.Helper()
	command := harness.Command(t, args...)
	if env != "" {
		command.Env = append(command.Env, env)
	}
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	serving := time.AfterFunc(harness.Patience/3, func() { command.Process.Kill() }) // it has not given up
	defer serving.Stop()
	err := command.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != code {
		t.Errorf("%q %q: %v, want exit code %d", env, args, err, code)
	}
	return said.String()
}

func TestATakenPortIsOneLineThatHelps(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	said := fails(t, 1, "", "-addr", listener.Addr().String())
	want := regexp.MustCompile("^.* INFO  .*\n.* ERROR 127.0.0.1:[0-9]+ is in use; try `-addr 127.0.0.1:[0-9]+`\n$")
	if !want.MatchString(said) {
		t.Errorf("it said %q", said)
	}
}

func TestABadSettingIsFatalAndSaysWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ env, args, want string }{
		{"", "-keep-events 0", "-keep-events: must be a whole number from 1 to"},
		{"", "-keep-age soon", "-keep-age: must be a duration from 1s to"},
		{"", "-max-data 1TB", "-max-data: must be a size from 1 B to 64 MiB"},
		{"", "-heartbeat 40s", "-heartbeat: must be a duration from 100ms to 30s"},
		{"", "-log-level loud", "-log-level: must be one of debug, info, warn, error"},
		{"", "-store disk", "-store: must be pebble:DIR, such as pebble:broadcast-data, or memory"},
		{"", "-demo=perhaps", "-demo: must be true or false"},
		{"", "-addr 8080", "-addr: must be host:port, such as localhost:8080"},
		{"", "-tls-cert cert.pem", "-tls-cert and -tls-key go together"},
		{"", "-tls-cert cert.pem -tls-key key.pem", "cert.pem"},
		{"", "-max-pending 1KiB", "-max-pending must be at least -max-data"},
		{"", "-max-data 1MiB -keep-bytes 1MiB", "-keep-bytes must be at least twice -max-data"},
		{"", "-cors-origins example.com", "must be origins as browsers send them"},
		{"", "-cors-origins https://Example.com", "lower case"},
		{"", "-cors-origins https://example.com:443", "no default port"},
		{"", "-cors-origins ,", "must be origins as browsers send them"},
		{"", "-nonsense", "-h shows all settings"},
		{"", "-max-stream 5", "did you mean -max-streams? -h shows all settings"},
		{"", "nonsense", `unexpected argument "nonsense"`},
		{"BROADCAST_KEEP_EVENTS=many", "", `BROADCAST_KEEP_EVENTS="many": must be a whole number`},
	} {
		code, lines := 2, 1
		if c.want == "cert.pem" { // well put, and not there
			code, lines = 1, 2
		}
		said := fails(t, code, c.env, strings.Fields(c.args)...)
		if !strings.Contains(said, c.want) || strings.Count(said, "\n") != lines {
			t.Errorf("%s %s: it said %q, want %d lines, the last with %q", c.env, c.args, said, lines, c.want)
		}
	}
}

func TestHelpShowsEverySettingWithItsVariable(t *testing.T) {
	t.Parallel()
	said, err := harness.Command(t, "-h").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^  -([a-z-]+), (BROADCAST_[A-Z_]+)$`).FindAllStringSubmatch(string(said), -1)
	if len(names) < 20 {
		t.Errorf("-h shows %d settings:\n%s", len(names), said)
	}
	for _, name := range names {
		if name[2] != "BROADCAST_"+strings.ToUpper(strings.ReplaceAll(name[1], "-", "_")) {
			t.Errorf("%s is called %s", name[1], name[2])
		}
	}
	said, err = harness.Command(t, "-version").Output()
	if err != nil || !strings.HasPrefix(string(said), "iris-broadcast ") {
		t.Errorf("-version says %q, %v", said, err)
	}
}
