package pebble

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

var (
	news = stream.MustTopic("news")
	rare = stream.MustTopic("rare")
)

// hands is a clock that stands still until it is moved.
type hands struct{ at atomic.Pointer[time.Time] }

func (h *hands) clock() time.Time { return *h.at.Load() }

func (h *hands) move(by time.Duration) {
	now := h.clock().Add(by)
	h.at.Store(&now)
}

func newHands() *hands {
	h, now := &hands{}, time.UnixMilli(1_763_676_000_000)
	h.at.Store(&now)
	return h
}

// openOn opens a store on a file system, with that clock.
func openOn(t *testing.T, files vfs.FS, dir string, keep stream.Retention, h *hands) *Store {
	t.Helper()
	s, err := open(files, dir, keep, MaxFiles, h.clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func add(t *testing.T, s *Store, topic stream.Topic, data string) stream.ID {
	t.Helper()
	ids, err := s.Append(t.Context(), stream.Event{Topic: topic, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return ids[0]
}

func read(t *testing.T, s *Store, q stream.Query) stream.Page {
	t.Helper()
	page, err := s.Page(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// wantGap fails the test unless there is a gap after a position, or none.
func wantGap(t *testing.T, s *Store, what string, after stream.ID, want bool) {
	t.Helper()
	for _, topics := range []stream.Selection{stream.Select(news), stream.Select(stream.MustTopic("never")), {}} {
		if page := read(t, s, stream.Query{Topics: topics, After: after}); (page.Gap != nil) != want {
			t.Errorf("%s, %q after %v: the gap is %+v", what, topics.Names(), after, page.Gap)
		}
	}
}

func TestANewStoreKnowsNothingAboutEarlierPositions(t *testing.T) {
	h, dir := newHands(), t.TempDir()
	s := openOn(t, vfs.Default, dir, logtest.Generous, h)
	start := stream.IDAt(h.clock())
	if head, _ := s.Head(t.Context()); head != start {
		t.Errorf("its head is %v, want the time it was created, %v", head, start)
	}
	wantGap(t, s, "before it was made", start.Before(), true)
	wantGap(t, s, "when it was made", start, false)
	s.Close()
	h.move(time.Hour)
	s = openOn(t, vfs.Default, dir, logtest.Generous, h)
	if head, _ := s.Head(t.Context()); head != start {
		t.Errorf("reopened, its head is %v, want %v", head, start)
	}
	wantGap(t, s, "when it was made", start, false)
	wantGap(t, s, "while it was away", stream.IDAt(h.clock().Add(-time.Minute)), true)
}

func TestAReopenedStoreIsTheSame(t *testing.T) {
	h, dir := newHands(), t.TempDir()
	keep := logtest.Generous
	keep.Events = 3
	s := openOn(t, vfs.Default, dir, keep, h)
	first := add(t, s, rare, "once")
	var last stream.ID
	for i := range 30 {
		last = add(t, s, news, fmt.Sprint(i))
	}
	before := read(t, s, stream.Query{After: first})
	for range 3 {
		s.Close()
		h.move(time.Minute)
		s = openOn(t, vfs.Default, dir, keep, h)
		after := read(t, s, stream.Query{After: first})
		if fmt.Sprint(after.Events) != fmt.Sprint(before.Events) || fmt.Sprint(after.Gap) != fmt.Sprint(before.Gap) {
			t.Errorf("after a restart: %+v, want %+v", after, before)
		}
		wantGap(t, s, "at its newest event", last, false)
	}
	if next := add(t, s, news, "new"); !last.Less(next) {
		t.Errorf("after %v came %v", last, next)
	}
	if page := read(t, s, stream.Query{Topics: stream.Select(news), Anywhere: true}); len(page.Events) != 3 {
		t.Errorf("a topic that keeps three has %d", len(page.Events))
	}
}

func TestARestoredOlderCopyIsAGap(t *testing.T) {
	h, dir := newHands(), t.TempDir()
	s := openOn(t, vfs.Default, dir+"/store", logtest.Generous, h)
	known := add(t, s, news, "in the copy")
	s.Close()
	if err := os.CopyFS(dir+"/copy", os.DirFS(dir+"/store")); err != nil {
		t.Fatal(err)
	}
	h.move(time.Second)
	s = openOn(t, vfs.Default, dir+"/store", logtest.Generous, h)
	lost := add(t, s, news, "not in it")
	s.Close()
	h.move(time.Minute)
	s = openOn(t, vfs.Default, dir+"/copy", logtest.Generous, h)
	wantGap(t, s, "who had what is lost", lost, true)
	wantGap(t, s, "who had the last of the copy", known, false)
	next := add(t, s, news, "after it")
	wantGap(t, s, "who had what is lost, later", lost, true)
	for what, after := range map[string]stream.ID{"the last of the copy": known,
		"the moment it was opened": stream.IDAt(h.clock()), "the new one": next} {
		wantGap(t, s, what, after, false)
	}
	s.Close() // and again, so that there are two voids
	h.move(time.Minute)
	s = openOn(t, vfs.Default, dir+"/copy", logtest.Generous, h)
	wantGap(t, s, "who had what is lost, after another start", lost, true)
	wantGap(t, s, "after the newest, within the last start", next.After(h.clock().Add(-time.Second)), true)
	wantGap(t, s, "the new one", next, false)
}

func TestIDsKeepRisingAfterTheClockWasAhead(t *testing.T) {
	h, dir := newHands(), t.TempDir()
	h.move(time.Hour)
	s := openOn(t, vfs.Default, dir, logtest.Generous, h)
	ahead := add(t, s, news, "an hour ahead")
	s.Close()
	h.move(-time.Hour)
	s = openOn(t, vfs.Default, dir, logtest.Generous, h)
	if next := add(t, s, news, "now"); !ahead.Less(next) {
		t.Errorf("after %v came %v", ahead, next)
	}
	wantGap(t, s, "where the clock was", ahead, false)
	s.Close()
	s = openOn(t, vfs.Default, t.TempDir(), logtest.Generous, h) // the folder was moved away
	wantGap(t, s, "where the other's clock was", ahead, true)
}

func TestAStoreKeepsABoundedNumberOfVoids(t *testing.T) {
	h, mem := newHands(), vfs.NewMem()
	s := openOn(t, mem, "store", logtest.Generous, h)
	var ids []stream.ID
	b := s.db.NewBatch()
	for i := range maxVoids + 5 { // what so many starts would leave
		from := stream.IDAt(h.clock().Add(time.Duration(2*i) * time.Second))
		ids = append(ids, from)
		b.Set(keyOfVoid(from), appendID(nil, stream.IDAt(from.Time().Add(time.Second))), nil)
	}
	if err := b.Commit(lsm.Sync); err != nil {
		t.Fatal(err)
	}
	h.move(2 * maxVoids * time.Hour)
	add(t, s, news, "newest")
	s.Close()
	h.move(time.Hour)
	s = openOn(t, mem, "store", logtest.Generous, h)
	if n := len(s.ledger.Voids()); n != maxVoids {
		t.Errorf("there are %d voids", n)
	}
	wantGap(t, s, "in a void that is not kept", stream.ID{Ms: ids[0].Ms, Seq: 1}, true)
	wantGap(t, s, "in the oldest that is kept", stream.ID{Ms: ids[10].Ms, Seq: 1}, true)
	wantGap(t, s, "between the voids", stream.IDAt(ids[100].Time().Add(1500*time.Millisecond)), false)
}

func TestEventsExpireWhileNobodyPublishes(t *testing.T) {
	t.Parallel()
	keep := logtest.Generous
	keep.Age = 2 * time.Second
	keep.Always = map[stream.Topic]int{rare: 1000}
	s := openAt(t, t.TempDir(), keep)
	start, _ := s.Head(t.Context())
	for i := range 3000 {
		topic := stream.MustTopic(fmt.Sprint("t/", i%50))
		if i%100 == 0 {
			topic = rare
		}
		if _, err := s.Append(t.Context(), stream.Event{Topic: topic, Data: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all expired events are removed", func() bool {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.ledger.Topics() == 1
	})
	page := read(t, s, stream.Query{After: start})
	if len(page.Events) != 30 || page.Gap == nil {
		t.Errorf("%d events are left, and the gap is %v", len(page.Events), page.Gap)
	}
	eventually(t, "their keys are removed", func() bool { // a moment after the ledger
		it, err := s.db.NewIter(&lsm.IterOptions{LowerBound: []byte{eventKey}, UpperBound: []byte{voidKey}})
		if err != nil {
			t.Fatal(err)
		}
		keys := 0
		for ok := it.First(); ok; ok = it.Next() {
			keys++
		}
		return it.Close() == nil && keys == 30+1+1+30 // events, record, state, topic
	})
}

func TestAFolderThatIsNoStoreIsLeftUntouched(t *testing.T) {
	foreign := t.TempDir()
	db, err := lsm.Open(foreign+"/pebble", &lsm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	os.WriteFile(foreign+"/file", []byte("x"), 0o600)
	os.MkdirAll(foreign+"/full", 0o700)
	os.WriteFile(foreign+"/full/letter.txt", []byte("x"), 0o600)
	inUse := t.TempDir()
	openAt(t, inUse, logtest.Generous)
	other := t.TempDir()
	s := openAt(t, other, logtest.Generous)
	s.db.Set([]byte{stateKey}, []byte{version + 1}, lsm.Sync)
	s.Close()
	for dir, want := range map[string]string{
		foreign + "/pebble": "holds something other than a store", foreign + "/file": "is not a folder",
		foreign + "/full": "holds something other than a store", inUse: "in use by another process",
		other: "was written by another version",
	} {
		before := contents(t, dir)
		s, err := Open(dir, logtest.Generous, MaxFiles)
		if err == nil {
			s.Close()
			t.Errorf("%s is opened", filepath.Base(dir))
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "-store pebble:DIR") {
			t.Errorf("%s: %v, want %q in it", filepath.Base(dir), err, want)
		}
		if after := contents(t, dir); dir != inUse && dir != other && after != before {
			t.Errorf("%s has changed from %s to %s", filepath.Base(dir), before, after)
		}
	}
}

// contents is the names and sizes of everything in a folder.
func contents(t *testing.T, dir string) (all string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			info, _ := entry.Info()
			all += fmt.Sprint(" ", path, " ", info.Size())
		}
		return nil
	})
	return all
}

func TestNoEventIsWithinAVoidEvenIfTheClockIsSetBack(t *testing.T) {
	h, dir := newHands(), t.TempDir()
	s := openOn(t, vfs.Default, dir, logtest.Generous, h)
	add(t, s, news, "before")
	s.Close()
	h.move(time.Hour)
	s = openOn(t, vfs.Default, dir, logtest.Generous, h)
	h.move(-time.Minute)
	next := add(t, s, news, "after")
	wantGap(t, s, "at an event of its own", next, false)
	wantGap(t, s, "just before it", next.Before(), false)
	s.Close()
	s = openOn(t, vfs.Default, dir, logtest.Generous, h)
	wantGap(t, s, "at an event of its own, opened again", next, false)
}

func TestAClockThatIsSetBackShortensNoVoid(t *testing.T) {
	fs, h := vfs.NewMem(), newHands()
	s := openOn(t, fs, "store", logtest.Generous, h)
	add(t, s, news, "before")
	in := stream.IDAt(h.clock().Add(45 * time.Minute))
	for _, by := range []time.Duration{time.Hour, -30 * time.Minute} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		h.move(by)
		s = openOn(t, fs, "store", logtest.Generous, h)
	}
	add(t, s, news, "after")
	h.move(time.Hour)
	add(t, s, news, "later")
	wantGap(t, s, "within the hour that it was away", in, true)
}
