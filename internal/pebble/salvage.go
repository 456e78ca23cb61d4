package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// keySpan is the keys from one, inclusive, to another, exclusive.
type keySpan struct{ from, to []byte }

// salvage removes from a store what cannot be read, so that everything else can be: otherwise every read and every
// compaction of a damaged block would fail forever. Pebble's Excise makes tables end before the block and start after
// it, so that no compaction reads it again. DeleteRange would not do: compactions read what they delete.
//
// Excise removes everything in the span, from newer and older tables too. That is read from a copy of the store in
// which the damaged tables are empty, and put back in the same step.
type salvage struct {
	fs  vfs.FS // not the disk's: nobody waits for what is written here
	dir string
	o   *lsm.Options // what the store was opened with
}

// salvageName is the folder for that copy, inside the store's.
const salvageName = "salvage"

// setAside removes the damaged blocks in a range of keys, and returns the spans in which something may now be missing.
// Keys in a span that are also in other tables remain; one that was overwritten or deleted in a damaged block is back
// in its former state. An undamaged range costs no more than reading it.
//
// Nothing may be committed meanwhile.
func (s salvage) setAside(db *lsm.DB, r keySpan) (lost []keySpan, err error) {
	if err := db.Flush(); err != nil { // so that everything is in tables
		return nil, err
	}
	for range 4 { // once, unless damage hides behind other damage
		spans, tables, err := s.find(db, r)
		if err != nil || len(spans) == 0 {
			return lost, err
		}
		if err := s.replace(db, spans, tables); err != nil {
			return lost, err
		}
		lost = append(lost, spans...)
	}
	return lost, errors.New("the damage could not be set aside")
}

// find returns the damaged spans, sorted and disjoint, and the files they are in.
func (s salvage) find(db *lsm.DB, r keySpan) (spans []keySpan, files []string, err error) {
	tables, _, err := tablesOf(db, lsm.WithKeyRangeFilter(r.from, r.to))
	if err != nil {
		return nil, nil, err
	}
	for _, table := range tables {
		span, damaged := s.inspect(table)
		if !damaged || replaced(db, table) {
			continue
		}
		spans = append(spans, span)
		if name := tableName(table); !slices.Contains(files, name) {
			files = append(files, name)
		}
	}
	slices.SortFunc(spans, func(a, b keySpan) int { return bytes.Compare(a.from, b.from) })
	var merged []keySpan
	for _, span := range spans {
		if n := len(merged); n > 0 && bytes.Compare(span.from, merged[n-1].to) <= 0 {
			if bytes.Compare(span.to, merged[n-1].to) > 0 {
				merged[n-1].to = span.to
			}
			continue
		}
		merged = append(merged, span)
	}
	return merged, files, nil
}

// replaced reports whether a compaction has rewritten a table meanwhile; then its file may be gone.
func replaced(db *lsm.DB, t lsm.SSTableInfo) bool {
	tables, _, err := tablesOf(db)
	return err == nil && !slices.ContainsFunc(tables, func(other lsm.SSTableInfo) bool {
		return other.BackingSSTNum == t.BackingSSTNum
	})
}

// inspect reads a table and returns the span that cannot be read: from the last good key before the damage to the first
// good one after it. It starts at a good key because Excise looks for the one before the span, and would take an
// unreadable block there for the end of the table. A table that cannot be opened is damaged as a whole.
func (s salvage) inspect(t lsm.SSTableInfo) (span keySpan, damaged bool) {
	span = keySpan{slices.Clone(t.Smallest.UserKey), slices.Clone(t.Largest.UserKey)}
	if !t.Largest.IsExclusiveSentinel() {
		span.to = append(span.to, 0)
	}
	err := guarded(func() (err error) {
		r, err := openTable(s.fs, s.fs.PathJoin(s.dir, tableName(t)), s.o)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		removals, err := r.NewRawRangeDelIter(context.Background(), sstable.NoFragmentTransforms, sstable.NoReadEnv)
		if err != nil {
			return err
		}
		if removals != nil {
			removals.Close()
		}
		damaged, err = narrow(r, &span)
		return err
	})
	return span, damaged || err != nil
}

