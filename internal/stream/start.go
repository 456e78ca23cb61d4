package stream

import (
	"net/url"
	"strconv"
	"time"
)

// MaxPage is the most events that one Page has, and so the most that a reader can ask for with last= and limit=.
const MaxPage = 1000

// Start says where a reader begins. The zero Start is live only: what comes from now on.
type Start struct {
	Kind  StartKind
	After ID     // of After and Within
	Last  int    // of Newest, 1 to MaxPage
	Given string // of After and Lost: the position as the reader gave it
}

// StartKind is how a reader said where to begin.
type StartKind int

// The kinds of start. Only After and Lost name a position that the reader had, so only they can have a gap.
const (
	Live   StartKind = iota // what comes from now on
	After                   // what came after an ID: Last-Event-ID, or since=<id>
	Within                  // what came after a time: since=<duration>, since=all
	Newest                  // the newest n: last=<n>
	Lost                    // a Last-Event-ID that is no ID: a browser cannot mend it, so it is no error
)

// ParseStart reads where a stream begins: the Last-Event-ID header, else since=, else last=, else live. An empty
// Last-Event-ID is none (the standard never sends one).
func ParseStart(lastEventID string, query url.Values, now time.Time) (Start, error) {
	start, err := parseQuery(query, now)
	if err != nil || lastEventID == "" {
		return start, err
	}
	id, err := ParseID(lastEventID)
	if err != nil {
		return Start{Kind: Lost, Given: lastEventID[:min(len(lastEventID), 64)]}, nil
	}
	return Start{Kind: After, After: id, Given: lastEventID}, nil
}

func parseQuery(query url.Values, now time.Time) (Start, error) {
	since, last := query.Get("since"), query.Get("last")
	switch {
	case query.Has("since") && query.Has("last"):
		return Start{}, Errorf(Invalid, "Give since or last, not both: since=… says from where on, last=… how many of the newest.")
	case query.Has("last"):
		n, err := strconv.Atoi(last)
		if err != nil || n < 1 || n > MaxPage {
			return Start{}, Errorf(Invalid, "last is a whole number from 1 to %d.", MaxPage)
		}
		return Start{Kind: Newest, Last: n}, nil
	case since == "all":
		return Start{Kind: Within}, nil
	case query.Has("since"):
		return parseSince(since, now)
	}
	return Start{}, nil
}

func parseSince(since string, now time.Time) (Start, error) {
	if id, err := ParseID(since); err == nil {
		return Start{Kind: After, After: id, Given: since}, nil
	}
	if d, err := time.ParseDuration(since); err == nil && d > 0 {
		return Start{Kind: Within, After: IDAt(now.Add(-d))}, nil
	}
	return Start{}, Errorf(Invalid, "since is an id such as 1763676000000-3, a time such as 10m or 24h, or all.")
}

// query is where the start's first page begins, of those topics.
func (s Start) query(topics Selection) Query {
	return Query{Topics: topics, After: s.After, Newest: s.Last, Anywhere: s.Kind != After}
}

// List is the query of a list's first page: who does not say where to begin gets the newest events.
func (s Start) List(topics Selection, limit int) Query {
	q := s.query(topics)
	if q.Limit = limit; s.Kind == Live {
		q.Newest = limit
	}
	return q
}
