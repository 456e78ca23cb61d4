package sharing

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// fake answers each stream as a server does that speaks of $own every 10 ms, and lists nothing.
func fake(number func() int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"events":[],"next":"1-1"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "event: ready\nid: 1-1\ndata: {\"position\":\"1-1\"}\n\n")
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for last := number(); r.Context().Err() == nil; <-tick.C {
			for ; last < number(); last++ {
				const event = `{"id":"","topic":"$own","type":"","time":"","data":"%d"}`
				fmt.Fprintf(w, "data: "+event+"\n\n", last+1)
			}
			w.(http.Flusher).Flush()
		}
	}
}

func TestWhatHasNoIDComesOnceWhileTopicsChange(t *testing.T) {
	t.Parallel()
	m := harness.Between(t, harness.Serve(t, "-demo=false"))
	b := harness.Browse(t)
	b.OpenLive(m.URL + "/time")
	harness.Eval[bool](b, listening)
	start := time.Now()
	m.Answer(fake(func() int { return int(time.Since(start) / (10 * time.Millisecond)) }))
	harness.Eval[bool](b, `new Promise((done) => import('/public/js/broadcast/broadcast.js').then(({ subscribe }) => {
		window.own = [];
		subscribe(['$own'], {
			onevent: ({ data }) => own.push(Number(data)),
			onstate: ({ state }) => state === 'live' && done(true),
		});
	}))`)
	for i := range 10 {
		listen(b, i, []string{fmt.Sprint("topic/", i)}, "")
		b.Until("it is live", fmt.Sprintf(`heard[%d].states.at(-1).state === 'live'`, i))
		b.Until("more has come", fmt.Sprintf(`own.length > %d`, harness.Eval[int](b, `own.length`)+5))
	}
	own := harness.Eval[[]int](b, `own`)
	for i, n := range own {
		if n != own[0]+i {
			t.Fatalf("after %d came %v", own[0]+i-1, own[i:min(len(own), i+10)])
		}
	}
	if len(own) < 50 {
		t.Errorf("only %d came", len(own))
	}
}

func TestASubscriptionThatIsRefusedHarmsNoOther(t *testing.T) {
	t.Parallel()
	for _, way := range harness.Ways {
		t.Run(way.Name, func(t *testing.T) {
			t.Parallel()
			s := harness.Serve(t, "-demo=false")
			b := harness.Browse(t)
			b.Inject(way.Script)
			b.Forgive(harness.NetworkErrors + `.* status of 400`)
			b.Open(s.URL + "/healthz")
			b.Open(s.URL + "/time")
			harness.Eval[bool](b, listening)
			listen(b, 0, []string{"not a topic"}, "")
			listen(b, 1, []string{"a"}, "yesterday")
			listen(b, 2, []string{"a"}, "")
			var many []string
			for i := range 100 {
				many = append(many, fmt.Sprint("many/", i))
			}
			b.Until("the others are live", `heard[2].states.at(-1).state === 'live'`)
			for i := range 2 {
				b.Until("it is refused",
					fmt.Sprintf(`heard[%d].states.at(-1).state === 'refused' && heard[%[1]d].states.at(-1).text`, i))
			}
			listen(b, 3, many, "")
			b.Until("there are too many topics", `heard[3].states.at(-1).state === 'full'`)
			id := s.Publish("a", "one")
			untilHeard(b, 2, id)
			listen(b, 4, []string{"many/*"}, "")
			b.Until("a pattern makes room", `heard[3].states.at(-1).state === 'live'`)
			id = s.Publish("many/99", "two")
			untilHeard(b, 3, id)
			untilHeard(b, 4, id)
			if got := heardBy(b, 2).IDs; slices.Contains(got, id) {
				t.Errorf("another had %v", got)
			}
		})
	}
}

// A list of a topic that was silent for long says nothing of how far the log is: to begin there would be to begin where
// others have been cut short.
func TestASubscriptionToASilentTopicHarmsNoOther(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-keep-events", "3")
	silent := s.Publish("silent", "long ago")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/time")
	harness.Eval[bool](b, listening)
	listen(b, 1, []string{"busy"}, "")
	b.Until("it is live", `heard[1].states.at(-1).state === 'live'`)
	var busy []string
	for i := range 20 {
		busy = append(busy, s.Publish("busy", fmt.Sprint(i)))
	}
	for i, since := range []string{"", "10m", "all"} {
		listen(b, i+2, []string{"silent"}, since)
		b.Until("it is live", fmt.Sprintf(`heard[%d].states.at(-1).state === 'live'`, i+2))
	}
	news := s.Publish("silent", "now")
	for i := range 3 {
		untilHeard(b, i+2, news)
	}
	b.Until("the others have all", fmt.Sprintf(`heard[1].ids.length >= %d`, len(busy)))
	last := news
	for i, want := range [][]string{busy, {last}, {silent, last}, {silent, last}} {
		if got := heardBy(b, i+1); !slices.Equal(got.IDs, want) || len(got.Gaps) > 0 {
			t.Errorf("subscription %d has %v and the gaps %v, want %v", i+1, got.IDs, got.Gaps, want)
		}
	}
}

func TestASubscriptionBeyondTheLogIsToldSo(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/time")
	harness.Eval[bool](b, listening)
	const beyond = "9763676000000-3"
	listen(b, 0, []string{"a"}, beyond)
	listen(b, 1, []string{"time"}, beyond)
	for i, topic := range []string{"a", "time"} {
		b.Until("it is live", fmt.Sprintf(`heard[%d].states.at(-1).state === 'live'`, i))
		got := heardBy(b, i).Gaps
		if len(got) != 1 || got[0].Since != beyond || !slices.Equal(got[0].Topics, []string{topic}) {
			t.Errorf("%s: the gaps are %v", topic, got)
		}
	}
	id := s.Publish("a", "one")
	untilHeard(b, 0, id)
}
