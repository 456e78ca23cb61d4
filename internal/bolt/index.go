package bolt

import (
	"container/heap"
	"math"
	"slices"
	"strings"

	"iris-broadcast/internal/stream"
)

// entry is a topic in memory: what is known of it, but none of its events.
type entry struct {
	topic stream.Topic
	now   record // what readers go by; guarded by Store.mu

	// The committer's own.
	next  record // what it is after the transaction on its way; count 0: the topic is not there
	place int    // in index.oldest, -1 if it is not there
}

// index is the committer's view of all topics, as they are after the transaction on its way. No other goroutine has it.
type index struct {
	keep    stream.Retention
	entries map[stream.Topic]*entry
	oldest  byOldest // the topics that age and bytes bound, the one with the oldest event first
	bytes   int64    // of the events in oldest
	over    []*entry // topics that had more than their bound at the start, because it was lowered
}

// most is how many events a topic keeps, and whether it keeps them whatever age and bytes say.
func (x *index) most(topic stream.Topic) (n int, always bool) {
	if n := x.keep.Always[topic]; n > 0 {
		return n, true
	}
	return max(x.keep.Events, 1), false
}

// rebuild makes everything anew from the entries' next.
func (x *index) rebuild() {
	x.oldest, x.over, x.bytes = x.oldest[:0], x.over[:0], 0
	for _, e := range x.entries {
		e.place = -1
		n, always := x.most(e.topic)
		if e.next.count > n {
			x.over = append(x.over, e)
		}
		if !always {
			x.bytes += e.next.bytes
			e.place = len(x.oldest)
			x.oldest = append(x.oldest, e)
		}
	}
	heap.Init(&x.oldest)
}

// account says that an entry's next has changed from what it was.
func (x *index) account(e *entry, was record) {
	if _, always := x.most(e.topic); always {
		return
	}
	x.bytes += e.next.bytes - was.bytes
	switch {
	case e.next.count == 0:
		heap.Remove(&x.oldest, e.place)
	case was.count == 0:
		heap.Push(&x.oldest, e)
	default:
		heap.Fix(&x.oldest, e.place)
	}
}

// admit says whether there is a place for the events' topics.
func (x *index) admit(events []stream.Event) error {
	fresh := map[stream.Topic]bool{}
	for _, e := range events {
		if _, always := x.most(e.Topic); !always && x.entries[e.Topic] == nil {
			fresh[e.Topic] = true
		}
	}
	if len(fresh) > 0 && len(x.entries)+len(fresh) > x.keep.Topics {
		return stream.Errorf(stream.Full,
			"There are as many topics as -max-topics allows (%d); publish to one of them, or raise it.", x.keep.Topics)
	}
	return nil
}

// isOver says whether something must go: more bytes than may be, or an event older than that.
func (x *index) isOver(tooOld stream.ID) bool {
	return len(x.oldest) > 0 && (x.bytes > x.keep.Bytes || x.oldest[0].next.oldest.Less(tooOld))
}

// byOldest is a heap of topics, the one with the oldest event first.
type byOldest []*entry

func (h byOldest) Len() int           { return len(h) }
func (h byOldest) Less(i, j int) bool { return h[i].next.oldest.Less(h[j].next.oldest) }
func (h byOldest) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *byOldest) Push(x any) {
	e := x.(*entry)
	e.place = len(*h)
	*h = append(*h, e)
}
func (h *byOldest) Pop() any {
	e := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	e.place = -1
	return e
}

// byName is the readers' view of all topics: the entries in the order of their names, so that those of a pattern lie
// together.
type byName []*entry

// find returns where the first name that is not below name is.
func (list byName) find(name string) (int, bool) {
	return slices.BinarySearchFunc(list, name, func(e *entry, name string) int {
		return strings.Compare(e.topic.String(), name)
	})
}

// put keeps an entry, or leaves it out if its topic is gone.
func (list *byName) put(e *entry) {
	i, found := list.find(e.topic.String())
	switch {
	case e.now.count == 0 && found:
		*list = slices.Delete(*list, i, i+1)
	case e.now.count > 0 && !found:
		*list = slices.Insert(*list, i, e)
	case e.now.count > 0:
		(*list)[i] = e
	}
}

// selected returns the entries that a selection takes, each once, at the cost of one look-up for each.
func (list byName) selected(s stream.Selection) (found []*entry) {
	for i, pattern := range s.Patterns {
		earlier := stream.Selection{Patterns: s.Patterns[:i]}
		prefix := strings.TrimSuffix(pattern.String(), "*")
		start, _ := list.find(prefix)
		for _, e := range list[start:] {
			if !strings.HasPrefix(e.topic.String(), prefix) {
				break
			}
			if pattern.Match(e.topic) && !earlier.Match(e.topic) {
				found = append(found, e)
			}
		}
	}
	patterns := stream.Selection{Patterns: s.Patterns}
	for _, topic := range s.Topics {
		if i, ok := list.find(topic.String()); ok && !patterns.Match(topic) {
			found = append(found, list[i])
		}
	}
	return found
}

// nextTooOld is when the oldest event that age bounds will be too old, in Unix milliseconds.
func (x *index) nextTooOld() int64 {
	if len(x.oldest) == 0 {
		return math.MaxInt64
	}
	return int64(x.oldest[0].next.oldest.Ms) + x.keep.Age.Milliseconds()
}
