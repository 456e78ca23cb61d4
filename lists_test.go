package main

import (
	"io"
	"net/http"
	"testing"

	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream/logtest"
)

func TestWhatCannotBeReadTakesNoPlaceFromOtherLists(t *testing.T) {
	s := handle(t, t.Context(), &brokenHead{brokenLog: brokenLog{memory.New(logtest.Generous)}})
	for _, request := range []string{
		"GET /events/a" + asList, "GET /api/v1/audits" + asList, "GET /api/v1/audits?actor=x" + asList,
		"GET /api/v1/audits?format=csv", "GET /api/v1/audits?format=jsonl&action=x", "GET /audits | Accept: text/html",
	} {
		for range 300 { // more than there are places
			exchange{request, "", 503, nil, "The disk is full."}.try(t, s)
			if t.Failed() {
				return
			}
		}
	}
}

// A reader that keeps its connection is done with a list when it knows where it ends.
func TestAShortListSaysItsLength(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/events/news", "/api/v1/audits"} {
		request, _ := http.NewRequestWithContext(t.Context(), "GET", s.url+path, nil)
		request.Header.Set("Accept", "application/json")
		response, err := client0.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.ContentLength != int64(len(body)) {
			t.Errorf("%s says %d and has %d bytes: %v", path, response.ContentLength, len(body), err)
		}
	}
}
