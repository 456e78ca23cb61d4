package stream

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// ID identifies an event, and is also a position in the log: "everything up to here". IDs are unique and strictly
// rising over the whole log. The text form is "<unix ms>-<sequence>", as in Redis Streams, compared as two numbers.
// Logs number the events of a millisecond from 1, so "<ms>-0" is the position before them all.
type ID struct {
	Ms  uint64 // Unix time in milliseconds, at most math.MaxInt64
	Seq uint64 // within that millisecond
}

// ParseID parses the text form: decimal digits without sign or leading zeros on both sides of one hyphen.
func ParseID(text string) (ID, error) {
	ms, seq, found := strings.Cut(text, "-")
	m, err1 := parseNumber(ms)
	s, err2 := parseNumber(seq)
	if !found || err1 != nil || err2 != nil || m > math.MaxInt64 {
		return ID{}, Errorf(Invalid, "An id is <unix ms>-<sequence>, such as 1763676000000-3.")
	}
	return ID{m, s}, nil
}

func parseNumber(text string) (uint64, error) {
	if len(text) > 1 && text[0] == '0' {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(text, 10, 64)
}

// IDAt is the position before everything logged at or after t.
func IDAt(t time.Time) ID { return ID{Ms: uint64(max(t.UnixMilli(), 0))} }

// String is the text form.
func (id ID) String() string {
	b := make([]byte, 0, 24)
	b = strconv.AppendUint(b, id.Ms, 10)
	b = append(b, '-')
	return string(strconv.AppendUint(b, id.Seq, 10))
}

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// Compare is -1, 0 or +1 as id is below, at or above other.
func (id ID) Compare(other ID) int {
	switch {
	case id.Less(other):
		return -1
	case other.Less(id):
		return +1
	}
	return 0
}

// Less reports whether id comes before other.
func (id ID) Less(other ID) bool {
	return id.Ms < other.Ms || id.Ms == other.Ms && id.Seq < other.Seq
}

// Time is when the event was logged, to the millisecond, in UTC.
func (id ID) Time() time.Time { return time.UnixMilli(int64(id.Ms)).UTC() }

// Before is the position just before id: a reader that has it misses id and nothing else.
func (id ID) Before() ID {
	switch {
	case id.Seq > 0:
		return ID{id.Ms, id.Seq - 1}
	case id.Ms > 0:
		return ID{id.Ms - 1, math.MaxUint64}
	}
	return id
}

// After is the ID of an event logged at t in a log whose newest ID is id: always above id, even if the clock was set
// back.
func (id ID) After(t time.Time) ID {
	if next := IDAt(t); next.Ms > id.Ms {
		return ID{next.Ms, 1}
	}
	return ID{id.Ms, id.Seq + 1}
}

// next is the position just after id.
func (id ID) next() ID { return ID{id.Ms, id.Seq + 1} }

// Max is the higher of the two.
func (id ID) Max(other ID) ID {
	if id.Less(other) {
		return other
	}
	return id
}

// Min is the lower of the two.
func (id ID) Min(other ID) ID {
	if other.Less(id) {
		return other
	}
	return id
}
