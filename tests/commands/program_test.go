// Package commands tests the program's commands as their users see them: the built program, real processes and folders.
package commands

import (
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
	"testing"
	"time"

	"iris-broadcast/internal/stream"
	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) {
	if runtime.GOOS == "windows" {
		fmt.Println("Windows has no SIGTERM to send; run this on Linux or macOS")
		return
	}
	dir, err := os.MkdirTemp(memory(), "broadcast")
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", dir)
	harness.PlainMain(m, dir)
}

// rounds is how often something is killed.
func rounds() int {
	if os.Getenv("TEST_BROADCAST_LONG") != "" {
		return 50
	}
	return 10
}

// command is the program with these arguments, on the store of a folder.
func command(t *testing.T, store string, args ...string) *exec.Cmd {
	t.Helper()
	c := harness.Command(t, args...)
	c.Env = append(c.Env, "BROADCAST_STORE=pebble:"+store)
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
	c := command(t, store, args...)
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
	*harness.Server
	store string
}

func serve(t *testing.T, store string, args ...string) *server {
	t.Helper()
	args = append([]string{"-demo=false", "-keep-events", "10000000", "-store", "pebble:" + store}, args...)
	return &server{harness.Serve(t, args...), store}
}

// post posts, and gives the id in the answer.
func (s *server) post(path, contentType, body string) (id string, err error) {
	answer, err := harness.Client.Post(s.URL+path, contentType, strings.NewReader(body))
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
