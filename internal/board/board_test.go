package board_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
)

func TestACommentIsWithinItsBounds(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		nickname, content string
		want              stream.Code
	}{
		{"", "hello", ""},
		{strings.Repeat("ä", 50), strings.Repeat("ö", 2000), ""},
		{" Bob ", " line\nline ", ""},
		{strings.Repeat("ä", 51), "hello", stream.Unprocessable},
		{"Bob", "", stream.Unprocessable},
		{"Bob", " \n\t", stream.Unprocessable},
		{"Bob", strings.Repeat("ö", 2001), stream.Unprocessable},
		{"B\nob", "hello", stream.Unprocessable},
		{"Bob", "\xff", stream.Invalid},
	} {
		got, err := board.New(c.nickname, c.content, now)
		if c.want != "" {
			if err == nil || stream.AsError(err).Code != c.want {
				t.Errorf("%q, %q: %v, want %s", c.nickname, c.content, err, c.want)
			}
			continue
		}
		nickname := strings.TrimSpace(c.nickname)
		if nickname == "" {
			nickname = "anonymous"
		}
		if err != nil || got.Nickname != nickname || got.Content != strings.TrimSpace(c.content) || len(got.ID) != 26 {
			t.Errorf("%q, %q: %+v, %v", c.nickname, c.content, got, err)
		}
	}
}

func TestEventsDoNotRevealTheVisitor(t *testing.T) {
	c, _ := board.New("Bob", "hello", time.Now())
	var fields map[string]any
	if err := json.Unmarshal([]byte(board.Commented(c).Data), &fields); err != nil || len(fields) != 5 {
		t.Errorf("a comment's event has %v, %v", fields, err)
	}
	if got := board.Liked("x", 3).Data; got != `{"id":"x","likes":3}` {
		t.Errorf("a like's event has %s", got)
	}
}
