package pebble

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// sample is a closed store and its contents.
type sample struct {
	fs       *vfs.MemFS
	keep     stream.Retention
	h        *hands
	start    stream.ID
	events   []stream.Event
	comments board.List
}

// makeSample fills a store: tables on several levels, removals by count and by age, and a log of what is in no table
// yet.
func makeSample(t *testing.T) *sample {
	t.Helper()
	f := &sample{fs: vfs.NewMem(), keep: logtest.Generous, h: newHands()}
	f.keep.Events, f.keep.Age = 60, time.Hour
	f.keep.Always = map[stream.Topic]int{rare: 1000}
	s := openOn(t, f.fs, "store", f.keep, f.h)
	f.start, _ = s.Head(t.Context())
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 2400 {
		name := []string{"news", "rare", "a/1", "a/2", "b"}[rng.IntN(5)]
		if i < 300 {
			name = fmt.Sprint("old/", i%20)
		}
		_, err := s.Append(t.Context(), stream.Event{Topic: stream.MustTopic(name),
			Data: fmt.Sprint(i, " ", rng.Uint64(), rng.Uint64(), rng.Uint64())})
		if err != nil {
			t.Fatal(err)
		}
		if i%40 == 0 {
			c := board.Comment{ID: fmt.Sprint(i), Nickname: "n", Content: "text", CreatedAt: f.h.clock()}
			if err := s.AddComment(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if _, err := s.SetLike(t.Context(), fmt.Sprint(i/80*80), board.Visitor(fmt.Sprint(i)), true); err != nil {
				t.Fatal(err)
			}
		}
		if i%10 == 0 {
			f.h.move(20 * time.Second)
		}
		if i%500 == 499 {
			for s.tidy() {
			}
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if i == 1000 {
			if err := s.db.Compact(t.Context(), allKeys.from, allKeys.to, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	for s.tidy() {
	}
	verify(t, s)
	f.events = readAll(t, s, stream.Query{Anywhere: true})
	var err error
	if f.comments, err = s.List(t.Context(), "visitor", 1000, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

// readAll reads page by page to the end.
func readAll(t *testing.T, s *Store, q stream.Query) (all []stream.Event) {
	t.Helper()
	for more := true; more; {
		page := read(t, s, q)
		all = append(all, page.Events...)
		q.After, q.Told, q.Anywhere, more = page.Reached, page.Mark, false, page.More
	}
	return all
}

// TestAFlippedBitAltersNothingAndLosesNothingSilently flips a bit in about 10 places, or 1,000 with
// TEST_BROADCAST_LONG.
func TestAFlippedBitAltersNothingAndLosesNothingSilently(t *testing.T) {
	flips := 10
	if os.Getenv("TEST_BROADCAST_LONG") != "" {
		flips = 1000
	}
	f := makeSample(t)
	names, sizes := storeFiles(t, f.fs)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, reserveName) })
	rng := rand.New(rand.NewPCG(5, 6))
	seen := map[string]int{}
	for i := range flips {
		name := names[i%len(names)]
		if rng.IntN(2) == 0 { // most is in tables
			name = names[rng.IntN(len(names))]
		}
		at, bit := rng.IntN(sizes[name]), rng.IntN(8)
		fs := copyStore(t, f.fs)
		rewrite(t, fs, name, func(data []byte) []byte {
			data[at] ^= 1 << bit
			return data
		})
		outcome := f.after(t, fs)
		if t.Failed() {
			t.Fatalf("%s, bit %d of byte %d of %d: %s", name, bit, at, sizes[name], outcome)
		}
		kind, _, _ := strings.Cut(name, "-")
		if _, ext, ok := strings.Cut(name, "."); ok {
			kind = ext
		}
		seen[kind+": "+outcome]++
	}
	for _, outcome := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%4d %s", seen[outcome], outcome)
	}
}

// after opens what has become of the sample, and returns how that went.
func (f *sample) after(t *testing.T, fs vfs.FS) string {
	t.Helper()
	s, err := open(fs, "store", f.keep, MaxFiles, f.h.clock)
	if err != nil {
		if !strings.Contains(err.Error(), "check") || !strings.Contains(err.Error(), "restore") {
			t.Errorf("the error %v names neither check nor restore", err)
		}
		return "refused"
	}
	missing := f.missing(t, s)
	list, err := s.List(t.Context(), "visitor", 1000, 0)
	if err != nil {
		t.Error(err)
	}
	for _, c := range list.Comments {
		if !slices.Contains(f.comments.Comments, c) && len(s.Damage()) == 0 {
			t.Errorf("the comment %+v is altered", c)
		}
	}
	missing += len(f.comments.Comments) - len(list.Comments)
	if missing > 0 && len(s.Damage()) == 0 {
		t.Errorf("%d are missing, and Damage says nothing", missing)
	}
	head, _ := s.Head(t.Context())
	id := add(t, s, news, "after it")
	if page := read(t, s, stream.Query{Topics: stream.Select(news), After: head}); !head.Less(id) ||
		len(page.Events) != 1 || page.Gap != nil {
		t.Errorf("publishing is not possible: %+v", page)
	}
	verify(t, s)
	notes := len(s.Damage())
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	switch {
	case missing > 0:
		return "set aside, something is missing"
	case notes > 0:
		return "set aside, nothing is missing"
	}
	return "nothing is missing"
}

// missing is how many events are missing. Every reader that misses some must get a gap, whatever its position.
func (f *sample) missing(t *testing.T, s *Store) (missing int) {
	t.Helper()
	for _, names := range [][]string{{"*"}, {"news"}, {"a/*", "rare"}, {"b", "a/1", "old/7"}, {}} {
		var topics stream.Selection
		if len(names) > 0 {
			topics, _ = stream.ParseSelection(names)
		}
		for i := -1; i < len(f.events); i += 1 + len(f.events)/7 {
			q := stream.Query{Topics: topics, After: f.start}
			if i >= 0 {
				q.After = f.events[i].ID
			}
			m, reported := 0, false
			page := read(t, s, q)
			got := map[stream.ID]stream.Event{}
			for more := true; more; {
				for _, e := range page.Events {
					got[e.ID] = e
				}
				reported = reported || page.Gap != nil
				if more = page.More; more {
					q.After, q.Told = page.Reached, page.Mark
					page = read(t, s, q)
				}
			}
			for _, e := range f.events[i+1:] {
				if topics.IsZero() || topics.Match(e.Topic) {
					if there, ok := got[e.ID]; !ok {
						m++
					} else if there != e {
						t.Errorf("%v is altered", e.ID)
					}
					delete(got, e.ID)
				}
			}
			for id := range got {
				if i < 0 || f.events[i].ID.Less(id) {
					t.Errorf("%v has come back", id)
				}
			}
			if m > 0 && !reported {
				t.Errorf("%q from %d on: %d are missing, without a gap", names, i, m)
			}
			missing = max(missing, m)
		}
	}
	return missing
}
