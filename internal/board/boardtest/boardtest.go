// Package boardtest is the contract of board.Store as a test.
package boardtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
)

// Open returns an empty store and the log it appends to; both close with the test.
type Open func(t *testing.T) (board.Store, stream.Log)

// Run checks every promise of board.Store on stores that open returns.
func Run(t *testing.T, open Open) {
	for name, check := range map[string]func(*testing.T, Open){
		"a comment is listed and published":        add,
		"a visitor's like counts once":             likeIsIdempotent,
		"a hundred concurrent likes are a hundred": hundredAtOnce,
		"the list is by likes, then newest first":  ranking,
		"a list has a limit and an offset":         parts,
		"each visitor sees their own likes":        likedIsOwn,
		"liking an unknown comment fails":          unknown,
		"a failed change has no effect":            failsAlone,
		"a list's position matches its rows":       position,
		"a list always agrees with the events":     agreement,
	} {
		t.Run(name, func(t *testing.T) { check(t, open) })
	}
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// comment adds the i-th comment; later ones are newer.
func comment(t *testing.T, store board.Store, i int) board.Comment {
	t.Helper()
	c, err := board.New("nick", fmt.Sprint("content ", i), epoch.Add(time.Duration(i)*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.AddComment(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func setLike(t *testing.T, store board.Store, id string, visitor board.Visitor, like bool, want int) {
	t.Helper()
	if got, err := store.SetLike(t.Context(), id, visitor, like); err != nil || got != want {
		t.Errorf("%s likes %s: %v: %d, %v, want %d", visitor, id, like, got, err, want)
	}
}

func list(t *testing.T, store board.Store, visitor board.Visitor, limit, offset int) board.List {
	t.Helper()
	l, err := store.List(t.Context(), visitor, limit, offset)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// events returns all events of the board.
func events(t *testing.T, log stream.Log) []stream.Event {
	t.Helper()
	page, err := log.Page(t.Context(), stream.Query{Topics: stream.Select(stream.Comments), Limit: stream.MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	return page.Events
}

func add(t *testing.T, open Open) {
	store, log := open(t)
	c := comment(t, store, 1)
	l := list(t, store, "v", 10, 0)
	if l.Total != 1 || len(l.Comments) != 1 || l.Comments[0] != (board.Listed{Comment: c}) {
		t.Errorf("list %+v, want just %+v", l, c)
	}
	published := events(t, log)
	var got board.Comment
	if len(published) != 1 || published[0].Type.String() != "comment" ||
		json.Unmarshal([]byte(published[0].Data), &got) != nil ||
		got != c {
		t.Errorf("published %+v, want %+v", published, c)
	}
	if l.Position != published[0].ID {
		t.Errorf("position %v, want %v", l.Position, published[0].ID)
	}
}

func likeIsIdempotent(t *testing.T, open Open) {
	store, log := open(t)
	c := comment(t, store, 1)
	setLike(t, store, c.ID, "a", true, 1)
	setLike(t, store, c.ID, "a", true, 1)
	setLike(t, store, c.ID, "b", true, 2)
	setLike(t, store, c.ID, "a", false, 1)
	setLike(t, store, c.ID, "a", false, 1)
	setLike(t, store, c.ID, "never", false, 1)
	var got []string
	for _, e := range events(t, log)[1:] {
		got = append(got, e.Type.String()+" "+e.Data)
	}
	want := make([]string, 0, 3)
	for _, n := range []int{1, 2, 1} {
		want = append(want, fmt.Sprintf(`like {"id":"%s","likes":%d}`, c.ID, n))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("published %q, want %q: no change, no event", got, want)
	}
}

func hundredAtOnce(t *testing.T, open Open) {
	store, log := open(t)
	c := comment(t, store, 1)
	var crowd sync.WaitGroup
	for v := range 100 {
		for range 2 {
			crowd.Go(func() {
				if _, err := store.SetLike(t.Context(), c.ID, board.Visitor(fmt.Sprint(v)), true); err != nil {
					t.Error(err)
				}
			})
		}
	}
	crowd.Wait()
	if l := list(t, store, "", 1, 0); l.Comments[0].Likes != 100 {
		t.Errorf("%d likes, want 100", l.Comments[0].Likes)
	}
	likes := events(t, log)[1:]
	for i, e := range likes {
		if want := fmt.Sprintf(`{"id":"%s","likes":%d}`, c.ID, i+1); e.Data != want {
			t.Errorf("event %d is %s, want %s", i, e.Data, want)
		}
	}
	if len(likes) != 100 {
		t.Errorf("%d events, want 100", len(likes))
	}
}

func ranking(t *testing.T, open Open) {
	store, _ := open(t)
	var c [4]board.Comment
	for i := range c {
		c[i] = comment(t, store, i)
	}
	order := func(want ...int) {
		t.Helper()
		for i, listed := range list(t, store, "", 10, 0).Comments {
			if listed.ID != c[want[i]].ID {
				t.Errorf("place %d is %q, want %q", i, listed.Content, c[want[i]].Content)
			}
		}
	}
	order(3, 2, 1, 0)
	setLike(t, store, c[1].ID, "a", true, 1)
	order(1, 3, 2, 0)
	setLike(t, store, c[0].ID, "a", true, 1)
	setLike(t, store, c[0].ID, "b", true, 2)
	order(0, 1, 3, 2)
	setLike(t, store, c[0].ID, "a", false, 1)
	order(1, 0, 3, 2)
	setLike(t, store, c[0].ID, "b", false, 0)
	order(1, 3, 2, 0)
}

func parts(t *testing.T, open Open) {
	store, _ := open(t)
	for i := range 25 {
		comment(t, store, i)
	}
	for _, c := range []struct{ limit, offset, first, n int }{{10, 0, 24, 10}, {10, 20, 4, 5}, {10, 25, 0, 0},
		{10, 1000, 0, 0}, {1000, 3, 21, 22}} {
		l := list(t, store, "", c.limit, c.offset)
		if len(l.Comments) != c.n || l.Total != 25 ||
			c.n > 0 && l.Comments[0].Content != fmt.Sprint("content ", c.first) {
			t.Errorf("limit %d, offset %d: %d of %d, want %d from %d", c.limit, c.offset, len(l.Comments), l.Total, c.n,
				c.first)
		}
	}
}

func likedIsOwn(t *testing.T, open Open) {
	store, _ := open(t)
	c := comment(t, store, 1)
	setLike(t, store, c.ID, "a", true, 1)
	for visitor, want := range map[board.Visitor]bool{"a": true, "b": false, "": false} {
		if got := list(t, store, visitor, 1, 0).Comments[0].Liked; got != want {
			t.Errorf("%q sees liked %v, want %v", visitor, got, want)
		}
	}
}

func unknown(t *testing.T, open Open) {
	store, log := open(t)
	for _, id := range []string{"none", ""} {
		if _, err := store.SetLike(t.Context(), id, "a", true); stream.AsError(err).Code != stream.NotFound {
			t.Errorf("liking %q: %v, want not found", id, err)
		}
	}
	if l := list(t, store, "a", 10, 0); l.Total != 0 || len(l.Comments) != 0 || len(events(t, log)) != 0 {
		t.Errorf("an empty board has %+v", l)
	}
}

func failsAlone(t *testing.T, open Open) {
	store, log := open(t)
	c := comment(t, store, 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.SetLike(ended, c.ID, "a", true); !errors.Is(err, context.Canceled) {
		t.Errorf("liking in an ended context: %v", err)
	}
	var crowd sync.WaitGroup
	for v := range 50 { // in the same commit, where the store groups them
		crowd.Go(func() {
			if _, err := store.SetLike(t.Context(), c.ID, board.Visitor(fmt.Sprint(v)), true); err != nil {
				t.Errorf("liking besides what fails: %v", err)
			}
		})
		crowd.Go(func() {
			if _, err := store.SetLike(t.Context(), "none", "a", true); stream.AsError(err).Code != stream.NotFound {
				t.Errorf("liking nothing: %v", err)
			}
		})
	}
	crowd.Wait()
	if l := list(t, store, "a", 1, 0); l.Comments[0].Likes != 50 || l.Comments[0].Liked || len(events(t, log)) != 51 {
		t.Errorf("besides what failed: %+v, %d events, want 50 likes and 51 events", l, len(events(t, log)))
	}
	setLike(t, store, c.ID, "a", true, 51)
}

func position(t *testing.T, open Open) {
	store, log := open(t)
	c := comment(t, store, 1)
	setLike(t, store, c.ID, "a", true, 1)
	l, comments := list(t, store, "a", 10, 0), stream.Select(stream.Comments)
	page, err := log.Page(t.Context(), stream.Query{Topics: comments, After: l.Position, Limit: 10})
	if err != nil || len(page.Events) != 0 || page.Gap != nil {
		t.Errorf("after the list's position: %+v, %v", page, err)
	}
	setLike(t, store, c.ID, "b", true, 2)
	page, err = log.Page(t.Context(), stream.Query{Topics: comments, After: l.Position, Limit: 10})
	if err != nil || len(page.Events) != 1 {
		t.Errorf("after one more like: %+v, %v", page, err)
	}
}

// agreement reads lists while likes come and go: each matches the events up to its position.
func agreement(t *testing.T, open Open) {
	store, log := open(t)
	c := comment(t, store, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var crowd sync.WaitGroup
	for v := range 8 {
		crowd.Go(func() {
			for i := 0; ctx.Err() == nil && i < 100; i++ {
				store.SetLike(ctx, c.ID, board.Visitor(fmt.Sprint(v)), i%2 == 0)
			}
		})
	}
	for range 20 {
		l := list(t, store, "", 1, 0)
		page, err := log.Page(t.Context(), stream.Query{Topics: stream.Select(stream.Comments), Limit: stream.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		likes := 0
		for _, e := range page.Events {
			if e.Type.String() == "like" && !l.Position.Less(e.ID) {
				var said struct{ Likes int }
				json.Unmarshal([]byte(e.Data), &said)
				likes = said.Likes
			}
		}
		if l.Comments[0].Likes != likes {
			t.Errorf("at %v the list has %d likes, but the events say %d", l.Position, l.Comments[0].Likes, likes)
		}
	}
	cancel()
	crowd.Wait()
}
