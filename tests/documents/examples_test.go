// Package documents tests the documents: their commands run and print what is written there, and they agree with the
// program about settings, metrics and commands.
package documents

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// patience is how long a command may take.
const patience = 30 * time.Second

func TestMain(m *testing.M) { harness.Main(m) }

// document is the text of a document of the repository.
func document(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// example is a command and the output that follows it.
type example struct {
	command, output string
	line            int
}

// pair is a block of shell commands with a block of output behind it.
var pair = regexp.MustCompile("(?s)```sh\n([^`]*?)\n```\n\n```(?:text|json)\n(.*?)```\n")

func examples(t *testing.T, path string) (all []example) {
	t.Helper()
	text := document(t, path)
	for _, at := range pair.FindAllStringSubmatchIndex(text, -1) {
		all = append(all, example{text[at[2]:at[3]], text[at[4]:at[5]], 1 + strings.Count(text[:at[2]], "\n")})
	}
	if len(all) == 0 {
		t.Fatalf("%s has no examples", path)
	}
	return all
}

func TestTheExamplesOfTheDocumentsPrintWhatTheySay(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"docs/protocol.md", "docs/operations.md"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			r := newReader(t)
			for _, e := range examples(t, path) {
				t.Run(fmt.Sprint("line ", e.line), func(t *testing.T) { r.run(t, e) })
			}
		})
	}
}

func TestTheCurlCommandsOfTheREADMEWork(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	command := regexp.MustCompile("(?m)(?:^|`)(curl [^`\n]*localhost:8080[^`\n]*)")
	commands := command.FindAllStringSubmatch(document(t, "README.md"), -1)
	if len(commands) < 2 {
		t.Fatalf("the README has %d commands", len(commands))
	}
	for _, found := range commands {
		output := `{"id":"…` + "\n"
		if strings.Contains(found[1], "-N") {
			output = "retry: …\n: iris-broadcast\n"
		}
		r.run(t, example{command: found[1], output: output})
	}
}

// reader is somebody who has just started the server, and types what a document says in the folder where it runs.
type reader struct {
	dir    string
	path   string
	server *harness.Server
}

func newReader(t *testing.T) *reader {
	t.Helper()
	harness.Needs(t, "a POSIX shell", "sh")
	harness.Needs(t, "apt-get install curl", "curl")
	r := &reader{dir: t.TempDir()}
	bin := filepath.Join(t.TempDir(), "iris-broadcast")
	if err := os.Symlink(harness.Program(t), bin); err != nil {
		t.Fatal(err)
	}
	curlrc := []byte("silent\nshow-error\n") // as in a terminal, where output hides progress
	if err := os.WriteFile(filepath.Join(r.dir, ".curlrc"), curlrc, 0o600); err != nil {
		t.Fatal(err)
	}
	r.path = filepath.Dir(bin) + string(os.PathListSeparator) + os.Getenv("PATH")
	r.server = harness.Serve(t, "-store", "pebble:"+filepath.Join(r.dir, "broadcast-data"))
	return r
}

// run fails the test unless the command prints that output. A stream is ended once it has.
func (r *reader) run(t *testing.T, e example) {
	t.Helper()
	stream := strings.Contains(e.command, "curl -N")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	want := pattern(e.output, stream)
	printed := &transcript{matched: cancel}
	if stream {
		printed.want = want
	}
	command := exec.CommandContext(ctx, "sh", "-ec", r.script(e.command))
	command.Dir = r.dir
	command.Env = []string{"PATH=" + r.path, "HOME=" + r.dir}
	command.Stdout = printed
	command.WaitDelay = time.Second
	var said bytes.Buffer
	command.Stderr = &said
	err := command.Run()
	got := strings.ReplaceAll(printed.String(), "\r\n", "\n")
	if !want.MatchString(got) || err != nil && !stream {
		t.Errorf("%s\n%v\nprinted:\n%s\nwant:\n%s\n%s", e.command, err, got, e.output, said.String())
	}
}

// script is a command for this test's server. Its last line replaces the shell, so that killing one ends the other.
func (r *reader) script(command string) string {
	lines := strings.Split(strings.ReplaceAll(command, "localhost:8080", r.server.Host()), "\n")
	if last := &lines[len(lines)-1]; strings.HasPrefix(*last, "curl ") && !strings.Contains(*last, " | ") {
		*last = "exec " + *last
	}
	return strings.Join(lines, "\n")
}

// pattern matches output as the documents write it: … is any text in its line, and alone in a line any lines. Of a
// stream only the beginning is written.
func pattern(output string, stream bool) *regexp.Regexp {
	text := regexp.MustCompile(`(?m)^…\n`).ReplaceAllString(regexp.QuoteMeta(output), `(?:.*\n)*?`)
	text = `\A` + strings.ReplaceAll(text, "…", ".*?")
	if !stream {
		text += `\z`
	}
	return regexp.MustCompile(text)
}

// transcript is what a command prints; matched is called once it is what is wanted.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	want    *regexp.Regexp
	matched func()
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.want != nil && w.want.Match(w.text.Bytes()) {
		w.matched()
	}
	return len(p), nil
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
