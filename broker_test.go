package main

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"iris-broadcast/internal/stream"
)

func TestEventsArriveInOrderWithTheirIDs(t *testing.T) {
	s := serve(t)
	r := s.listen("/events/news", "")
	s.waitFor(1)
	var ids []stream.ID
	for i := range 5 {
		ids = append(ids, s.publish("news", fmt.Sprint(i)))
		s.publish("other", "not for this stream")
	}
	for i, id := range ids {
		if m := r.next(); m.Data != fmt.Sprint(i) || m.ID != id.String() {
			t.Errorf("got %+v, want %d with id %v", m, i, id)
		}
	}
}

func TestStreamsEndCleanlyOnClose(t *testing.T) {
	s := serve(t)
	r := s.listen("/events/news", "")
	s.waitFor(1)
	s.publish("news", "last words")
	go s.stop()
	r.want("last words")
	if err := r.end(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v, want a clean end", err)
	}
}
