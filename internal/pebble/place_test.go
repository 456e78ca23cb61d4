package pebble

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// storeOf makes a store with these events in a topic, and closes it.
func storeOf(t *testing.T, dir string, data ...string) {
	t.Helper()
	s, err := Open(dir, logtest.Generous, MaxFiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range data {
		if _, err := s.Append(t.Context(), stream.Event{Topic: stream.MustTopic("news"), Data: d}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// dataIn is the data of a store's events, read without opening it for writing.
func dataIn(t *testing.T, dir string) (data []string) {
	t.Helper()
	f, err := Look(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page, err := f.Page(t.Context(), stream.Query{Anywhere: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		data = append(data, e.Data)
	}
	return data
}

func wantData(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := dataIn(t, dir); !slices.Equal(got, want) {
		t.Errorf("%s has %q, want %q", filepath.Base(dir), got, want)
	}
}

func TestAStoreIsReplacedEvenWithoutAnAtomicExchange(t *testing.T) {
	for _, can := range []bool{true, false} {
		dir := t.TempDir()
		store, copy := filepath.Join(dir, "store"), filepath.Join(dir, "copy")
		storeOf(t, store, "old")
		storeOf(t, copy, "new")
		if !can {
			exchange = func(string, string) error { return errors.ErrUnsupported }
		}
		_, before, err := Restore(t.Context(), copy, store, noProgress)
		exchange = exchangeNames
		if err != nil {
			t.Fatal(err)
		}
		wantData(t, store, "new")
		wantData(t, before, "old")
		if names, _ := filepath.Glob(store + "/*FINISHED"); len(names) > 0 {
			t.Errorf("there are %q", names)
		}
		storeOf(t, store, "more") // it can be opened
	}
}

// TestACrashBetweenTwoStepsLosesNeitherStore sets the folders up as a crash leaves them.
func TestACrashBetweenTwoStepsLosesNeitherStore(t *testing.T) {
	mark := func(folder, name string) {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	layout := func(t *testing.T) (store, copy string) {
		dir := t.TempDir()
		store, copy = filepath.Join(dir, "store"), filepath.Join(dir, "copy")
		storeOf(t, store, "old")
		storeOf(t, copy, "new")
		return store, copy
	}
	t.Run("the old one is moved aside, the new one not yet in place", func(t *testing.T) {
		store, copy := layout(t)
		mark(copy, finished)
		if err := errors.Join(os.Rename(store, store+".before-x"), os.Rename(copy, store+restoring)); err != nil {
			t.Fatal(err)
		}
		storeOf(t, store, "goes on")
		wantData(t, store, "new", "goes on")
		wantData(t, store+".before-x", "old")
	})
	t.Run("they are exchanged, and the old one has the draft's name", func(t *testing.T) {
		store, copy := layout(t)
		if err := errors.Join(os.Rename(store, store+restoring), os.Rename(copy, store)); err != nil {
			t.Fatal(err)
		}
		mark(store, finished)
		storeOf(t, store, "goes on")
		storeOf(t, copy, "newer")
		if _, _, err := Restore(t.Context(), copy, store, noProgress); err != nil {
			t.Fatal(err)
		}
		wantData(t, store, "newer")
		asides, _ := filepath.Glob(store + ".before-*")
		if len(asides) != 2 {
			t.Fatalf("there are %q", asides)
		}
		wantData(t, asides[0], "old")
		wantData(t, asides[1], "new", "goes on")
	})
	t.Run("the draft is unfinished", func(t *testing.T) {
		store, copy := layout(t)
		if err := errors.Join(os.RemoveAll(store), os.Rename(copy, store+restoring)); err != nil {
			t.Fatal(err)
		}
		mark(store+restoring, unfinished)
		storeOf(t, store, "begins")
		wantData(t, store, "begins")
	})
}

func TestAForeignFolderIsNeverTakenForADraft(t *testing.T) {
	dir := t.TempDir()
	storeOf(t, dir+"/store", "x")
	if err := errors.Join(os.Mkdir(dir+"/copy.partial", 0o700),
		os.WriteFile(dir+"/copy.partial/letter", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := Backup(t.Context(), dir+"/store", dir+"/store", dir+"/copy", noProgress)
	if err == nil || !strings.Contains(err.Error(), "copy.partial: it is in the way") {
		t.Errorf("a backup: %v", err)
	}
	if _, err := os.Stat(dir + "/copy.partial/letter"); err != nil {
		t.Error(err)
	}
}

// raw changes a store's database directly.
func raw(t *testing.T, dir string, change func(*lsm.DB) error) {
	t.Helper()
	a, err := openAlone(dir, true)
	if err == nil {
		err = errors.Join(change(a.db), a.db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestACheckComparesEventsIndexTopicsAndBoard(t *testing.T) {
	make := func(t *testing.T) (dir string, ids []stream.ID) {
		dir = t.TempDir()
		s := openAt(t, dir, logtest.Generous)
		for _, topic := range []string{"a", "b", "a"} {
			added, err := s.Append(t.Context(), stream.Event{Topic: stream.MustTopic(topic), Data: "x"})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, added...)
		}
		c, err := board.New("n", "c", time.Now())
		if err == nil {
			err = errors.Join(s.AddComment(t.Context(), c), s.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir, ids
	}
	a := stream.MustTopic("a")
	for name, c := range map[string]struct {
		change func(*lsm.DB, []stream.ID) error
		want   string
	}{
		"intact": {func(*lsm.DB, []stream.ID) error { return nil }, ""},
		"an event is missing": {func(db *lsm.DB, ids []stream.ID) error {
			return db.Delete(keyOfEvent(nil, ids[0]), nil)
		}, "The topic a has 1 events"},
		"an index entry is missing": {func(db *lsm.DB, ids []stream.ID) error {
			return db.Delete(keyInTopic(nil, a, ids[0]), nil)
		}, "The index of the topic a"},
		"an index entry is wrong": {func(db *lsm.DB, ids []stream.ID) error {
			value, closer, err := db.Get(keyInTopic(nil, a, ids[0]))
			if err != nil {
				return err
			}
			defer closer.Close()
			return errors.Join(db.Set(keyInTopic(nil, a, ids[0].Before()), value, nil),
				db.Delete(keyInTopic(nil, a, ids[0]), nil))
		}, "The index of the topic a"},
		"a record is missing": {func(db *lsm.DB, _ []stream.ID) error {
			return db.Delete(keyOfRecord(nil, a), nil)
		}, "The topic a has no record"},
		"a topic has no events": {func(db *lsm.DB, ids []stream.ID) error {
			b := stream.MustTopic("b")
			return errors.Join(db.Delete(keyOfEvent(nil, ids[1]), nil), db.Delete(keyInTopic(nil, b, ids[1]), nil))
		}, "The topic b has 0 events"},
		"a place is missing": {func(db *lsm.DB, _ []stream.ID) error {
			return db.DeleteRange([]byte{rankKey}, []byte{rankKey + 1}, nil)
		}, "has no place on the board"},
		"an event is malformed": {func(db *lsm.DB, ids []stream.ID) error {
			return db.Set(keyOfEvent(nil, ids[0]), []byte{9}, nil)
		}, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, ids := make(t)
			raw(t, dir, func(db *lsm.DB) error { return c.change(db, ids) })
			sum, damaged, err := Check(t.Context(), dir, noProgress)
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(damaged, "\n")
			whole := all == "" && sum.Events == 4 && sum.Topics == 3 && sum.Comments == 1
			if c.want == "" && !whole || !strings.Contains(all, c.want) {
				t.Errorf("%+v, %s", sum, all)
			}
		})
	}
}

func TestAnotherLayoutIsRefused(t *testing.T) {
	dir := t.TempDir()
	store, copy := dir+"/store", dir+"/copy"
	storeOf(t, store, "x")
	storeOf(t, copy, "x")
	raw(t, copy, func(db *lsm.DB) error { return db.Set([]byte{stateKey}, []byte{version + 1}, nil) })
	_, _, check := Check(t.Context(), copy, noProgress)
	_, _, restore := Restore(t.Context(), copy, store, noProgress)
	_, _, compact := CompactFolder(t.Context(), copy, noProgress)
	for _, err := range []error{check, restore, compact} {
		if err == nil || !strings.Contains(err.Error(), "another version of this program") {
			t.Errorf("%v", err)
		}
	}
	wantData(t, store, "x")
}

func TestACompactionFreesSpaceWhilePublishersPublish(t *testing.T) {
	keep := logtest.Generous
	keep.Events = 100
	s := openAt(t, t.TempDir(), keep)
	noise := strings.Repeat("0123456789abcdef", 1000)
	for n := range 600 {
		if _, err := s.Append(t.Context(), stream.Event{Topic: stream.MustTopic("news"), Data: noise[n:]}); err != nil {
			t.Fatal(err)
		}
		if n == 500 {
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	before, after, err := s.Compact(t.Context(), noProgress)
	if err != nil || after >= before || after == 0 {
		t.Errorf("%d bytes before, %d after, %v", before, after, err)
	}
	if page, err := s.Page(t.Context(), stream.Query{Anywhere: true}); err != nil || len(page.Events) != 100 {
		t.Errorf("%d events are left, %v", len(page.Events), err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Check(ended, s.dir, noProgress); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled check: %v", err)
	}
}
