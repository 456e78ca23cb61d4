package documents

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// logOf returns what a server logs, at debug, of a publish, a refused one and a stream that its client leaves.
func logOf(t *testing.T, args ...string) string {
	t.Helper()
	s := harness.Serve(t, append(args, "-store", "memory", "-demo=false", "-log-level", "debug")...)
	s.Publish("news", "hello")
	s.Do(http.MethodPost, "/events/news", "hello", "X-Forwarded-For: 192.0.2.7")
	s.Listen("/events?topic=news&topic=tasks/*", "").Leave()
	harness.Eventually(t, "the stream's end is logged", func() bool {
		return strings.Contains(s.Stderr(), "A stream ended")
	})
	s.Stop()
	return s.Stderr()
}

func TestTheDocumentsShowTheLogAsItIs(t *testing.T) {
	t.Parallel()
	text := section(t, "docs/operations.md", "Logs")
	documented := rows(text)
	settings := rows(section(t, "docs/operations.md", "Settings"))
	for _, format := range []string{"text", "json"} {
		said := logOf(t, "-log-format", format)
		block := regexp.MustCompile("(?s)```" + format + "\n(.*?)```").FindStringSubmatch(text)
		if block == nil {
			t.Fatalf("there is no example of %s", format)
		}
		for example := range strings.Lines(block[1]) {
			line := strings.ReplaceAll(regexp.QuoteMeta(example), "…", ".*?")
			if !regexp.MustCompile("(?m)^" + line).MatchString(said) {
				t.Errorf("no line is\n%sof\n%s", example, said)
			}
		}
		for line := range strings.Lines(said) {
			var entry map[string]any
			if format == "json" && json.Unmarshal([]byte(line), &entry) != nil {
				t.Errorf("this is no JSON: %s", line)
			}
			for name := range entry {
				_, field := documented[name]
				_, setting := settings["-"+name]
				if builtIn := name == "time" || name == "level" || name == "message"; !field && !setting && !builtIn {
					t.Errorf("the documents lack the field %s", name)
				}
			}
		}
	}
}
