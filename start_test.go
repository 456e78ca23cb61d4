package main

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
)

// noRaceWait keeps the race detector, where it is on, from sleeping a second before the process ends.
const noRaceWait = "GORACE=atexit_sleep_ms=0"

// daemon is a server that runs as a process of its own.
type daemon struct {
	*site
	command *exec.Cmd
	lines   []string // what it printed on standard output
	stderr  bytes.Buffer
	exited  chan error
}

// startDaemon starts a server process with these arguments and waits until it has printed its two lines.
func startDaemon(t *testing.T, args ...string) *daemon {
	t.Helper()
	p := &daemon{exited: make(chan error, 1)}
	p.command = exec.Command(os.Args[0], args...)
	p.command.Env = append(os.Environ(), asServer+"=1", noRaceWait)
	p.command.Stderr = &p.stderr
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	printed := bufio.NewScanner(stdout)
	for len(p.lines) < 2 && printed.Scan() {
		p.lines = append(p.lines, printed.Text())
	}
	p.site = &site{t: t}
	if len(p.lines) > 0 {
		p.url = p.lines[0][strings.Index(p.lines[0], "http"):]
	}
	go func() {
		io.Copy(io.Discard, stdout)
		p.exited <- p.command.Wait()
	}()
	t.Cleanup(func() {
		p.command.Process.Kill()
		for _, r := range p.readers {
			r.leave()
		}
	})
	return p
}

// wantExit waits for the process to end, and fails the test if it does not do so with that code.
func (p *daemon) wantExit(code int) {
	p.t.Helper()
	select {
	case <-p.exited:
		if got := p.command.ProcessState.ExitCode(); got != code {
			p.t.Errorf("exit code %d, want %d; it said:\n%s", got, code, p.stderr.String())
		}
	case <-time.After(wait):
		p.t.Fatal("the process does not end")
	}
}

func unixOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM to send; run this on Linux or macOS")
	}
}

func TestStartPrintsTheURLAndACommandThatWorks(t *testing.T) {
	unixOnly(t)
	p := startDaemon(t, "-addr", "localhost:0")
	host := strings.TrimPrefix(p.url, "http://")
	if len(p.lines) != 2 || !strings.HasPrefix(host, "localhost:") || !strings.HasSuffix(p.lines[1], "curl -d hello "+host+"/events/news") {
		t.Errorf("it printed %q", p.lines)
	}
	r := p.listen("/events/news?since=all", "")
	p.publish("news", "hello")
	r.want("hello")
}

func TestAThousandStreamsEndCleanlyAndNotInOneInstant(t *testing.T) {
	unixOnly(t)
	const streams = 1000
	p := startDaemon(t, "-addr", "127.0.0.1:0", "-demo=false")
	var ended [streams]time.Time
	var reading sync.WaitGroup
	for i := range ended {
		r := p.listen("/events/news", "")
		reading.Go(func() {
			if _, err := r.messages.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("stream %d ended with %v, want a clean end", i, err)
			}
			ended[i] = time.Now()
		})
	}
	began := time.Now()
	p.command.Process.Signal(syscall.SIGTERM)
	p.wantExit(0)
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

func TestThreeStreamsEndInUnderHalfASecond(t *testing.T) {
	unixOnly(t)
	p := startDaemon(t, "-addr", "127.0.0.1:0")
	var readers []*reader
	for range 3 {
		readers = append(readers, p.listen("/events", ""))
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://")); err != nil { // as browsers keep one ready
		t.Fatal(err)
	}
	began := time.Now()
	p.command.Process.Signal(os.Interrupt)
	p.wantExit(0)
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("the stop took %v", took)
	}
	for _, r := range readers {
		if err := r.end(); !errors.Is(err, io.EOF) {
			t.Errorf("a stream ended with %v", err)
		}
	}
}

// half opens a publishing request, whose body lacks its last two bytes.
func (p *daemon) half() (net.Conn, *bufio.Reader) {
	p.t.Helper()
	conn, answer := p.raw("POST /events/news HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100") { // the handler reads
		p.t.Fatalf("%q, %v", line, err)
	}
	answer.ReadString('\n')
	io.WriteString(conn, "hel")
	return conn, answer
}

