package bolt

import (
	"bytes"
	"container/heap"
	"slices"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream"
)

// merge takes from the view's topics the events that q asks for, in the log's order. It reads a topic only when its turn
// comes.
func (v *view) merge(q stream.Query) (events []stream.Event, more bool, err error) {
	rest := sources{newest: q.Newest}
	for _, k := range v.topics {
		if q.After.Less(k.newest) {
			rest.list = append(rest.list, newSource(k, q))
		}
	}
	heap.Init(&rest)
	for bytes := int64(0); len(rest.list) > 0 && len(events) < q.Limit && (q.Bytes == 0 || bytes < q.Bytes); {
		first := rest.list[0]
		if first.cursor == nil {
			err = first.open(v, q)
		} else {
			var e stream.Event
			if e, err = parseEvent(first.topic, first.next, first.value); err == nil {
				events, bytes = append(events, e), bytes+stream.Size(e)
				err = first.step(v, q)
			}
		}
		switch {
		case err != nil:
			return nil, false, err
		case first.ended:
			heap.Pop(&rest)
		default:
			heap.Fix(&rest, 0)
		}
	}
	if q.Newest {
		slices.Reverse(events)
		return events, false, nil
	}
	return events, len(rest.list) > 0, nil
}

// source is a topic that is being read.
type source struct {
	known
	cursor *bbolt.Cursor // nil until the topic's turn comes
	next   stream.ID     // of the event that comes next; before the cursor is there, a bound of it
	value  []byte        // of that event
	ended  bool
}

func newSource(k known, q stream.Query) *source {
	s := &source{known: k, next: k.newest}
	if !q.Newest {
		s.next = k.oldest
		if k.oldest.Less(q.After) {
			s.next = q.After
		}
	}
	return s
}

// open goes to the first event.
func (s *source) open(v *view, q stream.Query) error {
	topics := v.tx.Bucket(topicsBucket)
	if topics == nil {
		return errDamaged
	}
	b := topics.Bucket([]byte(s.topic.String()))
	if b == nil {
		if s.ended = true; !v.ahead {
			return errDamaged
		}
		return nil
	}
	s.cursor = b.Cursor()
	wanted := idKey(s.next)
	key, value := s.cursor.Seek(wanted)
	switch {
	case q.Newest && key == nil:
		key, value = s.cursor.Last()
	case q.Newest && !bytes.Equal(key, wanted):
		key, value = s.cursor.Prev()
	case !q.Newest && s.next == q.After && bytes.Equal(key, wanted):
		key, value = s.cursor.Next()
	}
	return s.take(key, value, v, q)
}

// step goes to the event that comes next.
func (s *source) step(v *view, q stream.Query) error {
	if q.Newest {
		key, value := s.cursor.Prev()
		return s.take(key, value, v, q)
	}
	key, value := s.cursor.Next()
	return s.take(key, value, v, q)
}

// take makes what the cursor found the event that comes next, if the query asks for it.
func (s *source) take(key, value []byte, v *view, q stream.Query) error {
	if s.ended = key == nil; s.ended {
		return nil
	}
	if len(key) != idSize {
		return errDamaged
	}
	id := parseID(key)
	if id.Less(s.next) == !q.Newest && id != s.next {
		return errDamaged // out of order: without this a damaged file could keep the reader busy for ever
	}
	s.next, s.value = id, value
	s.ended = !q.After.Less(id) || v.state.head.Less(id)
	return nil
}

// sources is a heap of topics, by the event that comes next: the oldest, or the newest.
type sources struct {
	list   []*source
	newest bool
}

func (h *sources) Len() int      { return len(h.list) }
func (h *sources) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *sources) Push(x any)    { h.list = append(h.list, x.(*source)) }
func (h *sources) Pop() any {
	last := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return last
}
func (h *sources) Less(i, j int) bool {
	a, b := h.list[i].next, h.list[j].next
	if h.newest {
		return b.Less(a)
	}
	return a.Less(b)
}
