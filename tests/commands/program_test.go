// Package commands tests the program's commands as their users see them: the built program, real processes and folders.
package commands

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
	"iris-broadcast/tests/harness"
)

// wait is how long a test waits for what must come.
const wait = 30 * time.Second

// program is the built program.
var program string

func TestMain(m *testing.M) {
	if runtime.GOOS == "windows" {
		fmt.Println("Windows has no SIGTERM to send; run this on Linux or macOS")
		return
	}
	dir, err := os.MkdirTemp(memory(), "broadcast")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "iris-broadcast")
	build := exec.Command("go", "build", "-o", program, "iris-broadcast")
	if said, err := build.CombinedOutput(); err != nil {
		fmt.Printf("the program cannot be built: %v\n%s", err, said)
		os.Exit(1)
	}
	os.Setenv("TMPDIR", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// rounds is how often something is killed.
func rounds() int {
	if os.Getenv("BROADCAST_TEST_LONG") != "" {
		return 50
	}
	return 10
}

// consult has go test know of the sources, so that no result is taken from before a change.
var consult = sync.OnceFunc(func() {
	if err := harness.Consult(harness.Root()); err != nil {
		panic(err)
	}
})

// command is the program with these arguments, on the store of a folder.
func command(store string, args ...string) *exec.Cmd {
	consult()
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "BROADCAST_STORE=pebble:"+store)
	return c
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

func run(t *testing.T, stdin io.Reader, store string, args ...string) result {
	t.Helper()
	var out, said bytes.Buffer
	c := command(store, args...)
	c.Stdin, c.Stdout, c.Stderr = stdin, &out, &said
	if err := c.Run(); c.ProcessState == nil {
		t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), said.String()}
}

// do runs a command that is to succeed, and gives what it printed.
func do(t *testing.T, store string, args ...string) string {
	t.Helper()
	r := run(t, nil, store, args...)
	if r.code != 0 || r.err != "" {
		t.Fatalf("%q: exit code %d, it said %s%s", args, r.code, r.out, r.err)
	}
	return r.out
}

// refused runs a command that is to say one line with those words.
func refused(t *testing.T, stdin io.Reader, code int, words, store string, args ...string) {
	t.Helper()
	r := run(t, stdin, store, args...)
	if r.code != code || !strings.Contains(r.err, words) || strings.Count(r.err, "\n") != 1 || r.out != "" {
		t.Errorf("%q: exit code %d, it said %q %q; want %d and %q", args, r.code, r.out, r.err, code, words)
	}
}

// server is the program as it serves a store.
type server struct {
	t     *testing.T
	url   string
	store string
	cmd   *exec.Cmd
	said  bytes.Buffer
}

func serve(t *testing.T, store string, args ...string) *server {
	t.Helper()
	s := &server{t: t, store: store}
	s.cmd = command(store, append([]string{"-addr", "127.0.0.1:0", "-demo=false", "-keep-events", "10000000"}, args...)...)
	s.cmd.Stderr = &s.said
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	_, url, found := strings.Cut(strings.TrimSpace(line), " live at ")
	if !found {
		_ = s.cmd.Wait()
		t.Fatalf("the server says %q and %s", line, s.said.String())
	}
	s.url = url
	t.Cleanup(s.kill)
	return s
}

// kill ends the server as a crash would.
func (s *server) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// stop ends the server.
func (s *server) stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(os.Interrupt)
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the server ended with %v: %s", err, s.said.String())
	}
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: wait}

// post posts, and gives the id in the answer.
func (s *server) post(path, contentType, body string) (id string, err error) {
	answer, err := client.Post(s.url+path, contentType, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var got struct{ ID string }
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("%s, %v", answer.Status, err)
	}
	return got.ID, nil
}

func (s *server) publish(topic, data string) string {
	s.t.Helper()
	id, err := s.post("/events/"+topic, "text/plain", data)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// get is the JSON at a path.
func (s *server) get(path string) (value map[string]any) {
	s.t.Helper()
	request, _ := http.NewRequest(http.MethodGet, s.url+path, nil)
	request.Header.Set("Accept", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&value); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s, %v", path, answer.Status, err)
	}
	return value
}

// event is a line of an export.
type event struct{ ID, Topic, Type, Time, Data string }

func parse(t *testing.T, lines string) (events []event) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(lines))
	for decoder.More() {
		var e event
		if err := decoder.Decode(&e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func id(t *testing.T, text string) stream.ID {
	t.Helper()
	id, err := stream.ParseID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// eventually waits until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(wait)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", wait, what)
		}
	}
}

// made makes lines of n events, of some topics, for an import.
func made(n int, word string) string {
	var b strings.Builder
	begin := time.Now().Add(-time.Hour).UnixMilli()
	for i := range n {
		fmt.Fprintf(&b, `{"id":"%d-%d","topic":"%s/%d","type":"t","data":"%s %d %x"}`+"\n",
			begin+int64(i/100), i%100+1, word, i%7, strings.Repeat(word+" ", 20), i, uint64(i)*0x9E3779B97F4A7C15)
	}
	return b.String()
}

// store makes a store of n events.
func store(t *testing.T, n int, word string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "store")
	if r := run(t, strings.NewReader(made(n, word)), dir, "import"); r.code != 0 {
		t.Fatalf("import: %s", r.err)
	}
	return dir
}
