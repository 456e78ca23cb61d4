package pebble

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// finding is one piece of damage in a store.
type finding struct {
	file string // in the store's folder
	what string // the consequence, a sentence
	err  error  // the evidence
}

func (f finding) String() string { return fmt.Sprintf("%s: %s (%v)", f.file, f.what, f.err) }

// checkDir reads all of a store that nobody has open, and changes nothing. Progress is in bytes. An error means that
// there is no store to check.
func checkDir(fs vfs.FS, dir string, progress func(done, total int64)) (found []finding, err error) {
	fs = lookOnly{fs}
	if found, err = checkRecords(fs, dir); err != nil {
		return nil, err
	}
	err = guarded(func() error {
		more, err := checkTables(fs, dir, progress)
		found = append(found, more...)
		return err
	})
	if errors.Is(err, lsm.ErrDBDoesNotExist) {
		return nil, err
	}
	if err != nil {
		found = append(found, finding{"(the store)", "It cannot be opened, so its tables were not read.", err})
	}
	return found, nil
}

// checkRecords reads the MANIFEST and the logs. It must also run before a store is opened: Pebble takes some damage for
// the end of the log, and would delete the tables it then knows nothing about.
func checkRecords(fs vfs.FS, dir string) (found []finding, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	current := currentManifest(names)
	if current != "" && !slices.Contains(names, current) {
		found = append(found, finding{current, "It is missing.", os.ErrNotExist})
	}
	first := firstLog(fs, fs.PathJoin(dir, current))
	for _, name := range names {
		number, isLog := logNumber(name)
		if isLog && number < first || !isLog && name != current {
			continue
		}
		data, err := readFile(fs, fs.PathJoin(dir, name))
		if err != nil {
			found = append(found, finding{name, "It cannot be read.", err})
			continue
		}
		if at := (records{data, number}).damaged(); at >= 0 {
			what := "Newer events cannot be read."
			if !isLog {
				what = "Which tables belong to the store is no longer known."
			}
			found = append(found, finding{name, what, fmt.Errorf("damaged at byte %d of %d", at, len(data))})
		}
	}
	return found, nil
}

// firstLog is the number of the oldest log whose contents are not all in tables. The MANIFEST has it: its records begin
// with tag 1 and the comparer's name, or with tag 2 and that number. Older logs are about to be recycled, and nothing
// in them matters.
func firstLog(fs vfs.FS, manifest string) (first uint32) {
	data, err := readFile(fs, manifest)
	if err != nil {
		return 0
	}
	for edits := record.NewReader(bytes.NewReader(data), 0); ; {
		r, err := edits.Next()
		if err != nil {
			return first
		}
		edit := bufio.NewReader(r)
		tag, err := binary.ReadUvarint(edit)
		if err == nil && tag == 1 {
			var size uint64
			if size, err = binary.ReadUvarint(edit); err == nil {
				_, err = edit.Discard(int(min(size, math.MaxInt32)))
			}
			if err == nil {
				tag, err = binary.ReadUvarint(edit)
			}
		}
		if err == nil && tag == 2 {
			if number, err := binary.ReadUvarint(edit); err == nil {
				first = max(first, uint32(number))
			}
		}
	}
}

// currentManifest is the name in the newest marker: marker.manifest.N.MANIFEST-M.
func currentManifest(names []string) (current string) {
	newest := uint64(0)
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, "marker.manifest.")
		number, manifest, found := strings.Cut(rest, ".")
		if n, err := strconv.ParseUint(number, 10, 64); ok && found && err == nil && n >= newest {
			newest, current = n, manifest
		}
	}
	return current
}

func logNumber(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, ".log")
	n, err := strconv.ParseUint(digits, 10, 64)
	return uint32(n), ok && err == nil
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// checkTables reads every block of every table.
func checkTables(fs vfs.FS, dir string, progress func(done, total int64)) (found []finding, err error) {
	o := options(fs, quietly)
	o.ReadOnly, o.ErrorIfNotExists = true, true
	db, err := lsm.Open(dir, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, _, err := tablesOf(db)
	if err != nil {
		return nil, err
	}
	sizes, total := map[string]int64{}, int64(0)
	for _, table := range tables {
		name := tableName(table)
		info, err := fs.Stat(fs.PathJoin(dir, name))
		if err == nil && sizes[name] == 0 {
			sizes[name] = info.Size()
			total += info.Size()
		}
	}
	done := int64(0)
	for name, size := range sizes {
		if err := checkTable(fs, fs.PathJoin(dir, name), o); err != nil {
			found = append(found, finding{name, "Some of its events cannot be read.", err})
		}
		done += size
		progress(done, total)
	}
	return found, nil
}

func tableName(t lsm.SSTableInfo) string { return fmt.Sprintf("%06d.sst", uint64(t.BackingSSTNum)) }

func checkTable(fs vfs.FS, name string, o *lsm.Options) error {
	return guarded(func() (err error) {
		r, err := openTable(fs, name, o)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		return r.ValidateBlockChecksums()
	})
}

func openTable(fs vfs.FS, name string, o *lsm.Options) (*sstable.Reader, error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	r, err := sstable.NewReader(context.Background(), readable, o.MakeReaderOptions())
	if err != nil {
		return nil, errors.Join(err, readable.Close())
	}
	return r, nil
}

// guarded turns a panic of Pebble's over malformed files into an error.
func guarded(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed: %v", r)
		}
	}()
	return do()
}

// lookOnly is a read-only file system.
type lookOnly struct{ vfs.FS }

var errLookOnly = fmt.Errorf("a check changes nothing: %w", errors.ErrUnsupported)

func (lookOnly) Create(string, vfs.DiskWriteCategory) (vfs.File, error) { return nil, errLookOnly }
func (lookOnly) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, errLookOnly
}
func (lookOnly) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, errLookOnly
}
func (lookOnly) Link(string, string) error          { return errLookOnly }
func (lookOnly) Remove(string) error                { return errLookOnly }
func (lookOnly) RemoveAll(string) error             { return errLookOnly }
func (lookOnly) Rename(string, string) error        { return errLookOnly }
func (lookOnly) MkdirAll(string, os.FileMode) error { return errLookOnly }
func (lookOnly) Lock(string) (io.Closer, error)     { return io.NopCloser(nil), nil }
