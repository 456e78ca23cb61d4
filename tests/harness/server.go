package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is the program in a process of its own.
type Server struct {
	URL     string   // such as http://127.0.0.1:port, as it printed it
	Lines   []string // the first two that it printed on standard output
	Process *os.Process

	t      testing.TB
	client *http.Client // Client, or one that trusts the server's certificate
	said   transcript
	exited chan struct{} // closed when the process has ended
	state  *os.ProcessState
}

// transcript is what a process says on standard error.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// Serve starts the program with these arguments, on a free port and in memory where they say nothing else. It is killed
// when the test ends.
func Serve(t testing.TB, args ...string) *Server {
	t.Helper()
	return ServeAs(t, func(*exec.Cmd) {}, args...)
}

// ServeAs is Serve with a process that is changed before it starts: its environment, its files.
func ServeAs(t testing.TB, change func(*exec.Cmd), args ...string) *Server {
	t.Helper()
	s, err := start(t, change, args...)
	if s.Process != nil {
		t.Cleanup(s.end)
	}
	if err != nil {
		t.Fatalf("the server does not start: %v\n%s", err, s.Stderr())
	}
	return s
}

// shared is the one server of Shared, if any test has asked for it.
var shared struct {
	sync.Mutex
	*Server
}

// Shared returns a server with the default settings and no demo, which all tests of the package share, for those that
// do not mind what others publish, nor what they did themselves when they ran before. Main ends it.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.Server == nil {
		s, err := start(t, func(*exec.Cmd) {}, "-demo=false")
		if err != nil {
			t.Fatalf("the server does not start: %v\n%s", err, s.Stderr())
		}
		shared.Server = s
	}
	return &Server{URL: shared.URL, Lines: shared.Lines, t: t, client: Client}
}

// endShared ends the shared server, and reports whether all was well with it.
func endShared() bool {
	s := shared.Server
	if s == nil {
		return true
	}
	s.Process.Kill()
	<-s.exited
	if s.faulty() {
		fmt.Printf("the shared server said:\n%s", s.Stderr())
	}
	return !s.faulty()
}

// live is how the first line begins that the program prints.
const live = "Iris Broadcast is live at "

var dialer net.Dialer

func start(t testing.TB, change func(*exec.Cmd), args ...string) (*Server, error) {
	s := &Server{t: t, client: Client, exited: make(chan struct{})}
	command := Command(t, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	change(command)
	command.Stderr = &s.said
	stdout, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return s, err
	}
	s.Process = command.Process
	printed := bufio.NewScanner(stdout)
	for len(s.Lines) < 2 && printed.Scan() {
		line := struct{ Message string }{printed.Text()}
		json.Unmarshal(printed.Bytes(), &line) // with -log-format json; else it is the text
		s.Lines = append(s.Lines, line.Message)
	}
	go func() {
		io.Copy(io.Discard, stdout)
		command.Wait()
		s.state = command.ProcessState
		close(s.exited)
	}()
	if len(s.Lines) < 2 {
		return s, fmt.Errorf("it printed %q", s.Lines)
	}
	if path, isUnix := strings.CutPrefix(s.Lines[0], live+"unix:"); isUnix {
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
		s.URL, s.client = "http://localhost", &http.Client{Transport: &http.Transport{DialContext: dial}}
		return s, nil
	}
	s.URL = strings.TrimPrefix(s.Lines[0], live)
	return s, nil
}

// end kills the process, if it still runs, and fails the test if the race detector has found anything.
func (s *Server) end() {
	s.Kill()
	if s.faulty() {
		s.t.Errorf("the server said:\n%s", s.Stderr())
	}
}

// faulty reports whether the race detector or a panic has spoken.
func (s *Server) faulty() bool {
	said := s.Stderr()
	return strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic")
}

// Stderr is what the process has said on standard error; all of it once the process has ended.
func (s *Server) Stderr() string { return s.said.String() }

// Kill kills the process at once, as kill -9 does, and waits for its end.
func (s *Server) Kill() {
	s.Process.Kill()
	s.wait()
}

// Stop ends the process as an operator does, and fails the test if it does not end well.
func (s *Server) Stop() {
	s.t.Helper()
	s.client.CloseIdleConnections() // connections that have not had a request yet would delay the end
	s.Process.Signal(syscall.SIGTERM)
	s.WantExit(0)
}

// WantExit waits for the process to end, and fails the test if it does not do so with that code.
func (s *Server) WantExit(code int) {
	s.t.Helper()
	if s.wait(); s.t.Failed() {
		return
	}
	if got := s.state.ExitCode(); got != code {
		s.t.Errorf("exit code %d, want %d; it said:\n%s", got, code, s.Stderr())
	}
}

func (s *Server) wait() {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(Patience):
		s.t.Errorf("the process does not end; it said:\n%s", s.Stderr())
	}
}

// Exited says whether the process has ended.
func (s *Server) Exited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// At is the same server at another address.
func (s *Server) At(url string) *Server { return &Server{URL: url, t: s.t, client: s.client} }

// Host is the server's host and port.
func (s *Server) Host() string { return s.URL[strings.Index(s.URL, "://")+3:] }

// Client is the tests' HTTP client. Each of its streams has a connection of its own.
var Client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}

// Publish appends an event to a topic, and returns its id.
func (s *Server) Publish(topic, data string) (id string) {
	s.t.Helper()
	return s.Append(topic, data)[0]
}

// Append appends events to a topic in one go, and returns their ids.
func (s *Server) Append(topic string, data ...string) (ids []string) {
	s.t.Helper()
	var posts []Post
	for _, d := range data {
		posts = append(posts, Post{topic, "", d})
	}
	return s.Posts(posts...)
}

// Post is an event to be published.
type Post struct{ Topic, Type, Data string }

// Posts publishes events in order, and returns their ids.
func (s *Server) Posts(posts ...Post) (ids []string) {
	s.t.Helper()
	ids, err := s.Try(posts...)
	if err != nil {
		s.t.Fatal(err)
	}
	return ids
}

// Try is Posts where the server may be gone: it returns the ids of what was acknowledged before that. It takes one
// connection, and does not wait for each answer (RFC 9112, 9.3.2).
func (s *Server) Try(posts ...Post) (ids []string, err error) {
	conn, err := s.Dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(Patience))
	go func() {
		w := bufio.NewWriter(conn)
		defer w.Flush()
		for _, p := range posts {
			query := ""
			if p.Type != "" {
				query = "?type=" + url.QueryEscape(p.Type)
			}
			fmt.Fprintf(w, "POST /events/%s%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s",
				p.Topic, query, s.Host(), len(p.Data), p.Data)
		}
	}()
	answers := bufio.NewReader(conn)
	for _, p := range posts {
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			return ids, fmt.Errorf("publishing to %s: %w", p.Topic, err)
		}
		var answer struct{ ID, Detail string }
		err = json.NewDecoder(response.Body).Decode(&answer)
		if err != nil || response.StatusCode != http.StatusCreated {
			return ids, fmt.Errorf("publishing to %s: %s %s %w", p.Topic, response.Status, answer.Detail, err)
		}
		response.Body.Close()
		ids = append(ids, answer.ID)
	}
	return ids, nil
}
