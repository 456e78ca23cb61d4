package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
)

const (
	// portion is how many events one commit removes besides one for each that it adds: few enough that publishers do
	// not notice.
	portion = 256

	// longFront is how many of a topic's oldest events are kept in memory, to remove them without reading.
	longFront = 16

	// tendEvery is how often expired events are looked for.
	tendEvery = time.Second
)

// stamp is a stored event's ID and its stream.Size.
type stamp struct {
	id   stream.ID
	size int64
}

// front is the oldest events of a topic.
type front struct {
	stamps []stamp
	whole  bool // the topic has no other events
}

func (s *Store) front(t stream.Topic) *front {
	f := s.fronts[t]
	if f == nil {
		a := s.ledger.Account(t)
		f = &front{whole: a == nil || a.Count == 1} // the one being added
		s.fronts[t] = f
	}
	return f
}

// push adds the topic's newest event, if the front has all before it.
func (f *front) push(e stamp) {
	if f.whole = f.whole && len(f.stamps) < longFront; f.whole {
		f.stamps = append(f.stamps, e)
	}
}

// drop forgets the events up to an ID.
func (f *front) drop(upTo stream.ID) {
	n := 0
	for n < len(f.stamps) && !upTo.Less(f.stamps[n].id) {
		n++
	}
	if f.stamps = f.stamps[n:]; len(f.stamps) == 0 {
		f.stamps = nil
	}
}

// oldest returns a topic's n oldest events, or fewer. Events of c, which Pebble does not have yet, are newer than all
// others.
func (s *Store) oldest(a *stream.Account, n int, c *commit) ([]stamp, error) {
	f := s.front(a.Topic)
	if len(f.stamps) >= n || f.whole {
		return f.stamps[:min(n, len(f.stamps))], nil
	}
	after := a.Removed
	if len(f.stamps) > 0 {
		after = f.stamps[len(f.stamps)-1].id
	}
	span := inTopic(a.Topic)
	it, err := s.db.NewIter(&lsm.IterOptions{LowerBound: append(keyInTopic(nil, a.Topic, after), 0),
		UpperBound: span.to})
	if err != nil {
		return nil, err
	}
	wanted := max(n, longFront)
	ok := it.First()
	for ; ok && len(f.stamps) < wanted; ok = it.Next() {
		size, length := binary.Uvarint(it.Value())
		if length <= 0 {
			it.Close()
			return nil, errDamaged
		}
		f.stamps = append(f.stamps, stamp{parseID(it.Key()), int64(size)})
	}
	if f.whole = !ok && len(f.stamps) < wanted; f.whole {
		for _, e := range c.events {
			if e.Topic == a.Topic {
				f.stamps = append(f.stamps, stamp{e.ID, stream.Size(e)})
			}
		}
	}
	return f.stamps[:min(n, len(f.stamps))], it.Close()
}

// bound applies the limits after a commit has added its events. What cannot be read is left for later.
func (s *Store) bound(c *commit) {
	budget := portion + len(c.events)
	for budget > 0 {
		s.mu.Lock() // readers copy accounts, and this marks them
		a, surplus := s.ledger.Crowded()
		s.mu.Unlock()
		if a == nil {
			break
		}
		over, err := s.oldest(a, min(surplus, budget), c)
		if err != nil || len(over) == 0 {
			s.complain(err)
			return
		}
		budget -= len(over)
		s.mu.Lock()
		s.removeFront(c, a, len(over))
		s.mu.Unlock()
	}
	if s.ledger.Over() {
		s.sweep(c, portion+2*len(c.events))
	}
}

// removeFront removes a topic's n oldest events, which must be in its front.
func (s *Store) removeFront(c *commit, a *stream.Account, n int) {
	for _, e := range s.front(a.Topic).stamps[:n] {
		c.key = keyOfEvent(c.key[:0], e.id)
		_ = c.batch.Delete(c.key, nil)
		s.remove(c, a, e.id, e.size)
	}
}

