package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"iris-broadcast/internal/stream"
)

// memoryShown is in MiB.
const memoryShown = `Number(document.querySelector("[data-field=memory_mib]").textContent.replaceAll(",", ""))`

func TestTheStatusPageShowsTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	r := s.listen("/events/news", "")
	b := browse(t)
	b.openLive(s.url + "/status")
	b.until("two streams are open", `document.querySelector("[data-field=streams]").textContent === "2"`)
	for range 3 { // a figure is of one second
		s.publish("news", "x")
		r.next()
	}
	b.until("events are counted", `document.querySelector("live-watch").entries.all.slice(0, 1000).map(({ event }) => JSON.parse(event.data)).some((data) => data.events_per_second > 0 && data.deliveries_per_second > 0 && data.delay_p99_ms >= 0)`)
	b.until("it is drawn", `document.querySelectorAll(".charts canvas").length === 4`)
	b.until("and a table", `document.querySelectorAll("#eventsTable tbody tr:not(.space)").length >= 2`)
	s.listen("/events/news", "1-1") // a gap
	b.until("the gap is told", `document.querySelector("[data-field=gaps]").textContent === "1"`)
	b.until("three streams are open", `document.querySelector("[data-field=streams]").textContent === "3"`)
	if memory := eval[float64](b, memoryShown); memory <= 0 {
		t.Errorf("memory is %v MiB", memory)
	}
}

func TestTheStatusPageBeginsWithTheLastMinutes(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	rows := func() int {
		_, page := s.get("GET", "/status")
		return strings.Count(page, `<tr data-id="" data-topic="$server"`)
	}
	eventually(t, "the page has what was told before", func() bool { return rows() >= 2 })
	b := browse(t)
	b.inject(`delete window.EventSource; delete window.SharedWorker;`) // so that nothing comes but the page
	b.open(s.url + "/status")
	b.until("it is drawn", `document.querySelectorAll(".charts canvas").length === 4`)
	b.until("and a table", `document.querySelectorAll("#eventsTable tbody tr:not(.space)").length >= 2`)
	b.until("and the figures are the newest", memoryShown+` > 0`)
}

func TestOfTheServersOwnEventsTheNewestAreKept(t *testing.T) {
	var told told
	for i := range statusKept + 5 {
		told.add(stream.Event{Topic: status, Data: fmt.Sprint(i)})
	}
	kept := told.newest()
	if len(kept) != statusKept || kept[0].Data != "5" || kept[statusKept-1].Data != fmt.Sprint(statusKept+4) {
		t.Errorf("%d are kept, from %q", len(kept), kept[0].Data)
	}
}

func TestTheServersOwnTopicHasNoIDsAndNoHistory(t *testing.T) {
	s := serve(t, "-demo=false")
	all := s.listen("/events?topic=*", "")
	plain := s.listen("/events/$server", "")
	envelope := s.listen("/events?topic=$server&topic=news&envelope=1&since=all", "")
	ready := envelope.next()
	for _, r := range []*reader{plain, envelope} {
		m := r.next()
		data := m.Data
		if r == envelope {
			var e struct{ ID, Topic, Time, Data string }
			if err := json.Unmarshal([]byte(data), &e); err != nil || e.ID != "" || e.Topic != "$server" || !strings.HasPrefix(e.Time, "20") {
				t.Fatalf("%s: %v", data, err)
			}
			data = e.Data
		}
		var status struct{ Streams int }
		if err := json.Unmarshal([]byte(data), &status); err != nil || status.Streams != 3 || m.Type != "" {
			t.Errorf("got %+v, %v", m, err)
		}
		if r == envelope && m.ID != ready.ID {
			t.Errorf("it has set the last id to %q", m.ID)
		}
	}
	id := s.publish("news", "x") // "*" takes this and nothing of the server's own
	if m := all.next(); m.Data != "x" || m.ID != id.String() {
		t.Errorf("got %+v", m)
	}
}
