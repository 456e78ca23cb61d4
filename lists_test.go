package main

import (
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
