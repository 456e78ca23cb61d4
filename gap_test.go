package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// gap is the data of the event gap.
type gap struct {
	Since, Oldest string
	Topics        []string
}

// wantGap fails the test unless m is a gap with that since and these topics, whose id is the position just before next,
// the ID of what follows.
func wantGap(t *testing.T, m sse.Message, since string, next stream.ID, topics ...string) {
	t.Helper()
	var g gap
	if err := json.Unmarshal([]byte(m.Data), &g); m.Type != "gap" || err != nil {
		t.Fatalf("got %+v, want a gap", m)
	}
	if g.Since != since || g.Oldest != next.String() || !slices.Equal(g.Topics, topics) || m.ID != next.Before().String() {
		t.Errorf("gap %+v with id %s, want since %s, oldest %s, topics %q, id %v", g, m.ID, since, next, topics, next.Before())
	}
}

func TestAGapTellsOfWhatWasRemoved(t *testing.T) {
	for _, form := range []string{"", "&envelope=1"} {
		s := serve(t, "-keep-events", "2")
		var ids []stream.ID
		for i := range 5 {
			ids = append(ids, s.publish("a", fmt.Sprint(i)))
		}
		for name, r := range map[string]*reader{
			"Last-Event-ID": s.listen("/events?topic=a&topic=b"+form, ids[0].String()),
			"since":         s.listen("/events?topic=a&topic=b&since="+ids[0].String()+form, ""),
		} {
			m := r.next()
			if form != "" {
				if m.Type != "ready" || m.ID != ids[0].String() {
					t.Fatalf("%s: first comes %+v", name, m)
				}
				m = r.next()
			}
			wantGap(t, m, ids[0].String(), ids[3], "a")
			for _, id := range ids[3:] {
				if m := r.next(); m.ID != id.String() {
					t.Errorf("%s: after the gap comes %+v, want %v", name, m, id)
				}
			}
		}
		if _, _, g := s.list("/events/a?since=" + ids[0].String()); g == nil || g.Since != ids[0].String() || g.Oldest != ids[3].String() {
			t.Errorf("the list has the gap %+v", g)
		}
	}
}

func TestAGapIsSentAgainUntilItHasArrived(t *testing.T) {
	t.Parallel()
	s := serve(t, "-keep-events", "1", "-heartbeat", "100ms")
	old, last := s.publish("a", "0"), stream.ID{}
	for range 3 {
		last = s.publish("a", "x")
	}
	lastID, told := old.String(), 0
	for cut := int64(1); lastID != last.String(); cut += 3 {
		messages := s.listen("/events/a", lastID).stopAfter(cut)
		for m, err := messages.Next(); err == nil; m, err = messages.Next() {
			if m.Type == "gap" {
				told++
			} else if told != 1 {
				t.Fatalf("cut at %d: an event came after %d gaps", cut, told)
			}
		}
		if id := messages.LastEventID(); id != "" {
			lastID = id
		}
	}
	if told != 1 {
		t.Errorf("the gap arrived %d times", told)
	}
}

func TestAPositionOfAnotherLogIsAGapAndThenLive(t *testing.T) {
	s := serve(t)
	head := s.publish("a", "before")
	for since, path := range map[string]string{
		"9999999999999-0": "/events?topic=a&topic=b/*", "no id at all": "/events?topic=a&topic=b/*", "5": "/events?topic=a&topic=b/*&envelope=1",
	} {
		r := s.listen(path, since)
		m := r.next()
		if m.Type == "ready" {
			m = r.next()
		}
		var g gap
		if json.Unmarshal([]byte(m.Data), &g); m.Type != "gap" || g.Since != since || g.Oldest != head.String() || m.ID != head.String() ||
			!slices.Equal(g.Topics, []string{"a", "b/*"}) {
			t.Errorf("%s: got %+v", since, m)
		}
		head = s.publish("a", "live")
		if m := r.next(); !strings.Contains(m.Data, "live") || m.ID != head.String() {
			t.Errorf("%s: then comes %+v", since, m)
		}
	}
}

func TestBelowTheFloorIsAGapForAllTopics(t *testing.T) {
	s := serve(t)
	start, _ := s.log.Head(t.Context())
	first := s.publish("a", "0")
	wantGap(t, s.listen("/events?topic=a&topic=never&topic=*", "0-0").next(), "0-0", first, "a", "never", "*")
	wantGap(t, s.listen("/events?topic=a&topic=never", start.Before().String()).next(), start.Before().String(), first, "a", "never")
	if m := s.listen("/events?topic=a&topic=never", start.String()).next(); m.Data != "0" {
		t.Errorf("at the floor itself comes %+v", m)
	}
}

func TestNoGapIsSentWithoutCause(t *testing.T) {
	for _, c := range []struct{ path, lastEventID, want string }{
		{"/events/quiet", "start", "0"},
		{"/events/quiet", "quiet", ""},
		{"/events/never", "start", ""},
		{"/events?topic=never/*&topic=quiet", "start", "0"},
		{"/events/busy", "removed", "kept end"},
		{"/events/busy", "kept", "end"},
		{"/events/busy", "end", ""},
		{"/events/busy?since=all", "", "kept end"},
		{"/events/busy?since=1h", "", "kept end"},
		{"/events/busy?last=1000", "", "kept end"},
		{"/events?topic=*&last=2", "", "kept end"},
		{"/events?topic=quiet&topic=busy&last=3", "", "0 kept end"},
		{"/events/busy", "", ""},
	} {
		s := serve(t, "-keep-events", "2")
		start, _ := s.log.Head(t.Context())
		ids := map[string]stream.ID{"": {}, "start": start, "quiet": s.publish("quiet", "0")}
		for range 10 {
			ids["removed"] = s.publish("busy", "x")
		}
		ids["kept"], ids["end"] = s.publish("busy", "kept"), s.publish("busy", "end")
		lastEventID := ""
		if id := ids[c.lastEventID]; c.lastEventID != "" {
			lastEventID = id.String()
		}
		r := s.listen(c.path, lastEventID)
		s.waitFor(1)
		for _, topic := range []string{"quiet", "busy", "never", "never/x"} {
			s.publish(topic, "live")
		}
		r.want(append(strings.Fields(c.want), "live")...)
		s.stop()
	}
}

func TestAGapIsToldOnceAlsoWhenCatchingUpTakesManyPages(t *testing.T) {
	s := serve(t, "-keep-events", "600")
	start, _ := s.log.Head(t.Context())
	for topic, n := range map[string]int{"a": 590, "b": 800} { // b loses 200
		events := make([]stream.Event, n)
		for i := range events {
			events[i] = stream.Event{Topic: stream.MustTopic(topic), Data: strings.Repeat("x", 1000)}
		}
		if _, err := s.log.Append(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]int{"since=all": 0, "since=1h": 0, "since=" + start.String(): 1} {
		r := s.listen("/events?topic=a&topic=b&"+query, "")
		gaps := 0
		for range 590 + 600 + want {
			if r.next().Type == "gap" {
				gaps++
			}
		}
		if gaps != want {
			t.Errorf("%s: %d gaps, want %d", query, gaps, want)
		}
	}
}
