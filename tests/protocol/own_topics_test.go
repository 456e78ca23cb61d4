package protocol

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
	"iris-broadcast/tests/harness"
)

func TestTheServersOwnTopicsAreALogOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false") // the streams are counted
	all := s.Listen("/events?topic=*", "")
	own := s.Listen("/events?topic=$server&topic=$server/*&envelope=1", "")
	if ready := own.Must(); ready.Type != "ready" {
		t.Fatalf("got %+v", ready)
	}
	first := own.Must()
	var e struct{ ID, Topic, Data string }
	if err := json.Unmarshal([]byte(first.Data), &e); err != nil || e.ID != first.ID || e.Topic != "$server" {
		t.Fatalf("got %+v, %v", first, err)
	}
	var status struct{ Streams int }
	if err := json.Unmarshal([]byte(e.Data), &status); err != nil || status.Streams != 2 {
		t.Errorf("got %s, %v", e.Data, err)
	}
	second := own.Must()
	own.Leave()
	if m := s.Listen("/events/$server", first.ID).Must(); m.ID != second.ID || m.Type != "" {
		t.Errorf("came back and got %+v, want the event %s", m, second.ID)
	}
	if m := s.Listen("/events/$server?last=1", "").Must(); m.ID < second.ID || m.Type != "" {
		t.Errorf("the newest is %+v", m)
	}
	if m := s.Listen("/events/$server", "1-1").Must(); m.Type != "gap" {
		t.Errorf("after a position from before the server's start came %+v, want a gap", m)
	}
	var list struct{ Events []struct{ ID string } }
	_, text := s.Do("GET", "/events/$server?since="+first.ID, "", "Accept: application/json")
	err := json.Unmarshal([]byte(text), &list)
	if err != nil || len(list.Events) == 0 || list.Events[0].ID != second.ID {
		t.Errorf("the list is %s", text)
	}
	id := s.Publish("news", "x") // "*" has this and nothing of the server's own
	if m := all.Must(); m.Data != "x" || m.ID != id {
		t.Errorf("got %+v", m)
	}
}

func TestTheServersOwnReportsCountNeitherAsEventsNorAsGaps(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	r := s.Listen("/events/$server", "1-1") // as a page that comes back after a restart
	if m := r.Must(); m.Type != "gap" {
		t.Fatalf("got %+v, want a gap", m)
	}
	for range 2 {
		var report struct {
			Events *float64 `json:"events_per_second"`
			Gaps   *int     `json:"gaps"`
		}
		m := r.Must()
		err := json.Unmarshal([]byte(m.Data), &report)
		if err != nil || report.Events == nil || *report.Events != 0 || report.Gaps == nil || *report.Gaps != 0 {
			t.Errorf("on a server without events: %s, %v", m.Data, err)
		}
	}
}

func TestAnEventIsCountedOnce(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	r := s.Listen("/events/news?since=all", "")
	for range 3 {
		s.Publish("news", "x")
		r.Must()
	}
	_, text := s.Do(http.MethodGet, "/metrics", "")
	if want := "\nbroadcast_events_total 3\n"; !strings.Contains(text, want) {
		t.Errorf("after three events the metrics have no %q", want)
	}
}

// recent reports whether a text is the Unix seconds of the last minute.
func recent(text string) bool {
	seconds, err := strconv.ParseInt(text, 10, 64)
	return err == nil && time.Since(time.Unix(seconds, 0)).Abs() < time.Minute
}

func TestPingAndTimeAreLive(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo")
	ping, clock := s.Listen("/sse", ""), s.Listen("/events/time", "")
	for range 2 {
		if m := ping.Must(); m.Type != "ping" || m.ID == "" || !recent(m.Data) {
			t.Errorf("ping is %+v", m)
		}
	}
	said := strings.TrimPrefix(clock.Must().Data, "The time is ")
	at, err := time.ParseInLocation(time.UnixDate, said, time.Local)
	if err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("the time is %q, %v", said, err)
	}
}

// imported is a store into which events of a topic were imported, of which the server alone could publish them.
func imported(t *testing.T, topic string, data ...string) (store string) {
	t.Helper()
	store = "pebble:" + filepath.Join(t.TempDir(), "data")
	var lines strings.Builder
	for i, d := range data {
		line := map[string]string{"topic": topic, "type": "", "data": d}
		line["id"] = stream.IDAt(time.Now().Add(time.Duration(i-len(data)) * time.Second)).String()
		lines.WriteString(harness.Quote(line) + "\n")
	}
	command := harness.Command(t, "import", "-store", store)
	command.Stdin = strings.NewReader(lines.String())
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("import: %v: %s", err, said)
	}
	return store
}

func TestTheTimePageEscapesWhatItLists(t *testing.T) {
	t.Parallel()
	store := imported(t, "time",
		"</li><script>alert(1)</script>", `<img src=x onerror=alert(2)> &lt;b&gt; {{ .Title }}`)
	_, page := harness.Serve(t, "-demo=false", "-store", store).Do(http.MethodGet, "/time", "")
	for _, text := range []string{
		"&lt;/li&gt;&lt;script&gt;alert(1)&lt;/script&gt;</li>",
		"&lt;img src=x onerror=alert(2)&gt; &amp;lt;b&amp;gt; {{ .Title }}</li>",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %s:\n%s", text, page)
		}
	}
}
