package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// cut takes the network, for what is begun from now on, away from the page and from the worker, if there is one, or gives it back.
func (b *tab) cut(offline bool) {
	b.t.Helper()
	type params struct {
		Offline            bool    `json:"offline"`
		Latency            float64 `json:"latency"`
		DownloadThroughput float64 `json:"downloadThroughput"`
		UploadThroughput   float64 `json:"uploadThroughput"`
	}
	emulate := cdp.Command[params, cdp.Empty]{Method: "Network.emulateNetworkConditions"}
	ends := params{offline, 0, -1, -1}
	call(b, emulate, ends)
	if b.workerCtx != nil {
		if _, err := chromedp.Call(b.workerCtx, emulate, ends); err != nil {
			b.t.Fatal(err)
		}
	}
}

// attach opens the protocol's way to the shared worker, for cut.
func (b *tab) attach() {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(b.worker()), chromedp.WithDetachOnCancel())
	b.t.Cleanup(cancel)
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`true`)); err != nil {
		b.t.Fatalf("attaching to the worker: %v", err)
	}
	b.workerCtx = ctx
}

func TestTabsMissNothingWhileTheNetworkIsAway(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "-demo=false")
			m := standBetween(t, s)
			all := tabs(t, 2, way.script)
			said := (&site{node: s.node, t: t, url: m.URL}).home(all)
			if way.script == "" {
				all[0].attach()
			}
			for _, b := range all {
				b.forgive(networkErrors)
			}
			cutAt := time.Now()
			for _, b := range all {
				b.cut(true)
			}
			m.CloseClientConnections() // which the browser's own cut leaves open
			said = s.say(said, 20)
			for _, b := range all {
				b.until("a second try has failed", `said.state.filter((text) => text === 'Reconnecting…').length > 1`)
			}
			eventually(t, "10 s are over", func() bool { return time.Since(cutAt) > 10*time.Second })
			back := time.Now()
			for _, b := range all {
				b.cut(false)
			}
			said = s.say(said, 3)
			untilAll(all, said)
			if took := time.Since(back); took > 3*time.Second { // the wait that was left would be longer
				t.Errorf("it took %v", took)
			}
			for _, b := range all {
				b.shows(said)
			}
		})
	}
}

func TestATabThatWasFrozenMissesNothing(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "-demo=false")
			all := tabs(t, 2, way.script+`document.addEventListener('freeze', () => (window.rested = true));`)
			said := s.home(all)
			for _, state := range []page.SetWebLifecycleStateState{"frozen", "active"} {
				call(all[1], page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
				said = s.say(said, 20)
				untilAll(all[:1], said)
			}
			untilAll(all, said)
			all[1].until("it was frozen", `window.rested`)
			for _, b := range all {
				b.shows(said)
			}
		})
	}
}

func TestTabsMissNothingOverARestart(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			store := "bolt:" + t.TempDir() + "/broadcast.db"
			s := serve(t, "-demo=false", "-store", store)
			m := standBetween(t, s)
			through := &site{node: s.node, t: t, url: m.URL}
			all := tabs(t, 3, way.script)
			said := through.home(all)
			for _, b := range all {
				b.forgive(networkErrors)
			}
			s.stop()
			m.CloseClientConnections()
			for _, b := range all {
				b.until("a try has failed", `said.state.includes('Reconnecting…')`)
			}
			s = serve(t, "-demo=false", "-store", store)
			said = s.say(said, 20)
			m.to(s)
			said = s.say(said, 3)
			untilAll(all, said)
			for _, b := range all {
				b.shows(said)
			}
		})
	}
}

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
				fmt.Fprintf(w, "data: {\"id\":\"\",\"topic\":\"$own\",\"type\":\"\",\"time\":\"\",\"data\":\"%d\"}\n\n", last+1)
			}
			w.(http.Flusher).Flush()
		}
	}
}

