package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// alone is a database that a command works on while no server runs. Pebble would retry forever what the disk refuses;
// here the first failure ends the work, and the disk is left as after a crash.
type alone struct {
	db     *lsm.DB
	failed chan error
}

func openAlone(dir string, wal bool) (*alone, error) {
	a := &alone{failed: make(chan error, 1)}
	fail := func(err error) {
		select {
		case a.failed <- err:
		default:
		}
	}
	o := options(vfs.Default, events{
		log:     func(format string, args ...any) { fail(fmt.Errorf(format, args...)) },
		damaged: func(keySpan) { fail(errDamaged) },
		fatal:   fail,
	})
	o.EventListener.BackgroundError = fail // with the error itself, not just its text
	o.DisableWAL = !wal
	var err error
	a.db, err = openDatabase(dir, o)
	return a, err
}

// do runs work, and stops waiting for it if the disk fails or ctx ends.
func (a *alone) do(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- guarded(work) }()
	select {
	case err := <-done:
		return err
	case err := <-a.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// compactAtOnce is how many bytes are compacted in one step; the disk needs space for that.
const compactAtOnce = 64 << 20

// Compact rewrites the store without what was removed from it, part by part, and returns the size of its tables in
// bytes before and after. Publishing and reading continue meanwhile.
func (s *Store) Compact(ctx context.Context, progress Progress) (before, after int64, err error) {
	if err := s.writable(); err != nil {
		return 0, 0, err
	}
	if err := hasRoom(s.salvage.fs, s.dir, 2*compactAtOnce); err != nil {
		return 0, 0, err
	}
	err = guarded(func() error {
		before, after, err = compact(ctx, s.db, progress)
		return err
	})
	return before, after, err
}

// CompactFolder compacts a store that no server has open. The error is a sentence.
func CompactFolder(ctx context.Context, dir string, progress Progress) (before, after int64, err error) {
	s, err := look(vfs.Default, dir) // checks that it is one of ours
	if err != nil {
		return 0, 0, err
	}
	if err := errors.Join(s.db.Close(), inspect(vfs.Default, dir)); err != nil {
		return 0, 0, explain(dir, err)
	}
	if err := hasRoom(vfs.Default, dir, 2*compactAtOnce); err != nil {
		return 0, 0, err
	}
	a, err := openAlone(dir, true)
	if err != nil {
		return 0, 0, explain(dir, err)
	}
	err = a.do(ctx, func() error {
		before, after, err = compact(ctx, a.db, progress)
		return errors.Join(err, a.db.Close())
	})
	switch {
	case err == nil:
		err = ownFolder(dir)
	case noSpace(err):
		err = fmt.Errorf("the disk of %s is full; nothing is lost, free some space and try again (%w)", dir, err)
	case isDamage(err):
		err = explain(dir, err)
	}
	return before, after, err
}

func compact(ctx context.Context, db *lsm.DB, progress Progress) (before, after int64, err error) {
	if err := db.Flush(); err != nil {
		return 0, 0, err
	}
	tables, before, err := tablesOf(db)
	if err != nil {
		return 0, 0, err
	}
	var done, part int64
	from := []byte{0}
	for i, table := range tables {
		part += int64(table.Size)
		last := i == len(tables)-1
		to := allKeys.to
		if !last {
			to = tables[i+1].Smallest.UserKey
		}
		if !last && (part < compactAtOnce || bytes.Compare(from, to) >= 0) {
			continue
		}
		if err := db.Compact(ctx, from, to, true); err != nil {
			return before, 0, err
		}
		from = bytes.Clone(to)
		done, part = done+part, 0
		progress("compacting", done, before)
	}
	_, after, err = tablesOf(db)
	return before, after, err
}

// tablesOf returns all tables, ordered by their first keys, and their total size in bytes.
func tablesOf(db *lsm.DB, among ...lsm.SSTablesOption) (tables []lsm.SSTableInfo, total int64, err error) {
	levels, err := db.SSTables(among...)
	tables = slices.Concat(levels...)
	for _, table := range tables {
		total += int64(table.Size)
	}
	slices.SortFunc(tables, func(a, b lsm.SSTableInfo) int {
		return bytes.Compare(a.Smallest.UserKey, b.Smallest.UserKey)
	})
	return tables, total, err
}
