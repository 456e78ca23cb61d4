package pebble

import (
	"encoding/binary"
	"fmt"

	lsm "github.com/cockroachdb/pebble/v2"

	"iris-broadcast/internal/stream"
)

// rebuild makes everything agree with the remaining events, and raises the floor above the lost ones.
func (s *Store) rebuild(lost []keySpan) error {
	floor := s.ledger.Floor()
	for _, span := range lost {
		if touches(span, eventKey) {
			floor = floor.Max(idIn(span.to).Min(s.ledger.Head()))
		}
	}
	c := &chunk{db: s.db, batch: s.db.NewBatch()}
	_ = c.batch.DeleteRange([]byte{topicKey}, []byte{topicKey + 1}, nil) // it may list lost events
	accounts, err := s.count(func(topic stream.Topic, id stream.ID, size int64) (keep bool, err error) {
		if was := s.ledger.Account(topic); was == nil || !was.Removed.Less(id) { // the damage has undone its removal
			return false, c.do(c.batch.Delete(keyOfEvent(nil, id), nil))
		}
		return true, c.do(c.batch.Set(keyInTopic(nil, topic, id), binary.AppendUvarint(nil, uint64(size)), nil))
	})
	if err != nil {
		return err
	}
	fresh := s.ledger.Fresh(floor)
	for topic, a := range accounts {
		fresh.Load(*a, s.ledger.Account(topic).Removed)
	}
	if err := s.rewrite(c, fresh); err != nil {
		return err
	}
	s.mu.Lock()
	s.ledger = fresh
	s.mu.Unlock()
	clear(s.fronts)
	return s.rebuildBoard(lost)
}

// rescue repairs a store whose state, records or voids cannot be read at its start.
func (s *Store) rescue(keep stream.Retention, why error) error {
	lost, err := s.salvaged(extent(why))
	if err != nil || len(lost) == 0 {
		return fmt.Errorf("%w: %w", errDamaged, why)
	}
	return s.reload(keep, lost)
}

// reload rebuilds everything from the remaining events. Nothing is certain about the time before any more.
func (s *Store) reload(keep stream.Retention, lost []keySpan) error {
	for _, a := range lost {
		s.note(a)
	}
	head := stream.IDAt(s.clock())
	accounts, err := s.count(func(_ stream.Topic, id stream.ID, _ int64) (bool, error) {
		head = head.Max(id)
		return true, nil
	})
	if err != nil {
		return err
	}
	s.ledger = stream.NewLedger(keep, head, head)
	for _, a := range accounts {
		s.ledger.Load(*a, stream.ID{})
	}
	return s.rebuild(lost)
}

// count reads every event and builds each topic's account from those that keep accepts.
func (s *Store) count(keep func(stream.Topic, stream.ID, int64) (bool, error)) (accounts, error) {
	found := accounts{}
	err := s.each(spanOf(eventKey), func(key, value []byte) error {
		kept, err := parseStored(value)
		if err != nil {
			return err
		}
		topic, err := stream.ParseTopic(string(kept.topic))
		if err != nil {
			return errDamaged
		}
		id := parseID(key)
		if wanted, err := keep(topic, id, kept.size()); err != nil || !wanted {
			return err
		}
		found.add(topic, id, kept.size())
		return nil
	})
	return found, err
}

// accounts are of topics that are being counted.
type accounts map[stream.Topic]*stream.Account

func (all accounts) add(t stream.Topic, id stream.ID, size int64) {
	if all[t] == nil {
		all[t] = &stream.Account{Topic: t}
	}
	all[t].Add(id, size)
}

// rewrite replaces the records, voids and state by a ledger's.
func (s *Store) rewrite(c *chunk, l *stream.Ledger) error {
	_ = c.batch.DeleteRange([]byte{recordKey}, []byte{recordKey + 1}, nil)
	for a := range l.Accounts("") {
		if err := c.do(c.batch.Set(keyOfRecord(nil, a.Topic), appendRecord(nil, a), nil)); err != nil {
			return err
		}
	}
	for _, v := range l.Voids() {
		_ = c.batch.Set(keyOfVoid(v.From), appendID(nil, v.To), nil)
	}
	_ = c.batch.Set([]byte{stateKey}, encodeState(l.Head(), l.Floor()), nil)
	_ = c.batch.Delete([]byte{mendingKey}, nil)
	return c.batch.Commit(lsm.Sync)
}

// rebuildBoard makes the comments' places and their total agree with the remaining comments.
func (s *Store) rebuildBoard(lost []keySpan) error {
	concerned := false
	for _, span := range lost {
		concerned = concerned || touches(span, commentKey) || touches(span, rankKey) || touches(span, totalKey)
	}
	if !concerned {
		return nil
	}
	c := &chunk{db: s.db, batch: s.db.NewBatch()}
	_ = c.batch.DeleteRange([]byte{rankKey}, []byte{rankKey + 1}, nil)
	total := uint64(0)
	err := s.each(spanOf(commentKey), func(_, value []byte) error {
		comment, err := parseComment(value)
		if err != nil {
			return err
		}
		total++
		return c.do(c.batch.Set(rank(comment), nil, nil))
	})
	if err != nil {
		return err
	}
	_ = c.batch.Set([]byte{totalKey}, binary.AppendUvarint(nil, total), nil)
	return c.batch.Commit(lsm.Sync)
}

// chunk is a batch that is committed whenever it gets long.
type chunk struct {
	db    *lsm.DB
	batch *lsm.Batch
}

func (c *chunk) do(err error) error {
	if err != nil || c.batch.Len() < 1<<20 {
		return err
	}
	if err := c.batch.Commit(lsm.NoSync); err != nil {
		return err
	}
	c.batch = c.db.NewBatch()
	return nil
}

// touches reports whether a span has keys of a kind.
func touches(span keySpan, kind byte) bool { return span.from[0] <= kind && span.to[0] >= kind }
