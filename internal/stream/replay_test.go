package stream_test

import (
	"context"
	"strings"
	"testing"

	"iris-broadcast/internal/stream"
)

// onePage is a log with one event.
type onePage struct{ stream.Log }

func (onePage) Page(_ context.Context, q stream.Query) (stream.Page, error) {
	e := stream.Event{ID: stream.ID{Ms: 5, Seq: 1}, Data: strings.Repeat("x", 1000)}
	if !q.After.Less(e.ID) {
		return stream.Page{Reached: e.ID, Head: e.ID}, nil
	}
	return stream.Page{Events: []stream.Event{e}, Reached: e.ID, Head: e.ID}, nil
}

func TestAReplayThatHasEndedHoldsNoEventsAndContinues(t *testing.T) {
	all := stream.Start{Kind: stream.Within}
	r, err := all.Replay(t.Context(), onePage{}, stream.Select(stream.MustTopic("news")), false)
	if err != nil || len(r.Page.Events) != 1 {
		t.Fatalf("%v, %v", r.Page.Events, err)
	}
	if r.End(); r.Page.Events != nil {
		t.Error("it holds events that have been written")
	}
	if err := r.Next(t.Context()); err != nil || r.Since != "5-1" || len(r.Page.Events) != 0 {
		t.Errorf("after %s: %v, %v, want nothing more", r.Since, r.Page.Events, err)
	}
	r.End()
}

// fullPage is a log that always has more than one page.
type fullPage struct{ onePage }

func (l fullPage) Page(ctx context.Context, q stream.Query) (stream.Page, error) {
	page, err := l.onePage.Page(ctx, q)
	page.More = true
	return page, err
}

func TestAReplayThatHasEndedHoldsNoSharedPage(t *testing.T) {
	all := stream.Start{Kind: stream.Within}
	r, err := all.Replay(t.Context(), stream.NewPages(fullPage{}), stream.Select(stream.MustTopic("news")), false)
	encode := func([]stream.Event) []byte { return []byte("x") }
	if _, shared := r.Page.Encoded(0, encode); err != nil || !shared {
		t.Fatalf("shared: %v, %v", shared, err)
	}
	r.End()
	if _, held := r.Page.Encoded(0, encode); held || r.Page.Events != nil {
		t.Error("it holds a page that has been written")
	}
}
