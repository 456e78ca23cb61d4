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

// ownEnvelope is the data in an envelope of the server's own topic.
func ownEnvelope(t *testing.T, envelope string) string {
	t.Helper()
	var e struct{ ID, Topic, Time, Data string }
	err := json.Unmarshal([]byte(envelope), &e)
	if err != nil || e.ID != "" || e.Topic != "$server" || !strings.HasPrefix(e.Time, "20") {
		t.Fatalf("%s: %v", envelope, err)
	}
	return e.Data
}

func TestTheServersOwnTopicHasNoIDsAndNoHistory(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false") // the streams are counted
	all := s.Listen("/events?topic=*", "")
	plain := s.Listen("/events/$server", "")
	envelope := s.Listen("/events?topic=$server&topic=news&envelope=1&since=all", "")
	ready := envelope.Must()
	for ticks, counted := 0, 0; counted < 2; ticks++ {
		if ticks > 10 {
			t.Fatal("it does not count three streams")
		}
		counted = 0
		for _, r := range []*harness.Reader{plain, envelope} {
			m := r.Must()
			data := m.Data
			if r == envelope {
				data = ownEnvelope(t, data)
			}
			var status struct{ Streams int }
			if err := json.Unmarshal([]byte(data), &status); err != nil || m.Type != "" {
				t.Fatalf("got %+v, %v", m, err)
			}
			if r == envelope && m.ID != ready.ID {
				t.Errorf("it has set the last id to %q", m.ID)
			}
			if status.Streams == 3 {
				counted++
			}
		}
	}
	id := s.Publish("news", "x") // "*" has this and nothing of the server's own
	if m := all.Must(); m.Data != "x" || m.ID != id {
		t.Errorf("got %+v", m)
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
