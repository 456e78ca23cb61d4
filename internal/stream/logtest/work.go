package logtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"iris-broadcast/internal/stream"
)

// manyTopics appends to too many topics below many/ for a page to look at each, and n events to others in between. It
// returns the data of the n, in order.
func manyTopics(t *testing.T, log stream.Log, n int) (beside []string) {
	t.Helper()
	const topics = 6000
	batch := make([]stream.Event, 0, topics+n)
	for i := range topics {
		batch = append(batch, event(fmt.Sprintf("many/%d", i), fmt.Sprint(i)))
		if i%(topics/n) == 0 {
			data := fmt.Sprintf("beside %d", i)
			name := fmt.Sprintf("few/%d", i%200)
			if batch = append(batch, event(name, data)); len(beside) < n {
				beside = append(beside, data)
			}
		}
	}
	for from := 0; from < len(batch); from += 500 {
		add(t, log, batch[from:min(from+500, len(batch))]...)
	}
	return beside
}

func pageBytes(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	for range 10 {
		add(t, log, event("a", strings.Repeat("x", 1000)))
	}
	for bytes, want := range map[int64]int{1: 1, 1000: 1, 2500: 3, 1 << 20: 10, 0: 10} {
		for _, name := range []string{"a", "*"} {
			p := page(t, log, stream.Query{Topics: selection(t, name), After: start, Bytes: bytes})
			if len(p.Events) != want || p.More != (want < 10) {
				t.Errorf("%s: at most %d bytes: %d events, More %v, want %d", name, bytes, len(p.Events), p.More, want)
			}
		}
	}
}

// pageWork reads events that are rare among very many: no page examines all, and together they find them.
func pageWork(t *testing.T, open Open) {
	log := open(t, Generous)
	rare := func(data string) (last stream.ID) {
		for i := range 150 {
			last = add(t, log, event(fmt.Sprintf("rare/%d", i), data))[0]
		}
		return last
	}
	q := stream.Query{Topics: selection(t, "rare/*"), After: rare("old")}
	manyTopics(t, log, 1)
	rare("new")
	pages, found := 0, 0
	for more := true; more; pages++ {
		p := page(t, log, q)
		if more = p.More; more && !q.After.Less(p.Reached) {
			t.Fatalf("page %d reaches %v, not beyond %v", pages, p.Reached, q.After)
		}
		found += len(p.Events)
		q.After = p.Reached
	}
	if pages < 2 || found != 150 {
		t.Errorf("%d pages have %d events, want some pages and 150", pages, found)
	}
}

func newestOfMany(t *testing.T, open Open) {
	log := open(t, Generous)
	beside := manyTopics(t, log, 300)
	want := beside[len(beside)-5:]
	p := page(t, log, stream.Query{Topics: selection(t, "few/*"), Newest: 5})
	wantData(t, "the newest of 200 topics among thousands", p.Events, want...)
	p = page(t, log, stream.Query{Topics: selection(t, "many/*"), Newest: 3})
	wantData(t, "the newest of thousands of topics", p.Events, "5997", "5998", "5999")
	for _, name := range []string{"many/1", "many/3000", "many/4500"} { // far apart by name
		add(t, log, event(name, "again in "+name))
	}
	p = page(t, log, stream.Query{Topics: selection(t, "many/*"), Newest: 4})
	wantData(t, "the newest again", p.Events, "5999", "again in many/1", "again in many/3000", "again in many/4500")
	p = page(t, log, stream.Query{Topics: selection(t, "few/*", "many/*", "few/0"), Newest: stream.MaxPage})
	if len(p.Events) != stream.MaxPage || p.Events[stream.MaxPage-1].Data != "again in many/4500" {
		t.Errorf("the newest of all are %d", len(p.Events))
	}
}

// pagesOfMany reads overlapping selections in pages of random size.
func pagesOfMany(t *testing.T, open Open) {
	log := open(t, Generous)
	start := head(t, log)
	manyTopics(t, log, 300)
	for _, names := range [][]string{{"*"}, {"few/*"}, {"few/*", "many/7", "few/20"}, {"few/0", "many/5999", "none"},
		{}} {
		var want []stream.ID
		taken := selectionOf(t, names)
		q := stream.Query{After: start}
		for more := true; more; {
			p := page(t, log, q)
			for _, e := range p.Events {
				if taken.IsZero() || taken.Match(e.Topic) {
					want = append(want, e.ID)
				}
			}
			q.After, more = p.Reached, p.More
		}
		var got []stream.ID
		q = stream.Query{Topics: taken, After: start}
		for more := true; more; {
			q.Limit, q.Bytes = 1+rand.IntN(stream.MaxPage), rand.Int64N(64<<10)
			p := page(t, log, q)
			for _, e := range p.Events {
				got = append(got, e.ID)
			}
			q.After, more = p.Reached, p.More
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q in pages: %d events, want %d", names, len(got), len(want))
		}
	}
}

func selectionOf(t *testing.T, names []string) stream.Selection {
	t.Helper()
	if len(names) == 0 {
		return stream.Selection{}
	}
	return selection(t, names...)
}