func TestWhatHasNoIDComesOnceWhileTopicsChange(t *testing.T) {
	t.Parallel()
	m := standBetween(t, serve(t, "-demo=false"))
	b := browse(t)
	b.openLive(m.URL + "/time")
	eval[bool](b, listening)
	start := time.Now()
	m.answer(fake(func() int { return int(time.Since(start) / (10 * time.Millisecond)) }))
	eval[bool](b, `new Promise((done) => import('/public/js/broadcast.js').then(({ subscribe }) => {
		window.own = [];
		subscribe(['$own'], { onevent: ({ data }) => own.push(Number(data)), onstate: ({ state }) => state === 'live' && done(true) });
	}))`)
	for i := range 10 {
		b.listen(i, []string{fmt.Sprint("topic/", i)}, "")
		b.until("it is live", fmt.Sprintf(`heard[%d].states.at(-1).state === 'live'`, i))
		b.until("more has come", fmt.Sprintf(`own.length > %d`, eval[int](b, `own.length`)+5))
	}
	own := eval[[]int](b, `own`)
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
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "-demo=false")
			b := browse(t)
			b.inject(way.script)
			b.forgive(networkErrors + `.* status of 400`)
			b.open(s.url + "/healthz")
			b.open(s.url + "/time")
			eval[bool](b, listening)
			b.listen(0, []string{"not a topic"}, "")
			b.listen(1, []string{"a"}, "yesterday")
			b.listen(2, []string{"a"}, "")
			var many []string
			for i := range 100 {
				many = append(many, fmt.Sprint("many/", i))
			}
			b.until("the others are live", `heard[2].states.at(-1).state === 'live'`)
			for i := range 2 {
				b.until("it is refused", fmt.Sprintf(`heard[%d].states.at(-1).state === 'refused' && heard[%[1]d].states.at(-1).text`, i))
			}
			b.listen(3, many, "")
			b.until("there are too many topics", `heard[3].states.at(-1).state === 'full'`)
			id := s.publish("a", "one")
			b.untilHeard(2, id)
			b.listen(4, []string{"many/*"}, "")
			b.until("a pattern makes room", `heard[3].states.at(-1).state === 'live'`)
			id = s.publish("many/99", "two")
			b.untilHeard(3, id)
			b.untilHeard(4, id)
			if got := b.heard(2).IDs; slices.Contains(got, id.String()) {
				t.Errorf("another had %v", got)
			}
		})
	}
}

// A list of a topic that was silent for long says nothing of how far the log is: to begin there would be to begin where others
// have been cut short.
func TestASubscriptionToASilentTopicHarmsNoOther(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false", "-keep-events", "3")
	silent := s.publish("silent", "long ago")
	b := browse(t)
	b.openLive(s.url + "/time")
	eval[bool](b, listening)
	b.listen(1, []string{"busy"}, "")
	b.until("it is live", `heard[1].states.at(-1).state === 'live'`)
	var busy []string
	for i := range 20 {
		busy = append(busy, s.publish("busy", fmt.Sprint(i)).String())
	}
	for i, since := range []string{"", "10m", "all"} {
		b.listen(i+2, []string{"silent"}, since)
		b.until("it is live", fmt.Sprintf(`heard[%d].states.at(-1).state === 'live'`, i+2))
	}
	news := s.publish("silent", "now")
	for i := range 3 {
		b.untilHeard(i+2, news)
	}
	b.until("the others have all", fmt.Sprintf(`heard[1].ids.length >= %d`, len(busy)))
	last := news.String()
	for i, want := range [][]string{busy, {last}, {silent.String(), last}, {silent.String(), last}} {
		if got := b.heard(i + 1); !slices.Equal(got.IDs, want) || len(got.Gaps) > 0 {
			t.Errorf("subscription %d has %v and the gaps %v, want %v", i+1, got.IDs, got.Gaps, want)
		}
	}
}

func TestASubscriptionBeyondTheLogIsToldSo(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/time")
	eval[bool](b, listening)
	const beyond = "9763676000000-3"
	b.listen(0, []string{"a"}, beyond)
	b.listen(1, []string{"time"}, beyond)
	for i, topic := range []string{"a", "time"} {
		b.until("it is live", fmt.Sprintf(`heard[%d].states.at(-1).state === 'live'`, i))
		got := b.heard(i).Gaps
		if len(got) != 1 || got[0].Since != beyond || !slices.Equal(got[0].Topics, []string{topic}) {
			t.Errorf("%s: the gaps are %v", topic, got)
		}
	}
	id := s.publish("a", "one")
	b.untilHeard(0, id)
}
