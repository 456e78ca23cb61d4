package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
)

// listening lets a tab listen through the module, apart from its page: to(number, topics, since) and no(number).
const listening = `import('/public/js/broadcast.js').then(({ subscribe }) => {
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
	IDs    []string
	Gaps   []gap
	States []struct{ State, Text string }
}

func (b *tab) heard(number int) heard {
	b.t.Helper()
	return eval[heard](b, fmt.Sprintf(`((it) => ({ ids: it.ids, gaps: it.gaps, states: it.states }))(heard[%d])`, number))
}

// listen has the tab listen to topics.
func (b *tab) listen(number int, topics []string, since string) {
	b.t.Helper()
	list := ""
	for _, topic := range topics {
		list += quote(topic) + ","
	}
	eval[bool](b, fmt.Sprintf(`to(%d, [%s], %s)`, number, list, quote(since)))
}

// untilHeard waits until a subscription is live and has had the event as its last.
func (b *tab) untilHeard(number int, last stream.ID) {
	b.t.Helper()
	b.until(fmt.Sprintf("subscription %d has %v", number, last), fmt.Sprintf(`heard[%d].ids.at(-1) === %s`, number, quote(last.String())))
}

// river is what flows over many topics.
type river struct {
	s      *site
	names  []string
	count  atomic.Int64 // events so far
	events []stream.Event
}

// flow appends events at 500 a second until ctx ends.
func (r *river) flow(ctx context.Context, rnd *rand.Rand) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		var batch []stream.Event
		for range 5 {
			batch = append(batch, stream.Event{Topic: stream.MustTopic(r.names[rnd.IntN(len(r.names))]), Data: "x"})
		}
		ids, err := r.s.log.Append(context.Background(), batch...)
		if err != nil {
			r.s.t.Error(err)
			return
		}
		for i := range batch {
			batch[i].ID = ids[i]
		}
		r.events = append(r.events, batch...)
		r.count.Add(int64(len(batch)))
		<-tick.C
	}
}

// wish is what a subscription asked for.
type wish struct {
	tab    *tab
	number int
	topics []string
	since  string
	start  stream.ID // of since, if it is an id
	open   bool
}

// check fails the test unless the subscription had what it asked for: a run of the events of its topics, in order, each once,
// from its start on, and if it is still open to the end.
func (w *wish) check(t *testing.T, all []stream.Event) (n int) {
	t.Helper()
	selection, err := stream.ParseSelection(w.topics)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, e := range all {
		if selection.Match(e.Topic) && w.start.Less(e.ID) {
			want = append(want, e.ID.String())
		}
	}
	got := w.tab.heard(w.number)
	from := 0
	if len(got.IDs) > 0 && w.since != "all" && w.start == (stream.ID{}) {
		from = max(0, slices.Index(want, got.IDs[0]))
	}
	to := min(len(want), from+len(got.IDs))
	if !slices.Equal(got.IDs, want[from:to]) || w.open && to != len(want) || len(got.Gaps) > 0 {
		i := 0
		for i < len(got.IDs) && from+i < len(want) && got.IDs[i] == want[from+i] {
			i++
		}
		t.Errorf("subscription %d to %v since %q, open %v: %d events and then not what is wanted, of %d (%d wanted); gaps %v, states %v",
			w.number, w.topics, w.since, w.open, i, len(got.IDs), len(want)-from, got.Gaps, got.States)
	}
	return len(got.IDs)
}

func TestTabsThatJoinAndLeaveGetWhatTheyAskFor(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := serve(t, "-demo=false")
	r := &river{s: s, names: []string{"a", "a/1", "a/2", "a/2/x", "b", "b/1", "c", "d"}}
	choice := append(slices.Clone(r.names), "a/*", "b/*", "*", "$none", "never")
	all := tabs(t, 5, "")
	for _, b := range all {
		b.openLive(s.url + "/time")
		eval[bool](b, listening)
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
		eventually(t, "some more events", func() bool { return r.count.Load() >= before+int64(step%4*5) })
		open := slices.DeleteFunc(slices.Clone(wishes), func(w *wish) bool { return !w.open })
		if len(open) > 12 || len(open) > 0 && rnd.IntN(3) == 0 {
			w := open[rnd.IntN(len(open))]
			eval[bool](w.tab, fmt.Sprintf(`no(%d)`, w.number))
			w.open = false
			continue
		}
		w := &wish{tab: all[rnd.IntN(len(all))], number: step, open: true}
		for range 1 + rnd.IntN(3) {
			w.topics = append(w.topics, choice[rnd.IntN(len(choice))])
		}
		switch rnd.IntN(4) {
		case 0:
			head, err := s.log.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.start, w.since = head, head.String()
		case 1:
			w.since = "1s"
		case 2:
			w.since = "all"
		}
		w.tab.listen(w.number, w.topics, w.since)
		wishes = append(wishes, w)
	}
	for _, w := range wishes {
		if w.open {
			w.tab.until(fmt.Sprintf("subscription %d is live", w.number), fmt.Sprintf(`heard[%d].states.at(-1).state === 'live'`, w.number))
		}
	}
	dry()
	<-done
	for _, name := range r.names {
		ids, err := s.log.Append(t.Context(), stream.Event{Topic: stream.MustTopic(name), Data: "last"})
		if err != nil {
			t.Fatal(err)
		}
		r.events = append(r.events, stream.Event{ID: ids[0], Topic: stream.MustTopic(name)})
	}
	n := 0
	for _, w := range wishes {
		selection, _ := stream.ParseSelection(w.topics)
		for _, e := range slices.Backward(r.events) {
			if w.open && selection.Match(e.Topic) {
				w.tab.untilHeard(w.number, e.ID)
				break
			}
		}
		n += w.check(t, r.events)
	}
	t.Logf("%d events, of which %d subscriptions had %d", len(r.events), len(wishes), n)
	eventually(t, "there is one stream", func() bool { return s.streams() == 1 })
}
