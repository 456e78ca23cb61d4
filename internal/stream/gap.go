package stream

import (
	"slices"
	"strings"
)

// Void is a span in which a log was offline: from its last event when it was opened, to that moment. No position of
// this log lies strictly within it; one that does is of a lost future, such as that of a store replaced by an older
// backup.
type Void struct{ From, To ID }

// foreign reports whether a query's position says nothing about this log: above the head, below the floor, or in a
// void.
func (l *Ledger) foreign(q Query, head ID) bool {
	return head.Less(q.After) || l.floor.lost(q.After, q.Told) ||
		slices.ContainsFunc(l.voids, func(v Void) bool { return v.From.Less(q.After) && q.After.Less(v.To) })
}

// missed reports whether something may be missing after a query's position, and in which topics: see Gap.Topics.
func (l *Ledger) missed(q Query, head ID) (topics []string, missed bool) {
	switch {
	case q.Anywhere:
		return nil, false
	case l.foreign(q, head):
		return q.Topics.Names(), true
	case q.Topics.IsZero():
		return l.lostOfAll(q)
	}
	for _, name := range q.Topics.Names() {
		if l.lostOf(name, q) {
			topics = append(topics, name)
		}
	}
	return topics, topics != nil
}

// lostOf reports whether a topic, or one that a pattern matches, has lost something after the query's position.
func (l *Ledger) lostOf(name string, q Query) (lost bool) {
	prefix, isPattern := strings.CutSuffix(name, "*")
	if !isPattern {
		a := l.topics[Topic{name}]
		return a != nil && a.lost(q.After, q.Told)
	}
	pattern := Pattern{prefix}
	l.names.below(prefix, func(s *shelf) bool { return s.lost(q.After, q.Told) }, func(a *Account) bool {
		lost = a.lost(q.After, q.Told) && pattern.Match(a.Topic)
		return !lost
	})
	return lost
}

// lostOfAll returns the topics that have lost something after the query's position; none if there are too many.
func (l *Ledger) lostOfAll(q Query) (topics []string, missed bool) {
	l.names.below("", func(s *shelf) bool { return s.lost(q.After, q.Told) }, func(a *Account) bool {
		if a.lost(q.After, q.Told) {
			topics, missed = append(topics, a.Topic.name), true
		}
		return len(topics) <= MaxTopics
	})
	if len(topics) > MaxTopics {
		topics = nil
	}
	return topics, missed
}

// removed is the highest position of any removed event.
func (l *Ledger) removed() ID {
	highest := l.floor.Removed
	for _, s := range l.names.shelves {
		highest = highest.Max(s.Removed)
	}
	return highest
}

// Concerned returns the names and patterns of a selection that a follower's gap concerns.
func (g Gap) Concerned(s Selection) []string {
	if len(g.Topics) == 0 {
		return s.Names()
	}
	keys := map[string]bool{}
	for _, name := range g.Topics {
		for key := range (Topic{name}).Keys {
			keys[key] = true
		}
	}
	return slices.DeleteFunc(s.Names(), func(name string) bool { return !keys[strings.TrimSuffix(name, "*")] })
}

// Internal reports whether the gap is in the server's own log.
func (g Gap) Internal() bool {
	return len(g.Topics) > 0 && strings.HasPrefix(g.Topics[0], "$")
}