func TestARequestInFlightFinishes(t *testing.T) {
	unixOnly(t)
	p := startDaemon(t, "-addr", "127.0.0.1:0")
	conn, answer := p.half()
	p.command.Process.Signal(syscall.SIGTERM)
	eventually(t, "nothing is accepted any more", func() bool {
		probe, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			probe.Close()
		}
		return err != nil
	})
	io.WriteString(conn, "lo")
	response, err := http.ReadResponse(answer, nil)
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Errorf("the request in flight got %+v, %v", response, err)
	}
	p.wantExit(0)
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	unixOnly(t)
	p := startDaemon(t, "-addr", "127.0.0.1:0", "-drain", "1h")
	p.half()
	p.command.Process.Signal(syscall.SIGTERM)
	eventually(t, "it has taken the first signal", func() bool {
		probe, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			probe.Close()
		}
		return err != nil
	})
	eventually(t, "a second signal ends it", func() bool {
		p.command.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-p.exited:
			p.exited <- err
			return true
		default:
			return false
		}
	})
	p.wantExit(-1)
}

// fails runs the server, which is to give up at once, and returns what it says.
func fails(t *testing.T, env string, args ...string) string {
	t.Helper()
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), asServer+"=1", noRaceWait, env)
	said, err := command.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("%q %q: %v, want exit code 1", env, args, err)
	}
	return string(said)
}

func TestATakenPortIsOneLineThatHelps(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	said := fails(t, "", "-addr", listener.Addr().String())
	if !regexp.MustCompile("^iris-broadcast: 127.0.0.1:[0-9]+ is in use; try `-addr 127.0.0.1:[0-9]+`\n$").MatchString(said) {
		t.Errorf("it said %q", said)
	}
}

func TestABadSettingIsFatalAndSaysWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct{ env, args, want string }{
		{"", "-keep-events 0", "-keep-events: want a whole number from 1 to"},
		{"", "-keep-age soon", "-keep-age: want a time from 1s to"},
		{"", "-max-data 1TB", "-max-data: want a size from 1 B to 64 MiB"},
		{"", "-heartbeat 40s", "-heartbeat: want a time from 100ms to 30s"},
		{"", "-log-level loud", "-log-level: want debug or info or warn or error"},
		{"", "-store disk", "-store: want bolt:FILE, such as bolt:broadcast.db, or memory"},
		{"", "-demo=perhaps", "-demo: want true or false"},
		{"", "-addr 8080", "-addr: want host:port, such as localhost:8080"},
		{"", "-tls-cert cert.pem", "-tls-cert and -tls-key go together"},
		{"", "-tls-cert cert.pem -tls-key key.pem", "cert.pem"},
		{"", "-max-pending 1KiB", "-max-pending is less than -max-data"},
		{"", "-max-data 1MiB -keep-bytes 1MiB", "-keep-bytes is too little"},
		{"", "-cors-origins example.com", "want origins as browsers send them, such as https://example.com"},
		{"", "-cors-origins https://Example.com", "in small letters"},
		{"", "-cors-origins https://example.com:443", "without the scheme's own port"},
		{"", "-cors-origins ,", "want names with commas between them"},
		{"", "-nonsense", "-h shows all settings"},
		{"", "nonsense", `"nonsense" is not a setting`},
		{"BROADCAST_KEEP_EVENTS=many", "", `BROADCAST_KEEP_EVENTS is "many": want a whole number`},
	} {
		if said := fails(t, c.env, strings.Fields(c.args)...); !strings.Contains(said, c.want) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s %s: it said %q, want one line with %q", c.env, c.args, said, c.want)
		}
	}
}

func TestHelpShowsEverySettingWithItsVariable(t *testing.T) {
	var said bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, &said); err == nil {
		t.Error("-h serves")
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^  -([a-z-]+), (BROADCAST_[A-Z_]+)$`).FindAllStringSubmatch(said.String(), -1)
	if len(names) < 20 {
		t.Errorf("-h shows %d settings:\n%s", len(names), said.String())
	}
	for _, name := range names {
		if name[2] != "BROADCAST_"+strings.ToUpper(strings.ReplaceAll(name[1], "-", "_")) {
			t.Errorf("%s is called %s", name[1], name[2])
		}
		if !bytes.Contains(readme, []byte("`-"+name[1])) {
			t.Errorf("the README does not tell of -%s", name[1])
		}
	}
	said.Reset()
	if err := run(t.Context(), []string{"-version"}, &said); err != nil || !strings.HasPrefix(said.String(), "iris-broadcast ") {
		t.Errorf("-version says %q, %v", said.String(), err)
	}
}
