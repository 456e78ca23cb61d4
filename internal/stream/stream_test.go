package stream_test

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/stream"
)

func TestTopicsAreParsedByTheRule(t *testing.T) {
	good := []string{"a", "news", "a/b/c", "A-z.0_9~", "...", "a/.b", "$server", "$server/x", strings.Repeat("x", 256)}
	bad := []string{"", "/", "a/", "/a", "a//b", ".", "..", "a/..", "a/./b", "a b", "ä", "a%2Fb", "a\nb", "a\x00", "*",
		"a/*", "$",
		"a$", "a/$b", strings.Repeat("x", 257)}
	for _, text := range good {
		if topic, err := stream.ParseTopic(text); err != nil || topic.String() != text {
			t.Errorf("ParseTopic(%q): %v, %v", text, topic, err)
		}
	}
	for _, text := range bad {
		if _, err := stream.ParseTopic(text); err == nil || stream.AsError(err).Code != stream.Invalid {
			t.Errorf("ParseTopic(%q): %v, want invalid", text, err)
		}
	}
}

func TestPatternsMatchTopicsBelowTheirPrefix(t *testing.T) {
	for _, c := range []struct {
		pattern, topic string
		want           bool
	}{
		{"*", "a", true}, {"*", "a/b", true}, {"*", "$server", false},
		{"a/*", "a", false}, {"a/*", "a/b", true}, {"a/*", "a/b/c", true}, {"a/*", "ab", false},
		{"a/*", "b/a/c", false},
		{"a/b/*", "a/b", false}, {"a/b/*", "a/b/c", true}, {"a", "a", true}, {"a", "a/b", false},
	} {
		selection, err := stream.ParseSelection([]string{c.pattern})
		if err != nil {
			t.Fatal(err)
		}
		topic := stream.MustTopic(c.topic)
		if got := selection.Match(topic); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.topic, got)
		}
		if byKey := slices.Contains(slices.Collect(topic.Keys), slices.Collect(selection.Keys)[0]); byKey != c.want {
			t.Errorf("by key, %q matches %q: %v", c.pattern, c.topic, byKey)
		}
	}
}

func TestSelectionsAreBounded(t *testing.T) {
	for _, texts := range [][]string{{}, slices.Repeat([]string{"a"}, 101), {"a*"}, {"*/a"}, {"/*"}, {"a//*"}, {"**"},
		{""}, {"a", "b c"}} {
		if _, err := stream.ParseSelection(texts); err == nil || stream.AsError(err).Code != stream.Invalid {
			t.Errorf("%q: %v, want invalid", texts, err)
		}
	}
	selection, err := stream.ParseSelection([]string{"b", "a/*", "b", "*", "a/*"})
	if want := []string{"b", "a/*", "*"}; err != nil || !slices.Equal(selection.Names(), want) {
		t.Errorf("each once: %q, %v", selection.Names(), err)
	}
}

func TestIDsAreComparedAsTwoNumbers(t *testing.T) {
	inOrder := []string{"0-0", "0-1", "9-9", "9-10", "10-0", "1763676000000-3", "1763676000000-10",
		"9223372036854775807-18446744073709551615"}
	for i, text := range inOrder {
		id, err := stream.ParseID(text)
		if err != nil || id.String() != text {
			t.Errorf("ParseID(%q) = %v, %v", text, id, err)
		}
		for j, other := range inOrder {
			if otherID, _ := stream.ParseID(other); id.Less(otherID) != (i < j) || id.Compare(otherID) > 0 != (i > j) {
				t.Errorf("%s and %s are in the wrong order", text, other)
			}
		}
	}
	for _, text := range []string{"", "1", "-", "1-", "-1", "1-2-3", "01-1", "1-01", "+1-1", "1-+1", "1_0-1", " 1-1",
		"1-1 ", "a-b", "0x1-1",
		"9223372036854775808-0", "1-18446744073709551616"} {
		if id, err := stream.ParseID(text); err == nil {
			t.Errorf("ParseID(%q) = %v, want an error", text, id)
		}
	}
}

func TestIDsRiseEvenIfTheClockIsSetBack(t *testing.T) {
	now := time.UnixMilli(1000)
	id := stream.IDAt(now).After(now)
	if (id != stream.ID{Ms: 1000, Seq: 1}) {
		t.Errorf("first of its millisecond: %v", id)
	}
	if got := id.After(now.Add(-time.Hour)); (got != stream.ID{Ms: 1000, Seq: 2}) {
		t.Errorf("an hour back: %v", got)
	}
	if got := id.After(now.Add(time.Millisecond)); (got != stream.ID{Ms: 1001, Seq: 1}) {
		t.Errorf("the next millisecond: %v", got)
	}
	for _, c := range [][2]stream.ID{{{Ms: 5, Seq: 2}, {Ms: 5, Seq: 1}}, {{Ms: 5}, {Ms: 4, Seq: math.MaxUint64}},
		{{}, {}}} {
		if got := c[0].Before(); got != c[1] {
			t.Errorf("before %v is %v, want %v", c[0], got, c[1])
		}
	}
}

