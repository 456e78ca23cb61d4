package pages

import (
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// memoryShown is in MiB.
const memoryShown = `Number(document.querySelector("[data-field=memory_mib]").textContent.replaceAll(",", ""))`

func TestTheStatusPageShowsTheServer(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	r := s.Listen("/events/news", "")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/status")
	b.Until("two streams are open", `document.querySelector("[data-field=streams]").textContent === "2"`)
	for range 3 { // a figure is of one second
		s.Publish("news", "x")
		r.Want("x")
	}
	b.Until("events are counted", `document.querySelector("live-watch").entries.all.slice(0, 1000).some(({ event }) => {
		const data = JSON.parse(event.data);
		return data.events_per_second > 0 && data.deliveries_per_second > 0 && data.delay_p99_ms >= 0;
	})`)
	b.Until("it is drawn", `document.querySelectorAll(".charts canvas").length === 4`)
	b.Until("and a table", `document.querySelectorAll("#eventsTable tbody tr:not(.space)").length >= 2`)
	s.Listen("/events/news", "1-1") // a gap
	b.Until("the gap is told", `document.querySelector("[data-field=gaps]").textContent === "1"`)
	b.Until("three streams are open", `document.querySelector("[data-field=streams]").textContent === "3"`)
	if memory := harness.Eval[float64](b, memoryShown); memory <= 0 {
		t.Errorf("memory is %v MiB", memory)
	}
}

func TestTheStatusPageBeginsWithTheLastMinutes(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	rows := func() int {
		_, page := s.Do("GET", "/status", "")
		return strings.Count(page, `data-topic="$server"`)
	}
	harness.Eventually(t, "the page has what was told before", func() bool { return rows() >= 2 })
	b := harness.Browse(t)
	b.Inject(`delete window.EventSource; delete window.SharedWorker;`) // so that nothing comes but the page
	b.Open(s.URL + "/status")
	b.Until("it is drawn", `document.querySelectorAll(".charts canvas").length === 4`)
	b.Until("and a table", `document.querySelectorAll("#eventsTable tbody tr:not(.space)").length >= 2`)
	b.Until("and the figures are the newest", memoryShown+` > 0`)
}
