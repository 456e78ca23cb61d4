package stream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// longLog is a log of a thousand events, a second apart, that counts its reads.
type longLog struct {
	Log
	reads int
	gap   *Gap
	slow  func() // called in each read, if it is set
}

func (l *longLog) Page(_ context.Context, q Query) (Page, error) {
	if l.reads++; l.slow != nil {
		l.slow()
	}
	page := Page{Reached: q.After, Gap: l.gap, Mark: ID{Ms: 5_000_000 + uint64(l.reads)}}
	for ms := q.After.Ms - q.After.Ms%1000 + 1000; ms <= 1_000_000; ms += 1000 {
		if page.More = len(page.Events) == q.Limit; page.More {
			break
		}
		page.Events = append(page.Events, Event{ID: ID{Ms: ms}, Data: "x"})
		page.Reached = ID{Ms: ms}
	}
	return page, nil
}

// readAll reads everything after a position, and returns how many events that were.
func readAll(t *testing.T, log Log, after uint64) (events int) {
	t.Helper()
	q := Query{After: ID{Ms: after}, Limit: replayEvents}
	for more := true; more; {
		page, err := log.Page(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			if after += 1000; e.ID.Ms != after {
				t.Fatalf("event %d where %d is due", e.ID.Ms, after)
			}
		}
		events += len(page.Events)
		q.After, q.Told, more = page.Reached, page.Mark, page.More
	}
	return events
}

func TestReadersThatMissedAboutTheSameShareItsPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &longLog{}
		pages := NewPages(log)
		for reader := range uint64(10) {
			if events, want := readAll(t, pages, reader*1000), 1000-int(reader); events != want {
				t.Errorf("reader %d got %d events, want %d", reader, events, want)
			}
		}
		if log.reads > 30 { // unshared, they would be 40 or more
			t.Errorf("%d reads, want about two for each reader and the few pages they share", log.reads)
		}
		before := log.reads
		time.Sleep(sharedTime + 1)
		if readAll(t, pages, 0); log.reads == before {
			t.Error("a page is passed on for more than a second")
		}
	})
}

func TestAPageIsNotForAReaderThatWasToldOfFewerGaps(t *testing.T) {
	log := &longLog{}
	pages := NewPages(log)
	for _, reader := range []struct {
		told  ID
		reads int
		mark  ID
	}{
		{ID{Ms: 2}, 1, ID{Ms: 5_000_001}},
		{ID{Ms: 6_000_000}, 1, ID{Ms: 5_000_001}},
		{ID{Ms: 1}, 2, ID{Ms: 5_000_002}},
	} {
		page, err := pages.Page(t.Context(), Query{Limit: 10, Told: reader.told})
		if err != nil || log.reads != reader.reads || page.Mark != reader.mark {
			t.Errorf("told %v: %d reads, mark %v, %v; want %v", reader.told, log.reads, page.Mark, err, reader)
		}
	}
}

func TestTheLastPageIsReadByEachReader(t *testing.T) {
	log := &longLog{}
	pages := NewPages(log)
	for range 2 {
		if page, err := pages.Page(t.Context(), Query{Limit: 1000}); err != nil || page.More {
			t.Fatal(page.More, err)
		}
	}
	if log.reads != 2 {
		t.Errorf("%d reads, want 2", log.reads)
	}
}

func TestAPageWithAGapIsForOneReader(t *testing.T) {
	log := &longLog{gap: &Gap{}}
	pages := NewPages(log)
	for range 2 {
		if _, err := pages.Page(t.Context(), Query{Limit: 10}); err != nil {
			t.Fatal(err)
		}
	}
	if log.reads != 2 {
		t.Errorf("%d reads, want 2", log.reads)
	}
}

func TestAPageIsEncodedOnceInEachForm(t *testing.T) {
	pages := NewPages(&longLog{})
	encoded := 0
	for range 2 {
		page, err := pages.Page(t.Context(), Query{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for form := range 2 {
			bytes, shared := page.Encoded(form, func([]Event) []byte { encoded++; return []byte{byte(form)} })
			if !shared || int(bytes[0]) != form {
				t.Errorf("form %d: %v, %v", form, bytes, shared)
			}
		}
	}
	if encoded != 2 {
		t.Errorf("encoded %d times, want 2", encoded)
	}
}

func TestASlowReadIsNotSharedOnceItIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &longLog{}
		pages := NewPages(log)
		read := func(after uint64) {
			if _, err := pages.Page(t.Context(), Query{After: ID{Ms: after}, Limit: 10}); err != nil {
				t.Error(err)
			}
		}
		log.slow = func() {
			log.slow = nil
			time.Sleep(sharedTime / 2)
			read(500_000) // is held first
			time.Sleep(sharedTime / 4)
		}
		read(0)
		time.Sleep(sharedTime/4 + 1)
		if read(0); log.reads != 3 {
			t.Errorf("%d reads, want 3: a page is passed on a second after its read began", log.reads)
		}
	})
}

func TestPagesAreNotHeldOnceNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pages := NewPages(&longLog{})
		for after := range uint64(2 * sharedPages) {
			if _, err := pages.Page(t.Context(), Query{After: ID{Ms: after}, Limit: 10}); err != nil {
				t.Fatal(err)
			}
			if len(pages.held) > sharedPages {
				t.Fatalf("%d pages are held", len(pages.held))
			}
		}
		time.Sleep(sharedTime)
		synctest.Wait()
		if len(pages.held) > 0 {
			t.Errorf("%d pages are held after a second", len(pages.held))
		}
	})
}

func TestAPageHoldsNoneOfTheEventsThatWereCutOff(t *testing.T) {
	pages := NewPages(&longLog{})
	page, err := pages.Page(t.Context(), Query{Limit: replayEvents})
	if err != nil || len(page.Events) == replayEvents {
		t.Fatal(len(page.Events), err)
	}
	for _, e := range page.Events[len(page.Events):cap(page.Events)] {
		if e.Data != "" {
			t.Fatalf("it holds %v", e.ID)
		}
	}
}
