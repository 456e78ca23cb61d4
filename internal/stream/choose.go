package stream

import (
	"container/heap"
	"slices"
)

// choose returns the topics that a query has to read: the selected ones with something after its position, or, if they
// are too many, the whole log. For a query of the newest events it is the topics that spoke last: no others can have
// any of them.
func (l *Ledger) choose(q Query) (topics []Account, whole bool) {
	if q.Topics.IsZero() || slices.Contains(q.Topics.Patterns, Pattern{}) {
		return nil, true
	}
	found := latest{most: max(MaxTopics, q.Newest), until: q.Until}
	for i, pattern := range q.Topics.Patterns {
		earlier := Selection{Patterns: q.Topics.Patterns[:i]}
		l.names.latest(pattern, q.After, &found, func(t Topic) bool { return !earlier.Match(t) })
		many := found.over || len(found.accounts)+len(found.beyond) > found.most
		if many && q.Newest == 0 || len(found.beyond) > MaxPage {
			return nil, true
		}
	}
	patterns := Selection{Patterns: q.Topics.Patterns}
	for _, topic := range q.Topics.Topics {
		if a := l.topics[topic]; a != nil && q.After.Less(a.Newest) && !patterns.Match(topic) {
			topics = append(topics, *a)
		}
	}
	for _, a := range slices.Concat(found.accounts, found.beyond) {
		topics = append(topics, *a)
	}
	return topics, false
}

// latest adds to found the wanted accounts that match a pattern and have something after a position. It visits the
// shelves with the newest events first, and stops where no further account can be among the latest.
func (c *catalog) latest(pattern Pattern, after ID, found *latest, wanted func(Topic) bool) {
	var shelves []*shelf
	c.below(pattern.prefix, func(s *shelf) bool {
		if after.Less(s.Newest) {
			shelves = append(shelves, s)
		}
		return false
	}, nil)
	slices.SortFunc(shelves, func(a, b *shelf) int { return b.Newest.Compare(a.Newest) })
	for _, s := range shelves {
		if found.over && s.Newest.Less(found.accounts[0].Newest) {
			return
		}
		for a := range s.below(pattern.prefix) {
			if after.Less(a.Newest) && pattern.Match(a.Topic) && wanted(a.Topic) {
				found.add(a)
			}
		}
	}
}

// latest collects the accounts with the newest events: a heap, the one that spoke longest ago on top.
type latest struct {
	accounts []*Account
	most     int
	over     bool // some did not fit

	// beyond have events above until, such as ones not durable yet; how new their others are is unknown.
	beyond []*Account
	until  ID
}

func (h *latest) add(a *Account) {
	if h.until.Less(a.Newest) {
		h.beyond = append(h.beyond, a)
		return
	}
	if len(h.accounts) == h.most {
		h.over = true
		if a.Newest.Less(h.accounts[0].Newest) {
			return
		}
		heap.Pop(h)
	}
	heap.Push(h, a)
}

func (h *latest) Len() int           { return len(h.accounts) }
func (h *latest) Less(i, j int) bool { return h.accounts[i].Newest.Less(h.accounts[j].Newest) }
func (h *latest) Swap(i, j int)      { h.accounts[i], h.accounts[j] = h.accounts[j], h.accounts[i] }
func (h *latest) Push(x any)         { h.accounts = append(h.accounts, x.(*Account)) }
func (h *latest) Pop() any {
	last := h.accounts[len(h.accounts)-1]
	h.accounts = h.accounts[:len(h.accounts)-1]
	return last
}
