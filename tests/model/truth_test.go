package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"iris-broadcast/internal/stream"
)

// fact is an event that the server has acknowledged, or shown to somebody.
type fact struct {
	id    stream.ID
	topic string
	data  string
}

// size is about what the event takes of -keep-bytes.
func (f fact) size() int64 { return int64(len(f.topic)+len(f.data)) + 128 }

// truth is what the log must hold, or have removed, in one span of its life. It begins anew where the log does, and
// continues from a copy where that is put in the log's place.
type truth struct {
	keepEvents int
	keepBytes  int64

	mu      sync.Mutex
	facts   map[string]fact   // by data
	unsure  map[string]string // the topics of events of which the server did not say whether it has them, by data
	inOrder []fact            // set by settle
}

func newTruth(keepEvents int, keepBytes int64) *truth {
	return &truth{keepEvents: keepEvents, keepBytes: keepBytes, facts: map[string]fact{}, unsure: map[string]string{}}
}

// clone is the truth of a copy.
func (tr *truth) clone() *truth {
	c := newTruth(tr.keepEvents, tr.keepBytes)
	c.facts, c.unsure = maps.Clone(tr.facts), maps.Clone(tr.unsure)
	return c
}

// learn takes an event for a fact. It fails if it contradicts another.
func (tr *truth) learn(f fact) error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if known, ok := tr.facts[f.data]; ok && known != f {
		return fmt.Errorf("%.20q has the id %v, and before %v", f.data, f.id, known.id)
	}
	tr.facts[f.data] = f
	delete(tr.unsure, f.data)
	return nil
}

// doubt notes an event of which nothing is known.
func (tr *truth) doubt(topic, data string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if _, ok := tr.facts[data]; !ok {
		tr.unsure[data] = topic
	}
}

func (tr *truth) count() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.facts)
}

// settle puts the facts in order.
func (tr *truth) settle() {
	tr.inOrder = slices.SortedFunc(maps.Values(tr.facts), func(a, b fact) int { return a.id.Compare(b.id) })
}

// removed is what may have been removed by now, by data: the oldest.
func (tr *truth) removed() map[string]bool {
	gone := map[string]bool{}
	newer := map[string]int{}
	for _, topic := range tr.unsure {
		newer[topic]++
	}
	bytes := int64(len(tr.unsure)) * (64 << 10)
	for _, f := range slices.Backward(tr.inOrder) {
		bytes += f.size()
		if newer[f.topic]++; newer[f.topic] > tr.keepEvents || bytes > tr.keepBytes {
			gone[f.data] = true
		}
	}
	return gone
}

// check compares the log's list with the truth, and settles what was unsure.
func (tr *truth) check(listed []fact) (errs []error) {
	var last stream.ID
	there := map[string]bool{}
	for _, f := range listed {
		if !last.Less(f.id) {
			errs = append(errs, fmt.Errorf("the list has %v behind %v", f.id, last))
		}
		_, known := tr.facts[f.data]
		_, unsure := tr.unsure[f.data]
		if last = f.id; !known && !unsure {
			errs = append(errs, fmt.Errorf("the list has %.20q, which nobody has published in this log's life", f.data))
		}
		if err := tr.learn(f); err != nil {
			errs = append(errs, err)
		}
		there[f.data] = true
	}
	tr.settle()
	gone := tr.removed()
	for _, f := range tr.inOrder {
		if !gone[f.data] && !there[f.data] {
			errs = append(errs, fmt.Errorf("%.20q was acknowledged as %v, and is not in the list", f.data, f.id))
		}
	}
	clear(tr.unsure)
	return errs
}

// takes says whether a name or pattern takes a topic.
func takes(name, topic string) bool {
	prefix, pattern := strings.CutSuffix(name, "*")
	return pattern && strings.HasPrefix(topic, prefix) || topic == name
}

func taken(names []string, topic string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return takes(name, topic) })
}
