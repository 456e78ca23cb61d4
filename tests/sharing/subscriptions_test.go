package sharing

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// ownLog stands in for the log of the server's own topics: an event each 10 ms, with the ids 1-1, 1-2 and so on.
type ownLog struct {
	t     *testing.T
	begun time.Time
	asked atomic.Int32 // how many streams
}

func (l *ownLog) last() int { return int(time.Since(l.begun) / (10 * time.Millisecond)) }

// ServeHTTP answers for topics that begin with $, and fails the test if they come with others.
func (l *ownLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if slices.ContainsFunc(r.URL.Query()["topic"], func(name string) bool { return name[0] != '$' }) {
		l.t.Errorf("one request has topics of both logs: %s", r.URL)
	}
	const event = `{"id":"1-%d","topic":"$own","type":"","time":"2026-01-01T00:00:00.000Z","data":"x"}`
	last := l.last()
	if since := r.URL.Query().Get("since"); since != "" {
		if _, err := fmt.Sscanf(since, "1-%d", &last); err != nil {
			l.t.Errorf("since is %q", since)
		}
	}
	if !strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") {
		var events []string
		for ; last < l.last(); last++ {
			events = append(events, fmt.Sprintf(event, last+1))
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"events":[%s],"next":"1-%d"}`, strings.Join(events, ","), last)
		return
	}
	l.asked.Add(1)
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "event: ready\nid: 1-%d\ndata: {\"position\":\"1-%[1]d\"}\n\n", last)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for until := l.last() + 200; last < until && r.Context().Err() == nil; <-tick.C { // and then it breaks
		for ; last < l.last(); last++ {
			fmt.Fprintf(w, "id: 1-%d\ndata: "+event+"\n\n", last+1, last+1)
		}
		w.(http.Flusher).Flush()
	}
}

func TestTheServersOwnTopicsHaveAStreamOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, way := range harness.Ways {
		t.Run(way.Name, func(t *testing.T) {
			t.Parallel()
			s := harness.Serve(t, "-demo=false")
			m := harness.Between(t, s)
			b := harness.Browse(t)
			b.Inject(way.Script)
			b.Forgive(harness.NetworkErrors)
			b.OpenLive(m.URL + "/time")
			harness.Eval[bool](b, listening)
			own := &ownLog{t: t, begun: time.Now()}
			m.Answer(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.RawQuery, "topic=%24") {
					own.ServeHTTP(w, r)
				} else {
					m.Forward(w, r)
				}
			})
			if own.asked.Load() > 0 {
				t.Error("there is a stream that nobody wants")
			}
			listen(b, 0, []string{"$own"}, "")
			b.Until("it is live", `heard[0].states.at(-1).state === 'live'`)
			for i := 1; i < 6; i++ { // the streams change
				listen(b, i, []string{fmt.Sprint("$other/", i)}, "")
				listen(b, i+10, []string{fmt.Sprint("topic/", i)}, "")
				for _, n := range []int{i, i + 10} {
					b.Until("it is live", fmt.Sprintf(`heard[%d].states.at(-1).state === 'live'`, n))
				}
			}
			b.Until("it has broken and resumed", fmt.Sprintf(`heard[0].ids.length > %d`, 400))
			untilHeard(b, 11, s.Publish("topic/1", "x"))
			var first int
			got := heardBy(b, 0)
			if fmt.Sscanf(got.IDs[0], "1-%d", &first); len(got.Gaps) > 0 {
				t.Errorf("the gaps are %v", got.Gaps)
			}
			for i, id := range got.IDs {
				if want := fmt.Sprintf("1-%d", first+i); id != want {
					t.Fatalf("%s has come in place of %s", id, want)
				}
			}
		})
	}
}

func TestTopicsThatAreNoStreamAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	b := harness.Browse(t)
	b.OpenLive(harness.Serve(t, "-demo=false").URL + "/time")
	for topics, want := range map[string]string{
		`['news', '$server']`: "Subscribe to $server separately",
		`[]`:                  "at least one topic",
	} {
		got := harness.Eval[string](b, `import('/public/js/broadcast/broadcast.js').then(({ subscribe }) => {
			try {
				subscribe(`+topics+`, {});
			} catch (error) {
				return String(error);
			}
		})`)
		if !strings.HasPrefix(got, "TypeError: ") || !strings.Contains(got, want) {
			t.Errorf("%s: it says %q", topics, got)
		}
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
