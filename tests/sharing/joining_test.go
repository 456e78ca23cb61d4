package sharing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// listening lets a tab listen through the module, apart from its page: to(number, topics, since) and no(number).
const listening = `import('/public/js/broadcast/broadcast.js').then(({ subscribe }) => {
	window.heard = {};
	window.to = (number, topics, since) => {
		const it = heard[number] = { ids: [], gaps: [], states: [] };
		it.subscription = subscribe(topics, {
			since,
			onevent: ({ id }) => it.ids.push(id),
			ongap: (gap) => it.gaps.push(gap),
			onstate: (state) => it.states.push(state),
		});
		return true;
	};
	window.no = (number) => (heard[number].subscription.close(), true);
	return true;
})`

// heard is what a subscription has had.
type heard struct {
	IDs  []string
	Gaps []struct {
		Since  string
		Topics []string
	}
	States []struct{ State, Text string }
}

func heardBy(b *harness.Tab, number int) heard {
	return harness.Eval[heard](b, fmt.Sprintf(
		`((it) => ({ ids: it.ids, gaps: it.gaps, states: it.states }))(heard[%d])`, number))
}

// listen has the tab listen to topics.
func listen(b *harness.Tab, number int, topics []string, since string) {
	harness.Eval[bool](b, fmt.Sprintf(`to(%d, %s, %s)`, number, harness.Quote(topics), harness.Quote(since)))
}

// untilHeard waits until a subscription is live and has had the event as its last.
func untilHeard(b *harness.Tab, number int, last string) {
	b.Until(fmt.Sprintf("subscription %d has %s", number, last),
		fmt.Sprintf(`heard[%d].ids.at(-1) === %s`, number, harness.Quote(last)))
}

// river is what flows over many topics.
type river struct {
	t      *testing.T
	s      *harness.Server
	names  []string
	count  atomic.Int64 // events so far
	events []event
}

type event struct{ id, topic string }

// flow appends events at 500 a second until ctx ends.
func (r *river) flow(ctx context.Context, rnd *rand.Rand) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		var batch []harness.Post
		for range 5 {
			batch = append(batch, harness.Post{Topic: r.names[rnd.IntN(len(r.names))], Data: "x"})
		}
		ids, err := r.s.Try(batch...)
		if err != nil {
			r.t.Error(err)
			return
		}
		for i, id := range ids {
			r.events = append(r.events, event{id, batch[i].Topic})
		}
		r.count.Add(int64(len(batch)))
		<-tick.C
	}
}

// wish is what a subscription asked for.
type wish struct {
	tab    *harness.Tab
	number int
	topics []string
	since  string
	start  string // since, if it is an id
	open   bool
}

// takes says whether an event of that topic is of the subscription's.
func (w *wish) takes(topic string) bool {
	return slices.ContainsFunc(w.topics, func(name string) bool {
		prefix, pattern := strings.CutSuffix(name, "*")
		return name == topic || pattern && strings.HasPrefix(topic, prefix)
	})
}

// check fails the test unless the subscription had what it asked for: a run of the events of its topics, in order, each
// once, from its start on, and if it is still open to the end.
func (w *wish) check(t *testing.T, all []event) (n int) {
	t.Helper()
	var want []string
	for _, e := range all {
		if w.takes(e.topic) && (w.start == "" || harness.After(e.id, w.start)) {
			want = append(want, e.id)
		}
	}
	got := heardBy(w.tab, w.number)
	from := 0
	if len(got.IDs) > 0 && w.since != "all" && w.start == "" {
		from = max(0, slices.Index(want, got.IDs[0]))
	}
	to := min(len(want), from+len(got.IDs))
	if !slices.Equal(got.IDs, want[from:to]) || w.open && to != len(want) || len(got.Gaps) > 0 {
		i := 0
		for i < len(got.IDs) && from+i < len(want) && got.IDs[i] == want[from+i] {
			i++
		}
		t.Errorf("subscription %d to %v since %q, open %v: %d events and then not what is wanted, of %d (%d wanted); "+
			"gaps %v, states %v",
			w.number, w.topics, w.since, w.open, i, len(got.IDs), len(want)-from, got.Gaps, got.States)
	}
	return len(got.IDs)
}

func TestTabsThatJoinAndLeaveGetWhatTheyAskFor(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := harness.Serve(t, "-demo=false")
	r := &river{t: t, s: s, names: []string{"a", "a/1", "a/2", "a/2/x", "b", "b/1", "c", "d"}}
	choice := append(slices.Clone(r.names), "a/*", "b/*", "*", "never")
	all := harness.Tabs(t, 5, "")
	for _, b := range all {
		b.OpenLive(s.URL + "/time")
		harness.Eval[bool](b, listening)
	}
	flowing, dry := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.flow(flowing, rand.New(rand.NewPCG(seed, 1)))
	}()
	var wishes []*wish
	for step := range 100 {
		before := r.count.Load()
		harness.Eventually(t, "some more events", func() bool { return r.count.Load() >= before+int64(step%4*5) })
		open := slices.DeleteFunc(slices.Clone(wishes), func(w *wish) bool { return !w.open })
		if len(open) > 12 || len(open) > 0 && rnd.IntN(3) == 0 {
			w := open[rnd.IntN(len(open))]
			harness.Eval[bool](w.tab, fmt.Sprintf(`no(%d)`, w.number))
			w.open = false
			continue
		}
		w := &wish{tab: all[rnd.IntN(len(all))], number: step, open: true}
		for range 1 + rnd.IntN(3) {
			w.topics = append(w.topics, choice[rnd.IntN(len(choice))])
		}
		switch rnd.IntN(4) {
		case 0:
			w.start = s.Head()
			w.since = w.start
		case 1:
			w.since = "1s"
		case 2:
			w.since = "all"
		}
		listen(w.tab, w.number, w.topics, w.since)
		wishes = append(wishes, w)
	}
	for _, w := range wishes {
		if w.open {
			w.tab.Until(fmt.Sprintf("subscription %d is live", w.number),
				fmt.Sprintf(`heard[%d].states.at(-1).state === 'live'`, w.number))
		}
	}
	dry()
	<-done
	for _, name := range r.names {
		r.events = append(r.events, event{s.Publish(name, "last"), name})
	}
	n := 0
	for _, w := range wishes {
		for _, e := range slices.Backward(r.events) {
			if w.open && w.takes(e.topic) {
				untilHeard(w.tab, w.number, e.id)
				break
			}
		}
		n += w.check(t, r.events)
	}
	t.Logf("%d events, of which %d subscriptions had %d", len(r.events), len(wishes), n)
	s.UntilStreams(1)
}