// remove takes a topic's oldest event out of the books and out of the topic's index.
func (s *Store) remove(c *commit, a *stream.Account, id stream.ID, size int64) {
	forgotten := s.ledger.Remove(a, id, size)
	s.doomed = append(s.doomed, id)
	c.removed++
	c.touch(a)
	if forgotten {
		delete(s.fronts, a.Topic)
		span := inTopic(a.Topic)
		_ = c.batch.DeleteRange(span.from, span.to, nil)
		c.forgot = true
		return
	}
	s.front(a.Topic).drop(id)
	c.key = keyInTopic(c.key[:0], a.Topic, id)
	_ = c.batch.Delete(c.key, nil)
}

// sweep removes, in log order, expired events or the oldest of too many bytes. It looks at up to most events, and
// reports whether there may be more.
func (s *Store) sweep(c *commit, most int) (more bool) {
	it, err := s.db.NewIter(&lsm.IterOptions{
		LowerBound: append(keyOfEvent(nil, s.swept), 0), UpperBound: []byte{eventKey + 1}})
	if err != nil {
		s.complain(err)
		return false
	}
	run := run{batch: c.batch}
	defer run.end()
	ok := it.First()
	for ; ok && most > 0; ok = it.Next() {
		most--
		id := parseID(it.Key())
		kept, err := parseStored(it.Value())
		if err != nil {
			s.complain(err)
			break
		}
		topic, err := stream.ParseTopic(string(kept.topic))
		a := s.ledger.Account(topic)
		if err != nil || a == nil || !a.Removed.Less(id) { // the ledger no longer has it
			run.add(id)
			s.swept = id
			continue
		}
		spare, always := s.ledger.Spare(a, id, c.now)
		if spare && !always {
			break
		}
		if s.swept = id; spare {
			run.end()
			continue
		}
		run.add(id)
		s.mu.Lock()
		s.remove(c, a, id, kept.size())
		s.mu.Unlock()
	}
	s.complain(it.Close())
	return ok && most == 0
}

// run is a sequence of consecutive events that are removed together.
type run struct {
	batch       *lsm.Batch
	first, last stream.ID
	length      int
}

func (r *run) add(id stream.ID) {
	if r.length == 0 {
		r.first = id
	}
	r.last = id
	r.length++
}

func (r *run) end() {
	switch {
	case r.length == 1:
		_ = r.batch.Delete(keyOfEvent(nil, r.first), nil)
	case r.length > 1:
		_ = r.batch.DeleteRange(keyOfEvent(nil, r.first), append(keyOfEvent(nil, r.last), 0), nil)
	}
	r.length = 0
}

// tend removes expired events while nobody publishes, and sets aside what Pebble finds damaged, until the store closes.
func (s *Store) tend() {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		for s.mayTidy() && s.tidy() {
			select {
			case <-s.closing:
				return
			default: // there is more to do
			}
		}
		select {
		case <-tick.C:
		case span := <-s.damage.found:
			if err := s.setAside(span); err != nil {
				s.logError("setting aside what is damaged: %v", err)
			}
		case <-s.closing:
			return
		}
	}
}

// mayTidy reports whether removing events is of any use. On a full disk, it is what frees space.
func (s *Store) mayTidy() bool {
	why := s.disk.writable()
	return (why == nil || errors.Is(why, errFull)) && s.disk.gone() == nil
}

// tidy removes some of what exceeds the limits, and reports whether there may be more.
func (s *Store) tidy() (more bool) {
	if s.hold(context.Background()) != nil {
		return false
	}
	defer s.release()
	if s.closed {
		return false
	}
	c := &commit{batch: s.db.NewBatch(), now: s.clock(), durable: make(chan struct{})}
	s.bound(c)
	more = s.sweep(c, 4*portion)
	if c.batch.Empty() {
		c.batch.Close()
		return more
	}
	s.save(c)
	s.commit(c)
	return true
}

// complain logs what could not be read during removal; whoever reads it next has it repaired.
func (s *Store) complain(err error) {
	if err != nil {
		golog.Debugf("The store %s: applying the limits: %v", s.dir, err)
	}
}
