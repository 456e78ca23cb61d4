package stream

import (
	"container/heap"
	"slices"
)

// merge takes from the topics' events those that q asks for, in the log's order.
func merge(topics []*topicLog, q Query) (events []Event, more bool) {
	rest := heads{newest: q.Newest}
	for _, t := range topics {
		after, found := slices.BinarySearchFunc(t.events, q.After, func(e Event, id ID) int { return e.ID.Compare(id) })
		if found {
			after++
		}
		if after < len(t.events) {
			rest.lists = append(rest.lists, t.events[after:])
		}
	}
	heap.Init(&rest)
	for bytes := int64(0); len(rest.lists) > 0 && len(events) < q.Limit && (q.Bytes == 0 || bytes < q.Bytes); {
		e := rest.next()
		events, bytes = append(events, e), bytes+Size(e)
	}
	if q.Newest {
		slices.Reverse(events)
		return events, false
	}
	return events, len(rest.lists) > 0
}

// heads is a heap of lists of events, by the one that comes next: the lists' oldest, or their newest.
type heads struct {
	lists  [][]Event
	newest bool
}

func (h *heads) Len() int      { return len(h.lists) }
func (h *heads) Swap(i, j int) { h.lists[i], h.lists[j] = h.lists[j], h.lists[i] }
func (h *heads) Push(x any)    { h.lists = append(h.lists, x.([]Event)) }
func (h *heads) Pop() any {
	last := h.lists[len(h.lists)-1]
	h.lists = h.lists[:len(h.lists)-1]
	return last
}
func (h *heads) Less(i, j int) bool {
	a, b := h.lists[i], h.lists[j]
	if h.newest {
		return b[len(b)-1].ID.Less(a[len(a)-1].ID)
	}
	return a[0].ID.Less(b[0].ID)
}

// next takes the event that comes next.
func (h *heads) next() (e Event) {
	list := h.lists[0]
	if h.newest {
		e, list = list[len(list)-1], list[:len(list)-1]
	} else {
		e, list = list[0], list[1:]
	}
	if h.lists[0] = list; len(list) == 0 {
		heap.Pop(h)
	} else {
		heap.Fix(h, 0)
	}
	return e
}

// byOldest is a heap of topics, the one with the oldest event first.
type byOldest []*topicLog

func (h byOldest) Len() int           { return len(h) }
func (h byOldest) Less(i, j int) bool { return h[i].events[0].ID.Less(h[j].events[0].ID) }
func (h byOldest) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *byOldest) Push(x any) {
	t := x.(*topicLog)
	t.place = len(*h)
	*h = append(*h, t)
}
func (h *byOldest) Pop() any {
	t := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	t.place = -1
	return t
}
