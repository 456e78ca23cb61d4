package bolt

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

func openStore(t testing.TB, path string, keep stream.Retention) *Store {
	t.Helper()
	s, err := Open(path, keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "broadcast.db") }

// TestTheStoreKeepsThePromisesOfALog runs the contract on stores that are empty because they have forgotten something: a new
// file's floor is 0-0, and below that there is no position to ask for.
func TestTheStoreKeepsThePromisesOfALog(t *testing.T) {
	logtest.Run(t, func(t *testing.T, keep stream.Retention) stream.Log {
		path, forgotten := newPath(t), stream.IDAt(time.Now())
		writeState(t, path, state{head: forgotten, floor: forgotten})
		return openStore(t, path, keep)
	})
}

// writeState makes a store without events, whose log has come that far.
func writeState(t testing.TB, path string, as state) {
	t.Helper()
	if err := openStore(t, path, logtest.Generous).Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(stateKey, as.encode()) })
}

// edit changes a file that no store has open.
func edit(t testing.TB, path string, change func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// countAll counts what there is, and wants the head to be there.
func countAll(t *testing.T, s *Store, head stream.ID) (n int) {
	t.Helper()
	q := everything(t)
	for {
		page, err := s.Page(t.Context(), q)
		if err != nil || page.Gap != nil || page.Head != head {
			t.Fatalf("reading: head %v (want %v), gap %v, error %v", page.Head, head, page.Gap, err)
		}
		n += len(page.Events)
		if q.After = page.End(); !page.More {
			return n
		}
	}
}

// waitFor waits until something is so.
func waitFor(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !isSo() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}
