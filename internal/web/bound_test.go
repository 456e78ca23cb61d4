package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// newSite returns the handler of a site on a store in memory, for events of at most maxData bytes.
func newSite(t *testing.T, maxData int64) (http.Handler, stream.Log) {
	t.Helper()
	store := memory.New(logtest.Generous)
	handler := handle(t, Site{Events: Source{Log: store}, Board: store, MaxData: maxData})
	return handler, store
}

// post sends a body as a client on this machine does, and returns the status and the body of the answer.
func post(handler http.Handler, path, contentType, body string) (int, string) {
	request := httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader(body))
	request.RemoteAddr = "127.0.0.1:1"
	request.Header.Set("Content-Type", contentType)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer.Code, answer.Body.String()
}

func TestDataIsBoundedWhicheverWayItCameIn(t *testing.T) {
	const form, json = "application/x-www-form-urlencoded", "application/json"
	const max = 1000
	field := func(name, value string) string { return "&" + url.Values{name: {value}}.Encode() }
	audit := func(n int) string { return `{"id":"1","details":"` + strings.Repeat("<", n) + `"}` }
	for name, c := range map[string]struct {
		path, contentType, body string
		status                  int
	}{
		"published, full":       {"/events/news", "", strings.Repeat("x", max), 201},
		"published, too long":   {"/events/news", "", strings.Repeat("x", max+1), 413},
		"watch page, full":      {"/watch", form, "topic=news" + field("data", strings.Repeat("ä", max/2)), 303},
		"watch page, lines":     {"/watch", form, "topic=news" + field("data", strings.Repeat("\r\n", max)), 303},
		"watch page, too long":  {"/watch", form, "topic=news" + field("data", strings.Repeat("x", max+1)), 413},
		"audit form, full":      {"/audits", form, "id=1" + field("details", strings.Repeat("<", max-100)), 303},
		"audit form, raw":       {"/audits", form, "id=1&details=" + strings.Repeat("<", max-100), 303},
		"audit form, too long":  {"/audits", form, "id=1&details=" + strings.Repeat("<", max), 413},
		"audit form, escapes":   {"/audits", form, "id=1&details=x" + strings.Repeat("\"", max/2), 413},
		"audit API, full":       {"/api/v1/audits", json, audit(max - 100), 201},
		"audit API, escaped id": {"/api/v1/audits", json, `{"id":"` + strings.Repeat(`\u0041`, 200) + `"}`, 201},
		"audit API, too long":   {"/api/v1/audits", json, audit(max - 20), 413},
		"comment, full":         {"/api/v1/comments", json, `{"content":"` + strings.Repeat("<", max-200) + `"}`, 201},
		"comment, escapes":      {"/api/v1/comments", json, `{"content":"` + strings.Repeat(`\"`, max/2) + `"}`, 413},
		"comment form, escapes": {"/comments", form, field("content", strings.Repeat("\"", max/2)), 413},
		"much more":             {"/api/v1/comments", json, `{"content":"` + strings.Repeat("x", 100*max) + `"}`, 413},
	} {
		handler, log := newSite(t, max)
		status, body := post(handler, c.path, c.contentType, c.body)
		if status != c.status || status == 413 && !strings.Contains(body, "at most 1000 bytes here; -max-data") {
			t.Errorf("%s: %d %s, want %d", name, status, body, c.status)
		}
		page, err := log.Page(t.Context(), stream.Query{Limit: 2, Anywhere: true})
		if err != nil || len(page.Events) != map[bool]int{true: 0, false: 1}[status == 413] {
			t.Errorf("%s: %d events are stored: %v", name, len(page.Events), err)
		}
		for _, e := range page.Events {
			if len(e.Data) > max {
				t.Errorf("%s: an event of %d bytes is stored", name, len(e.Data))
			}
		}
	}
}
