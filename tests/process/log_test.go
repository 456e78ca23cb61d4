package process

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// entry is a line of the log.
type entry map[string]any

// entries parses a log: each line is a JSON object with a time, a level and a message.
func entries(t *testing.T, said string) (all []entry) {
	t.Helper()
	for line := range strings.Lines(said) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		at, _ := e["time"].(string)
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", at); err != nil || e["level"] == "" || e["message"] == "" {
			t.Errorf("%q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

// find returns the entries that have all of these fields, with values as fmt prints them.
func find(all []entry, fields ...string) (found []entry) {
	for _, e := range all {
		matches := true
		for i := 0; i < len(fields); i += 2 {
			matches = matches && fmt.Sprint(e[fields[i]]) == fields[i+1]
		}
		if matches {
			found = append(found, e)
		}
	}
	return found
}

func TestEveryLineOfTheLogIsJSONIfThatIsAskedFor(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	for name, serve := range map[string]func(testing.TB, ...string) *harness.Server{
		"clear": harness.Serve, "TLS": harness.ServeTLS1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everythingIsJSON(t, serve, name == "TLS")
		})
	}
}

// everythingIsJSON has a server log each kind of line.
func everythingIsJSON(t *testing.T, serve func(testing.TB, ...string) *harness.Server, tls bool) {
	s := serve(t, "-log-format", "json", "-log-level", "debug", "-demo=false", "-max-streams", "2",
		"-store", "pebble:"+filepath.Join(t.TempDir(), "data"), "-open-publish")
	s.Publish("news", "hello")
	s.Do("POST", "/events/$server", "no")
	s.Do("GET", "/no%22where%0A", "")
	left := s.Listen("/events?topic=news&topic=tasks/*", "")
	stays := s.Listen("/events/stays", "")
	s.UntilStreams(2)
	s.Listen("/events/late", "")
	left.Leave()
	s.UntilStreams(1)
	if tls {
		failHandshake(t, s)
	}
	s.Stop()
	if err := end(stays); err != io.EOF {
		t.Error(err)
	}
	all := entries(t, s.Stderr())
	if first := all[0]; first["demo"] != "false" || first["max-streams"] != "2" || first["version"] == nil ||
		first["stall"] != nil {
		t.Errorf("the first line is %v", first)
	}
	for _, want := range [][]string{
		{"message", "Published", "topics", "news", "status", "201", "bytes", "5", "level", "debug", "method", "POST"},
		{"message", "A request was refused", "topics", "$server", "status", "403"},
		{"message", "A request was refused", "path", "/no\"where\n", "status", "404", "method", "GET"},
		{"message", "A stream ended", "topics", "news,tasks/*", "reason", "left"},
		{"message", "A stream ended", "topics", "stays", "reason", "closing"},
		{"message", "A stream was turned away", "topics", "late"},
		{"level", "warn", "message", "Streams were turned away: all of -max-streams are taken", "count", "1"},
		{"level", "info", "message", "In the last minute", "published", "1", "streams_opened", "2"},
	} {
		found := find(all, want...)
		if len(found) != 1 {
			t.Errorf("%d lines with %q:\n%s", len(found), want, s.Stderr())
			continue
		}
		e := found[0]
		if peer, _ := e["peer"].(string); e["level"] == "debug" && !strings.HasPrefix(peer, "127.0.0.1:") ||
			e["level"] == "debug" && e["duration_ms"] == nil {
			t.Errorf("it does not say who, or how long: %v", e)
		}
	}
}

func failHandshake(t *testing.T, s *harness.Server) {
	t.Helper()
	junk, err := net.Dial("tcp", s.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer junk.Close()
	io.WriteString(junk, "\x00junk")
	io.Copy(io.Discard, junk)
	harness.Eventually(t, "the failed handshake is logged", func() bool {
		return strings.Contains(s.Stderr(), `"message":"A connection failed","error":"http: TLS handshake error`)
	})
}

func TestTheErrorThatEndsTheProcessIsJSONToo(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	all := entries(t, fails(t, 1, "BROADCAST_LOG_FORMAT=json", "-addr", listener.Addr().String()))
	if last := all[len(all)-1]; last["level"] != "error" || !strings.Contains(last["message"].(string), "is in use") {
		t.Errorf("the last line is %v", last)
	}
}

func TestAtInfoTheLogNamesWhoWasRefusedAndWhy(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	s := harness.Serve(t, "-demo=false")
	request, err := http.NewRequest("POST", s.URL+"/events/news", strings.NewReader("no"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Forwarded-For", "192.0.2.7")
	response, err := harness.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	s.Publish("news", "hello")
	const refused = "A request was refused"
	harness.Eventually(t, refused, func() bool { return strings.Contains(s.Stderr(), refused) })
	s.Stop()
	want := regexp.MustCompile(`^\S+ \S+ INFO  Iris Broadcast starts addr=127.0.0.1:0 demo=false .*version=.*
\S+ \S+ INFO  A request was refused bytes=2 duration_ms=\S+ forwarded=192.0.2.7 method=POST path=/events/news ` +
		`peer=127.0.0.1:\d+ reason="Only this machine may write.*" status=403 topics=news
\S+ \S+ INFO  Stopping.*
\S+ \S+ INFO  In the last minute published=1 streams_ended=0 streams_opened=0
$`)
	if said := s.Stderr(); !want.MatchString(said) {
		t.Errorf("it said:\n%s", said)
	}
}
