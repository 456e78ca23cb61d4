package stream

import (
	"net/url"
	"strconv"
	"time"
)

// MaxPage is how many events a Page has at most, and so the limit of last= and limit=.
const MaxPage = 1000

// Start is where a reader starts. The zero Start is live only: new events.
type Start struct {
	Kind  StartKind
	After ID     // of After and Within
	Last  int    // of Newest, 1 to MaxPage
	Given string // of After and Lost: the position as the reader gave it
}

// StartKind is how a reader chose its start.
type StartKind int

// The kinds of start. Only After and Lost are positions that the reader had, so only they can have a gap.
const (
	Live   StartKind = iota // new events
	After                   // events after an ID: Last-Event-ID, or since=<id>
	Within                  // events after a time: since=<duration>, since=all
	Newest                  // the newest n: last=<n>
	Lost                    // a Last-Event-ID that is no ID: no error, since a browser cannot correct it
)

// ParseStart returns where a stream starts: at the Last-Event-ID header, else since=, else last=, else live. An empty
// Last-Event-ID is none (a browser following the standard never sends one).
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
		return Start{}, Errorf(Invalid,
			"Give since or last, not both: since=… says from where on, last=… how many of the newest.")
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

// query is the query of the start's first page.
func (s Start) query(topics Selection) Query {
	return Query{Topics: topics, After: s.After, Newest: s.Last, Anywhere: s.Kind != After}
}

// List is the query of a list's first page. The default is the newest events.
func (s Start) List(topics Selection, limit int) Query {
	q := s.query(topics)
	if q.Limit = limit; s.Kind == Live {
		q.Newest = limit
	}
	return q
}
