package stream

import (
	"slices"
	"strings"
)

// MaxTopics is how many topics and patterns one reader may name.
const MaxTopics = 100

const topicRule = "A topic is 1 to 256 bytes of path segments made of ASCII letters, digits and -._~, " +
	"such as news or sensors/kitchen; no segment is empty, '.' or '..'."

// Topic is what an event is about: a path such as "news" or "sensors/kitchen". It consists of segments of ASCII
// letters, digits and "-._~", at most 256 bytes in all, so it is safe in a URL, a field and a log line. The server's
// own topics begin with "$". The zero Topic is none.
type Topic struct{ name string }

// ParseTopic parses a topic's name.
func ParseTopic(text string) (Topic, error) {
	if len(text) == 0 || len(text) > 256 {
		return Topic{}, Errorf(Invalid, "%s", topicRule)
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(text, "$"), "/") {
		if segment == "" || segment == "." || segment == ".." || strings.IndexFunc(segment, notInSegment) >= 0 {
			return Topic{}, Errorf(Invalid, "%s", topicRule)
		}
	}
	return Topic{text}, nil
}

func notInSegment(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~", r))
}

// MustTopic is ParseTopic for constant names; it panics on an error.
func MustTopic(text string) Topic {
	t, err := ParseTopic(text)
	if err != nil {
		panic(err)
	}
	return t
}

// String is the topic's name.
func (t Topic) String() string { return t.name }

// MarshalText implements encoding.TextMarshaler.
func (t Topic) MarshalText() ([]byte, error) { return []byte(t.name), nil }

// Internal reports whether the topic is one of the server's own, which have a log of their own: readable, never
// published to, never matched by the pattern "*".
func (t Topic) Internal() bool { return strings.HasPrefix(t.name, "$") }

// Keys yields the keys under which readers of the topic may be registered: for a/b/c its own, "a/b/c", and those of the
// patterns that match it, "" for "*", "a/" for "a/*" and "a/b/". No two topics or patterns have the same key.
func (t Topic) Keys(yield func(string) bool) {
	if !yield(t.name) || !t.Internal() && !yield("") {
		return
	}
	for i := range len(t.name) {
		if t.name[i] == '/' && !yield(t.name[:i+1]) {
			return
		}
	}
}

// Pattern matches many topics: "*" all but the server's own, "a/*" all below a (a/b and a/b/c, not a).
type Pattern struct{ prefix string } // "" or "a/"

// String is the pattern as a reader writes it.
func (p Pattern) String() string { return p.prefix + "*" }

// Match reports whether the pattern matches t.
func (p Pattern) Match(t Topic) bool {
	return strings.HasPrefix(t.name, p.prefix) && !(p.prefix == "" && t.Internal())
}

// Selection is what a reader subscribes to: topics and patterns, without duplicates, at most MaxTopics in all.
type Selection struct {
	Topics   []Topic
	Patterns []Pattern
}

// Select is the selection of just these topics.
func Select(topics ...Topic) Selection { return Selection{Topics: topics} }

// ParseSelection parses topic names and patterns.
func ParseSelection(texts []string) (Selection, error) {
	if len(texts) == 0 || len(texts) > MaxTopics {
		return Selection{}, Errorf(Invalid, "A stream has 1 to %d topics and patterns; this asks for %d.", MaxTopics,
			len(texts))
	}
	var s Selection
	for _, text := range texts {
		base, isPattern := strings.CutSuffix(text, "*")
		if !isPattern {
			t, err := ParseTopic(text)
			if err != nil {
				return Selection{}, err
			}
			if !slices.Contains(s.Topics, t) {
				s.Topics = append(s.Topics, t)
			}
			continue
		}
		name, below := strings.CutSuffix(base, "/")
		if _, err := ParseTopic(name); base != "" && (!below || err != nil) {
			return Selection{}, Errorf(Invalid,
				"A pattern is * alone, or a topic with /* behind it, such as sensors/*. %s", topicRule)
		}
		if p := (Pattern{base}); !slices.Contains(s.Patterns, p) {
			s.Patterns = append(s.Patterns, p)
		}
	}
	if own := s.internal(); own != 0 && own != len(s.Topics)+len(s.Patterns) {
		return Selection{}, Errorf(Invalid,
			"Topics that begin with $ are the server's own and have a log of their own; "+
				"ask for them in a request of their own.")
	}
	return s, nil
}

// Internal reports whether the selection is of the server's own topics. A selection from ParseSelection is of one log,
// never of both.
func (s Selection) Internal() bool { return s.internal() > 0 }

// internal counts the names of the server's own topics, and the patterns of them.
func (s Selection) internal() (n int) {
	for _, t := range s.Topics {
		if t.Internal() {
			n++
		}
	}
	for _, p := range s.Patterns {
		if strings.HasPrefix(p.prefix, "$") {
			n++
		}
	}
	return n
}

// IsZero reports whether the selection is empty; to a Query, that is every topic.
func (s Selection) IsZero() bool { return len(s.Topics)+len(s.Patterns) == 0 }

// Match reports whether the selection includes t.
func (s Selection) Match(t Topic) bool {
	return slices.Contains(s.Topics, t) || slices.ContainsFunc(s.Patterns, func(p Pattern) bool { return p.Match(t) })
}

// Keys yields the keys of the topics and patterns; see Topic.Keys.
func (s Selection) Keys(yield func(string) bool) {
	for _, name := range s.Names() {
		if !yield(strings.TrimSuffix(name, "*")) {
			return
		}
	}
}

// Names are the topics' names, then the patterns, as a reader writes them.
func (s Selection) Names() []string {
	names := make([]string, 0, len(s.Topics)+len(s.Patterns))
	for _, t := range s.Topics {
		names = append(names, t.String())
	}
	for _, p := range s.Patterns {
		names = append(names, p.String())
	}
	return names
}
