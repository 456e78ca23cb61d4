package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"iris-broadcast/internal/stream"
)

// append appends events to a topic at once.
func (s *site) append(topic string, data ...string) {
	s.t.Helper()
	events := make([]stream.Event, len(data))
	for i, d := range data {
		events[i] = stream.Event{Topic: stream.MustTopic(topic), Data: d}
	}
	if _, err := s.log.Append(s.t.Context(), events...); err != nil {
		s.t.Fatal(err)
	}
}

func TestTheWatchPageAnswersAsItShould(t *testing.T) {
	s := serve(t)
	s.publish("a/b", "first\r\n<b>&amp;</b>")
	page := map[string]string{"Content-Type": "text/html; charset=utf-8", "Cache-Control": "private, no-cache"}
	for _, e := range []exchange{
		{"GET /watch", "", 200, page, `<a href="/watch?topic=a%2fb">a/b</a>`},
		{"GET /watch?topic=", "", 200, page, "Watch a topic"},
		{"HEAD /watch?topic=a/b", "", 200, page, ""},
		{"GET /watch?topic=a/b", "", 200, page, "&lt;b&gt;&amp;amp;&lt;/b&gt;"},
		{"GET /watch?topic=a/b", "", 200, page, `data-exact="&#34;first\r\n&lt;b&gt;`},
		{"GET /watch?topic=a/b", "", 200, page, `action="/watch"`},
		{"GET /watch?topic=a/*&topic=news", "", 200, page, `topics="news a/*"`},
		{"GET /watch?topic=a/*,+news%20x", "", 200, page, `topics="news x a/*"`},
		{"GET /watch?topic=a/*", "", 200, page, "This page watches a pattern"},
		{"GET /watch?topic=$server", "", 200, page, "Only the server publishes to this topic."},
		{"GET /watch?topic=audits", "", 200, page, "It carries the audit log; to add a record, POST /api/v1/audits."},
		{"GET /watch?topic=a/b | Host: example.com", "", 200, page, "-open-publish"},
		{"GET /watch?topic=a/b | Host: a;$(id)&b", "", 200, page, `EventSource("http://localhost:8080/events/a/b?envelope=1")`},
		{"GET /watch?topic=%3Cscript%3E", "", 400, nil, "A topic is 1 to 256 bytes"},
		{"GET /watch?topic=a" + strings.Repeat("&topic=b", 100), "", 400, nil, "A stream has 1 to 100 topics and patterns"},
		{"GET /watch?x=%zz", "", 400, nil, "The query is malformed"},
		{"PUT /watch", "", 405, map[string]string{"Allow": "GET, HEAD, POST, OPTIONS"}, ""},
	} {
		e.try(t, s)
	}
}

func TestTheWatchPageShowsTheNewestThatFit(t *testing.T) {
	s := serve(t)
	for range 300 {
		s.append("small", "x")
	}
	for range 6 {
		s.append("large", strings.Repeat("x", 60_000))
	}
	s.append("huge", strings.Repeat("x", 60_000))
	for path, rows := range map[string]int{"/watch?topic=small": 200, "/watch?topic=large": 4, "/watch?topic=huge": 1, "/watch?topic=none": 0} {
		_, body := s.get("GET", path)
		if got := strings.Count(body, "<tr data-id="); got != rows {
			t.Errorf("%s has %d rows, want %d", path, got, rows)
		}
		if older := strings.Contains(body, "Older events are stored"); older != (rows == 200 || rows == 4) {
			t.Errorf("%s says that there are older ones: %v", path, older)
		}
	}
}

func TestTheWatchFormPublishesAsItWasTyped(t *testing.T) {
	s := serve(t)
	post := func(fields url.Values, host string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodPost, "http://"+host+"/watch", strings.NewReader(fields.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.RemoteAddr = "127.0.0.1:5"
		answer := httptest.NewRecorder()
		s.server.Handler.ServeHTTP(answer, request)
		return answer
	}
	for _, test := range []struct {
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
		answer := post(url.Values{"topic": {test.topic}, "type": {test.kind}, "data": {test.data}}, test.host)
		if answer.Code != test.status {
			t.Errorf("%+v is answered %d %s", test, answer.Code, answer.Body)
		}
		if want := "/watch?published=1&topic=a%2Fb#publish"; answer.Code == 303 && answer.Header().Get("Location") != want {
			t.Errorf("it leads to %q, want %q", answer.Header().Get("Location"), want)
		}
	}
	if data, _, _ := s.list("/events?topic=*"); len(data) != 1 || data[0] != "one\ntwo" {
		t.Errorf("stored is %q", data)
	}
}
