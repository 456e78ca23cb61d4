package bolt

import (
	"time"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream"
)

// portion is how many events one transaction removes because of their age, of too many bytes, or of a bound that was
// lowered: so few that publishers do not notice. The rest goes with the next ones.
const portion = 256

// draft is one transaction on its way: what it does to the file, and to the index.
type draft struct {
	id     int // the transaction's number, once it is to be committed
	index  *index
	now    time.Time
	tx     *bbolt.Tx
	topics *bbolt.Bucket

	state   state
	changed map[stream.Topic]*entry
	events  []stream.Event // in the log's order
	written int64          // stream.Size of events
	removed int            // events, beyond one for each that came
	freed   int64          // stream.Size of what trim removed
	rest    bool           // there is more to remove
	applied bool           // an operation may have changed rows of its own
}

func newDraft(x *index, was state, tx *bbolt.Tx, now time.Time) (*draft, error) {
	topics := tx.Bucket(topicsBucket)
	if topics == nil {
		return nil, errDamaged
	}
	return &draft{index: x, now: now, tx: tx, topics: topics, state: was, changed: map[stream.Topic]*entry{}}, nil
}

// ownError is why one operation fails, and no other with it.
type ownError struct{ error }

func (e ownError) Unwrap() error { return e.error }

// run does one operation. After an error the transaction must not be committed, but for an ownError of one without apply,
// which has changed nothing.
func (d *draft) run(op *operation) (err error) {
	if op.apply != nil {
		d.applied = true
		if op.events, err = op.apply(d.tx); err != nil {
			return ownError{err}
		}
	}
	if err := d.index.admit(op.events); err != nil {
		return ownError{err}
	}
	for i := range op.events {
		d.state.head = d.state.head.After(d.now)
		op.events[i].ID = d.state.head
		if err := d.add(op.events[i]); err != nil {
			return err
		}
	}
	d.events = append(d.events, op.events...)
	return nil
}

// add keeps an event.
func (d *draft) add(e stream.Event) error {
	of := d.entry(e.Topic)
	b, err := d.topics.CreateBucketIfNotExists([]byte(e.Topic.String()))
	if err != nil {
		return err
	}
	b.FillPercent = 0.9 // keys only rise, so what is split stays as it is
	if err := b.Put(idKey(e.ID), encodeEvent(e)); err != nil {
		return err
	}
	was := of.next
	if of.next.count == 0 {
		of.next.oldest = e.ID
	}
	of.next.count++
	of.next.bytes += stream.Size(e)
	of.next.newest = e.ID
	d.written += stream.Size(e)
	d.touch(of, was)
	return nil
}

// entry is the topic's, which may be new, or forgotten a moment ago.
func (d *draft) entry(topic stream.Topic) *entry {
	e := d.changed[topic]
	if e == nil {
		e = d.index.entries[topic]
	}
	if e == nil {
		e = &entry{topic: topic, place: -1}
	}
	d.index.entries[topic] = e
	return e
}

// touch says that an entry's next has changed from what it was.
func (d *draft) touch(e *entry, was record) {
	d.changed[e.topic] = e
	d.index.account(e, was)
}

// bound removes what the topics that the transaction is about have too much, one by one as new ones come, and a portion
// of what a bound that was lowered leaves over.
func (d *draft) bound() error {
	for _, e := range d.changed {
		came := max(e.next.count-e.now.count, 0)
		if err := d.removeExcess(e, came+d.left(), came); err != nil {
			return err
		}
	}
	for len(d.index.over) > 0 && d.left() > 0 {
		last := len(d.index.over) - 1
		if err := d.removeExcess(d.index.over[last], d.left(), 0); err != nil {
			return err
		}
		if d.left() > 0 {
			d.index.over = d.index.over[:last]
		}
	}
	d.rest = d.rest || len(d.index.over) > 0
	return nil
}

// removeExcess removes what a topic has more than its bound, no more than most; free of them do not count.
func (d *draft) removeExcess(e *entry, most, free int) error {
	n, _ := d.index.most(e.topic)
	excess := min(e.next.count-n, most)
	if excess <= 0 {
		return nil
	}
	d.removed += max(excess-free, 0)
	return d.removeOldest(e, excess)
}

// trim removes what is too old, and the oldest of what is too much: a portion, or twice what the transaction brings.
func (d *draft) trim() error {
	tooOld := stream.IDAt(d.now.Add(-d.index.keep.Age))
	for d.index.isOver(tooOld) {
		if d.left() == 0 && d.freed >= 2*d.written {
			d.rest = true
			return nil
		}
		before := d.index.bytes
		if err := d.removeOldest(d.index.oldest[0], 1); err != nil {
			return err
		}
		d.removed++
		d.freed += before - d.index.bytes
	}
	return nil
}

func (d *draft) left() int { return max(portion-d.removed, 0) }

// removeOldest removes a topic's oldest n events. If none is left the topic is forgotten.
func (d *draft) removeOldest(e *entry, n int) error {
	b := d.topics.Bucket([]byte(e.topic.String()))
	if b == nil {
		return errDamaged
	}
	b.FillPercent = 0.9
	was := e.next
	d.state.removals++
	e.next.stamp = d.state.removals
	c := b.Cursor()
	key, value := c.First()
	for range n {
		if len(key) != idSize || len(value) == 0 {
			return errDamaged
		}
		e.next.removed = parseID(key)
		e.next.count--
		e.next.bytes -= sizeOf(e.topic, value)
		if err := c.Delete(); err != nil {
			return err
		}
		key, value = c.First()
	}
	switch {
	case (len(key) == idSize) != (e.next.count > 0):
		return errDamaged
	case e.next.count > 0:
		e.next.oldest = parseID(key)
	default:
		delete(d.index.entries, e.topic)
		if d.state.floor.Less(e.next.removed) {
			d.state.floor, d.state.floorStamp = e.next.removed, e.next.stamp
		}
	}
	d.touch(e, was)
	return nil
}

// isEmpty says that there is nothing to commit.
func (d *draft) isEmpty() bool { return len(d.changed) == 0 && !d.applied }

// save writes what is known of the changed topics, and of the log.
func (d *draft) save() error {
	records, meta := d.tx.Bucket(indexBucket), d.tx.Bucket(metaBucket)
	if records == nil || meta == nil {
		return errDamaged
	}
	for _, e := range d.changed {
		name := []byte(e.topic.String())
		if e.next.count > 0 {
			if err := records.Put(name, e.next.encode()); err != nil {
				return err
			}
			continue
		}
		if err := d.topics.DeleteBucket(name); err != nil {
			return err
		}
		if err := records.Delete(name); err != nil {
			return err
		}
	}
	return meta.Put(stateKey, d.state.encode())
}

// undo makes the index what it was.
func (d *draft) undo() {
	for _, e := range d.changed {
		e.next = e.now
		if e.now.count > 0 {
			d.index.entries[e.topic] = e
		} else {
			delete(d.index.entries, e.topic)
		}
	}
	d.index.rebuild()
}
