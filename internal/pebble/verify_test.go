package pebble

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	lsm "github.com/cockroachdb/pebble/v2"

	"iris-broadcast/internal/stream"
)

// verify fails the test unless the store is consistent: the ledger, the records, the events, their topics' index, and
// the board.
func verify(t *testing.T, s *Store) {
	t.Helper()
	if err := s.hold(t.Context()); err != nil { // so that nothing changes
		t.Fatal(err)
	}
	defer s.release()
	total := stream.Stats{}
	accounts, records := map[string]stream.Account{}, map[string]string{}
	for a := range s.ledger.Accounts("") {
		total.Topics, total.Events, total.Bytes = total.Topics+1, total.Events+a.Count, total.Bytes+a.Bytes
		accounts[a.Topic.String()] = stream.Account{Count: a.Count, Bytes: a.Bytes}
		records[a.Topic.String()] = string(appendRecord(nil, a))
	}
	if got := s.ledger.Stats(); fmt.Sprint(got) != fmt.Sprint(total) {
		t.Errorf("the ledger's stats are %v, want %v", got, total)
	}
	events, index := map[string]stream.Account{}, map[string]bool{}
	mustEach(t, s, eventKey, func(key, value []byte) {
		kept, err := parseStored(value)
		if err != nil {
			t.Fatal(err)
		}
		a := events[string(kept.topic)]
		a.Count++
		a.Bytes += kept.size()
		events[string(kept.topic)] = a
		index[string(keyInTopic(nil, stream.MustTopic(string(kept.topic)), parseID(key)))] = true
	})
	if fmt.Sprint(events) != fmt.Sprint(accounts) {
		t.Errorf("the events are %v, but the ledger says %v", events, accounts)
	}
	mustEach(t, s, topicKey, func(key, _ []byte) {
		name, _, _ := bytes.Cut(key[1:], []byte{0})
		a := s.ledger.Account(stream.MustTopic(string(name)))
		if !index[string(key)] && a != nil && a.Removed.Less(parseID(key)) {
			t.Errorf("%s has %v in its index, but it is not stored", name, parseID(key))
		}
		delete(index, string(key))
	})
	if len(index) > 0 {
		t.Errorf("%d events are not in their topic's index", len(index))
	}
	stored := map[string]string{}
	mustEach(t, s, recordKey, func(key, value []byte) { stored[string(key[1:])] = string(value) })
	if fmt.Sprint(stored) != fmt.Sprint(records) {
		t.Errorf("the records are %q, but the ledger says %q", stored, records)
	}
	verifyBoard(t, s)
}

func verifyBoard(t *testing.T, s *Store) {
	t.Helper()
	ranks, comments := map[string]bool{}, 0
	mustEach(t, s, rankKey, func(key, _ []byte) { ranks[string(key)] = true })
	mustEach(t, s, commentKey, func(_, value []byte) {
		c, err := parseComment(value)
		if err != nil || !ranks[string(rank(c))] {
			t.Errorf("%+v has no place, %v", c, err)
		}
		comments++
	})
	value, err := get(s.db, []byte{totalKey})
	if total, _ := binary.Uvarint(value); err != nil || len(ranks) != comments || int(total) != comments {
		t.Errorf("%d comments have %d places, and their total is %d; %v", comments, len(ranks), total, err)
	}
}

func mustEach(t *testing.T, s *Store, kind byte, visit func(key, value []byte)) {
	t.Helper()
	err := s.each(spanOf(kind), func(key, value []byte) error {
		visit(key, value)
		return nil
	})
	if err != nil && !lsm.IsCorruptionError(err) {
		t.Fatal(err)
	}
	if err != nil {
		t.Errorf("some damage is left: %v", err)
	}
}