// narrow shrinks a span to the damage, reading the table from both ends.
func narrow(r *sstable.Reader, span *keySpan) (damaged bool, err error) {
	it, err := r.NewIter(sstable.NoTransforms, span.from, span.to, sstable.AssertNoBlobHandles)
	if err != nil {
		return false, err
	}
	var first, last []byte
	for kv := it.SeekGE(span.from, 0); kv != nil; kv = it.Next() {
		first = append(first[:0], kv.K.UserKey...)
	}
	if it.Error() == nil {
		return false, it.Close()
	}
	_ = it.Close() // returns the same error
	back, err := r.NewIter(sstable.NoTransforms, span.from, span.to, sstable.AssertNoBlobHandles)
	if err != nil {
		return false, err
	}
	for kv := back.SeekLT(span.to, 0); kv != nil; kv = back.Prev() {
		last = append(last[:0], kv.K.UserKey...)
	}
	_ = back.Close()
	if first != nil {
		span.from = first
	}
	if last != nil && bytes.Compare(span.from, last) < 0 {
		span.to = last
	}
	return true, nil
}

// replace removes the spans from the store, and puts back what the undamaged files have of them.
func (s salvage) replace(db *lsm.DB, spans []keySpan, files []string) (err error) {
	aside := s.fs.PathJoin(s.dir, salvageName)
	if err := s.fs.RemoveAll(aside); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.fs.RemoveAll(aside)) }()
	for _, name := range files {
		path := s.fs.PathJoin(s.dir, name)
		if _, err := s.fs.Stat(path); errors.Is(err, os.ErrNotExist) {
			if _, err := s.writeTable(path, nil); err != nil {
				return err
			}
		}
	}
	if err := db.Checkpoint(aside); err != nil {
		return err
	}
	for _, name := range files {
		if _, err := s.writeTable(s.fs.PathJoin(aside, name), nil); err != nil {
			return err
		}
	}
	o := s.o.Clone()
	o.FS, o.ReadOnly, o.DisableConsistencyCheck = s.fs, true, true
	o.FileCache, o.Cache = nil, nil
	rest, err := lsm.Open(aside, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rest.Close()) }()
	for i, span := range spans {
		if err := s.excise(db, rest, span, s.fs.PathJoin(aside, fmt.Sprintf("rest-%d", i))); err != nil {
			return err
		}
	}
	return nil
}

// excise removes a span from the store, and puts back what rest has of it.
func (s salvage) excise(db, rest *lsm.DB, span keySpan, path string) (err error) {
	it, err := rest.NewIter(&lsm.IterOptions{LowerBound: span.from, UpperBound: span.to})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	first, err := get(db, span.from)
	if err != nil && !lsm.IsCorruptionError(err) {
		return err
	}
	n, err := s.writeTable(path, func(set func(key, value []byte) error) error {
		if first != nil {
			if err := set(span.from, first); err != nil {
				return err
			}
		}
		for ok := it.First(); ok; ok = it.Next() {
			if first != nil && bytes.Equal(it.Key(), span.from) {
				continue
			}
			if err := set(it.Key(), it.Value()); err != nil {
				return err
			}
		}
		return it.Error()
	})
	if err != nil {
		return err
	}
	keys := lsm.KeyRange{Start: span.from, End: span.to}
	if n == 0 {
		return db.Excise(context.Background(), keys)
	}
	_, err = db.IngestAndExcise(context.Background(), []string{path}, nil, nil, keys)
	return err
}

// writeTable writes a table of what fill sets, in key order, and returns how many keys that is.
func (s salvage) writeTable(path string, fill func(set func(key, value []byte) error) error) (n int, err error) {
	file, err := s.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return 0, err
	}
	format := s.o.MakeWriterOptions(0, s.o.FormatMajorVersion.MaxTableFormat())
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(file), format)
	if fill != nil {
		err = fill(func(key, value []byte) error {
			n++
			return w.Set(key, value)
		})
	}
	return n, errors.Join(err, w.Close())
}
