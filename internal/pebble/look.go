package pebble

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream"
)

// Folder is a store that nobody changes, opened read-only.
type Folder struct{ s *Store }

// Look opens a folder that nobody changes, such as a backup or a snapshot of Store.Moment, and changes nothing in it.
// The error is a sentence.
func Look(dir string) (*Folder, error) {
	s, err := look(vfs.Default, dir)
	if err != nil {
		return nil, err
	}
	return &Folder{s}, nil
}

// Page is like that of a stream.Log, but damage is an error.
func (f *Folder) Page(ctx context.Context, q stream.Query) (page stream.Page, err error) {
	if err := ctx.Err(); err != nil {
		return page, err
	}
	err = guarded(func() error {
		page, err = f.s.page(ctx, q)
		return err
	})
	if err != nil {
		err = explain(f.s.dir, err)
	}
	return page, err
}

// Topics returns the account of each topic, sorted by name.
func (f *Folder) Topics() iter.Seq[*stream.Account] { return f.s.ledger.Accounts("") }

// Close releases the folder.
func (f *Folder) Close() error { return f.s.db.Close() }

// present checks that there is a store in a folder.
func present(files vfs.FS, dir string) error {
	names, err := files.List(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no store %s; name another one", dir)
	case err != nil:
		return explain(dir, err)
	case !holdsStore(names):
		return fmt.Errorf("there is no store in the folder %s", dir)
	}
	return nil
}

// look opens a store read-only.
func look(files vfs.FS, dir string) (s *Store, err error) {
	if err := present(files, dir); err != nil {
		return nil, err
	}
	s = &Store{dir: dir, clock: time.Now}
	o := options(lookOnly{files}, quietly)
	o.ReadOnly, o.ErrorIfNotExists = true, true
	if s.db, err = openDatabase(dir, o); err != nil {
		return nil, explain(dir, err)
	}
	err = guarded(func() error {
		x, err := s.readIndex()
		if err == nil {
			s.useIndex(unbounded, x)
		}
		return err
	})
	if err != nil {
		return nil, explain(dir, errors.Join(err, s.db.Close()))
	}
	return s, nil
}

// quietly ignores events whose cause the caller learns anyway.
var quietly = events{log: func(string, ...any) {}, damaged: func(keySpan) {}, fatal: func(error) {}}

// unbounded is the retention for reading only.
var unbounded = stream.Retention{Events: math.MaxInt, Age: math.MaxInt64, Bytes: math.MaxInt64, Topics: math.MaxInt}