func TestTypesAreOneLineAndNotTheServersOwn(t *testing.T) {
	for text, want := range map[string]string{"": "", "message": "", "ping": "ping", "größe": "größe", "a b": "a b",
		strings.Repeat("x", 64): strings.Repeat("x", 64)} {
		if got, err := stream.ParseType(text); err != nil || got.String() != want {
			t.Errorf("ParseType(%q) = %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"open", "error", "gap", "ready", "heartbeat", " a", "a ", "a\nb", "a\r", "\x00",
		"\xff", "\u00a0a", strings.Repeat("x", 65)} {
		if _, err := stream.ParseType(text); err == nil || stream.AsError(err).Code != stream.Invalid {
			t.Errorf("ParseType(%q): %v, want invalid", text, err)
		}
	}
}

func TestAnEventAsJSONKeepsItsExactText(t *testing.T) {
	e := stream.Event{ID: stream.ID{Ms: 1763676000007, Seq: 3}, Topic: stream.MustTopic("a/b"),
		Data: "<b>\r\n\u2028\x00&\"é"}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]string
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"id": "1763676000007-3", "topic": "a/b", "type": "", "time": "2025-11-20T22:00:00.007Z", "data": e.Data} {
		if back[field] != want {
			t.Errorf("%s is %q, want %q", field, back[field], want)
		}
	}
	if len(back) != 5 {
		t.Errorf("fields %v", back)
	}
}

func TestAStreamStartsWhereItsReaderAsks(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	for _, c := range []struct {
		header, query string
		want          stream.Start
	}{
		{"", "", stream.Start{}},
		{"", "since=all", stream.Start{Kind: stream.Within}},
		{"", "since=10s", stream.Start{Kind: stream.Within, After: stream.ID{Ms: 990_000}}},
		{"", "since=1000000h", stream.Start{Kind: stream.Within}},
		{"", "since=5-1", stream.Start{Kind: stream.After, After: stream.ID{Ms: 5, Seq: 1}, Given: "5-1"}},
		{"", "last=7", stream.Start{Kind: stream.Newest, Last: 7}},
		{"6-1", "since=5-1", stream.Start{Kind: stream.After, After: stream.ID{Ms: 6, Seq: 1}, Given: "6-1"}},
		{"6-1", "last=7", stream.Start{Kind: stream.After, After: stream.ID{Ms: 6, Seq: 1}, Given: "6-1"}},
		{"junk", "", stream.Start{Kind: stream.Lost, Given: "junk"}},
		{strings.Repeat("x", 99), "", stream.Start{Kind: stream.Lost, Given: strings.Repeat("x", 64)}},
	} {
		query, _ := url.ParseQuery(c.query)
		if got, err := stream.ParseStart(c.header, query, now); err != nil || got != c.want {
			t.Errorf("%q, %q: %+v, %v, want %+v", c.header, c.query, got, err, c.want)
		}
	}
	for _, bad := range []string{"since=", "since=5", "since=-5s", "since=0s", "since=soon", "last=", "last=0",
		"last=1001", "last=x",
		"since=all&last=1", "since=&last="} {
		query, _ := url.ParseQuery(bad)
		if _, err := stream.ParseStart("6-1", query, now); err == nil || stream.AsError(err).Code != stream.Invalid {
			t.Errorf("%q: %v, want invalid", bad, err)
		}
	}
}

func FuzzParseTopic(f *testing.F) {
	for _, text := range []string{"news", "a/b", "a/*", "*", "$x", "..", "a\nb"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if topic, err := stream.ParseTopic(text); err == nil {
			if topic.String() != text || strings.ContainsAny(text, "\r\n\x00 *%?#\\") ||
				strings.Contains("/"+text+"/", "/../") {
				t.Errorf("ParseTopic(%q) accepts it", text)
			}
		}
		selection, err := stream.ParseSelection([]string{text})
		if err == nil && !slices.Equal(selection.Names(), []string{text}) {
			t.Errorf("ParseSelection(%q) made %q of it", text, selection.Names())
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, text := range []string{"0-0", "1763676000000-3", "9223372036854775807-18446744073709551615", "-", "1--1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := stream.ParseID(text)
		if err != nil {
			return
		}
		if id.String() != text {
			t.Errorf("ParseID(%q) is %v", text, id)
		}
		if before := id.Before(); id != (stream.ID{}) && !before.Less(id) {
			t.Errorf("before %v is %v", id, before)
		}
		if after := id.After(time.UnixMilli(0)); id.Seq < math.MaxUint64 && !id.Less(after) {
			t.Errorf("after %v is %v", id, after)
		}
	})
}

func FuzzParseStart(f *testing.F) {
	for _, text := range []string{"10m", "all", "1-1", "-5s", "9999999h", "1e9h", ""} {
		f.Add(text, "5", "")
		f.Add(text, "", text)
	}
	f.Fuzz(func(t *testing.T, since, last, header string) {
		query := url.Values{}
		if since != "" {
			query.Set("since", since)
		}
		if last != "" {
			query.Set("last", last)
		}
		start, err := stream.ParseStart(header, query, time.Now())
		if err != nil {
			if stream.AsError(err).Code != stream.Invalid {
				t.Errorf("since=%q last=%q: %v", since, last, err)
			}
			return
		}
		if start.Kind == stream.Newest && (start.Last < 1 || start.Last > stream.MaxPage) ||
			len(start.Given) > 64 && start.Kind == stream.Lost {
			t.Errorf("since=%q last=%q Last-Event-ID %q: %+v", since, last, header, start)
		}
	})
}
