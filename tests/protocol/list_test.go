package protocol

import (
	"net/http"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// eventsOf is a list as its client gets it, whose next is also where a reader of many pages continues.
func eventsOf(s *harness.Server, path string) (events []any, next string, more any) {
	fields := s.API(http.MethodGet, path, "")
	return fields["events"].([]any), fields["next"].(string), fields["more"]
}

func TestALongListEndsAfterAMebibyteAndSaysThatThereIsMore(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	const size, each = 60_000, 1<<20/60_000 + 1 // events of a full list
	s.Append("long", strings.Split(strings.Repeat(strings.Repeat("x", size)+" ", 2*each+1), " ")[:2*each+1]...)
	since := "all"
	for i, want := range []int{each, each, 1} {
		events, next, more := eventsOf(s, "/events/long?limit=1000&since="+since)
		if len(events) != want || (more == true) != (i < 2) {
			t.Errorf("list %d has %d events, more %v, want %d", i, len(events), more, want)
		}
		since = next
	}
}

func TestAListSaysExactlyWhetherThereIsMore(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.Append("a", "0", "1", "2", "3", "4")
	s.Append("b", "x")
	for path, want := range map[string]any{
		"/events/a?since=all&limit=4":         true,
		"/events/a?since=all&limit=5":         nil,
		"/events/a?since=all":                 nil,
		"/events/a?last=5&limit=4":            true,
		"/events/a?limit=2":                   nil, // the newest
		"/events?topic=*&since=all&limit=5":   true,
		"/events?topic=a&topic=b&since=1h":    nil,
		"/events?topic=a/*&since=all&limit=1": nil,
	} {
		if _, _, more := eventsOf(s, path); more != want {
			t.Errorf("%s: more is %v, want %v", path, more, want)
		}
	}
	for _, actor := range []string{"ann", "bob", "ann", "ann"} {
		s.API(http.MethodPost, "/api/v1/audits", `{"id":"1","actor":"`+actor+`"}`)
	}
	for limit, want := range map[string]any{"2": true, "3": nil} {
		path := "/api/v1/audits?actor=ann&since=all&limit=" + limit
		if fields := s.API(http.MethodGet, path, ""); fields["more"] != want {
			t.Errorf("%s: %v, want more %v", path, fields, want)
		}
	}
}
