package protocol

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestTheWatchPageAnswersAsDocumented(t *testing.T) {
	t.Parallel()
	s := harness.Shared(t)
	s.Publish("w/b", "first\r\n<b>&amp;</b>")
	page := map[string]string{"Content-Type": "text/html; charset=utf-8", "Cache-Control": "private, no-cache"}
	strange := " | Host: a;$(id)&b"
	tryAll(t, s, []exchange{
		{"GET /watch", "", 200, page, `<a href="/watch?topic=w%2fb">w/b</a>`},
		{"GET /watch?topic=", "", 200, page, `action="/watch"`},
		{"HEAD /watch?topic=w/b", "", 200, page, ""},
		{"GET /watch?topic=w/b", "", 200, page, "&lt;b&gt;&amp;amp;&lt;/b&gt;"},
		{"GET /watch?topic=w/b", "", 200, page, `data-exact="&#34;first\r\n&lt;b&gt;`},
		{"GET /watch?topic=w/b", "", 200, page, `action="/watch"`},
		{"GET /watch?topic=w/*&topic=news", "", 200, page, `topics="news w/*"`},
		{"GET /watch?topic=w/*,+news%20x", "", 200, page, `topics="news x w/*"`},
		{"GET /watch?topic=w/*", "", 200, page, "pattern"},
		{"GET /watch?topic=$server", "", 200, page, "Only the server publishes"},
		{"GET /watch?topic=audits", "", 200, page, "POST /api/v1/audits"},
		{"GET /watch?topic=w/b | Host: example.com", "", 200, page, "-open-publish"},
		{"GET /watch?topic=w/b" + strange, "", 200, page,
			`EventSource("http://localhost:8080/events/w/b?envelope=1")`},
		{"GET /watch?topic=%3Cscript%3E", "", 400, nil, "256 bytes"},
		{"GET /watch?topic=a" + strings.Repeat("&topic=b", 100), "", 400, nil, "1 to 100"},
		{"GET /watch?x=%zz", "", 400, nil, "query"},
		{"PUT /watch", "", 405, map[string]string{"Allow": "GET, HEAD, POST, OPTIONS"}, ""},
	})
}

func TestTheWatchPageShowsTheNewestEventsThatFit(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.Append("small", slices.Repeat([]string{"x"}, 300)...)
	s.Append("large", slices.Repeat([]string{strings.Repeat("x", 60_000)}, 6)...)
	s.Append("huge", strings.Repeat("x", 60_000))
	for topic, rows := range map[string]int{"small": 200, "large": 4, "huge": 1, "none": 0} {
		_, body := s.Do(http.MethodGet, "/watch?topic="+topic, "")
		if got := strings.Count(body, "<tr data-id="); got != rows {
			t.Errorf("%s has %d rows, want %d", topic, got, rows)
		}
		if older := strings.Contains(body, "Older events are stored"); older != (rows == 200 || rows == 4) {
			t.Errorf("%s says that there are older ones: %v", topic, older)
		}
	}
}

func TestTheWatchFormPublishesWhatWasTyped(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false") // whose every event is listed in the end
	form := "Content-Type: application/x-www-form-urlencoded"
	for _, c := range []struct {
		topic, kind, data, host string
		status                  int
	}{
		{"a/b", "greeting", "one\r\ntwo", "localhost", 303},
		{"a/b", "", "", "localhost", 400},
		{"a/b", "gap", "x", "localhost", 400},
		{"a b", "", "x", "localhost", 400},
		{"audits", "", "x", "localhost", 403},
		{"$server", "", "x", "localhost", 403},
		{"a/b", "", "x", "example.com", 403},
	} {
		fields := url.Values{"topic": {c.topic}, "type": {c.kind}, "data": {c.data}}.Encode()
		response, body := s.Do(http.MethodPost, "/watch", fields, form, "Host: "+c.host)
		if response.StatusCode != c.status {
			t.Errorf("%+v is answered %d %s", c, response.StatusCode, body)
		}
		want, got := "/watch?published=1&topic=a%2Fb#publish", response.Header.Get("Location")
		if c.status == 303 && got != want {
			t.Errorf("it leads to %q, want %q", got, want)
		}
	}
	if data, _, _ := list(t, s, "/events?topic=*"); len(data) != 1 || data[0] != "one\ntwo" {
		t.Errorf("stored is %q", data)
	}
}
