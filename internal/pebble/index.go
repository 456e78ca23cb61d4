package pebble

import (
	"cmp"

	lsm "github.com/cockroachdb/pebble/v2"

	"iris-broadcast/internal/stream"
)

// index is everything a store keeps about its log besides the events.
type index struct {
	begun       bool // false for a new store
	head, floor stream.ID
	accounts    []stream.Account
	removed     []stream.ID // the highest removed ID, for each of accounts
	voids       []stream.Void
}

// readIndex reads the state, the records and the voids.
func (s *Store) readIndex() (x index, err error) {
	state, err := get(s.db, []byte{stateKey})
	if x.begun = state != nil; err == nil && x.begun {
		x.head, x.floor, err = parseState(state)
	}
	if err != nil {
		return x, err
	}
	err = s.each(spanOf(recordKey), func(key, value []byte) error {
		a, removed, err := parseRecord(string(key[1:]), value)
		x.accounts, x.removed = append(x.accounts, a), append(x.removed, removed)
		x.head = x.head.Max(a.Newest)
		return err
	})
	if err != nil {
		return x, err
	}
	err = s.each(spanOf(voidKey), func(key, value []byte) error {
		if len(value) != idSize || len(key) != 1+idSize {
			return errDamaged
		}
		x.voids = append(x.voids, stream.Void{From: parseID(key), To: parseID(value)})
		return nil
	})
	return x, err
}

// useIndex builds the ledger from what was read.
func (s *Store) useIndex(keep stream.Retention, x index) {
	s.head = x.head
	s.ledger = stream.NewLedger(keep, x.head, x.floor, x.voids...)
	for i, a := range x.accounts {
		s.ledger.Load(a, x.removed[i])
	}
}

// each calls visit with every key of a span and its value, in order, until it fails.
func (s *Store) each(span keySpan, visit func(key, value []byte) error) error {
	it, err := s.db.NewIter(&lsm.IterOptions{LowerBound: span.from, UpperBound: span.to})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		err = visit(it.Key(), it.Value())
	}
	return cmp.Or(err, it.Close())
}
