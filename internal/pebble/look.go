package pebble

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream"
)

// Folder is a store that nobody changes, opened for reading alone.
type Folder struct{ s *Store }

// Look opens a folder that nobody changes, such as a backup or what Store.Moment gave, and changes nothing in it. The
// error is a sentence.
func Look(dir string) (*Folder, error) {
	s, err := look(vfs.Default, dir)
	if err != nil {
		return nil, err
	}
	return &Folder{s}, nil
}

// Page is as of a stream.Log. What is damaged is an error.
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

// Topics are what is known of each topic, by name.
func (f *Folder) Topics() iter.Seq[*stream.Account] { return f.s.ledger.Accounts("") }

// Close lets the folder go.
func (f *Folder) Close() error { return f.s.db.Close() }

// present says whether there is a store in a folder.
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

// look opens a store as it is.
func look(files vfs.FS, dir string) (s *Store, err error) {
	if err := present(files, dir); err != nil {
		return nil, err
	}
	s = &Store{dir: dir, clock: time.Now}
	o := options(lookOnly{files}, quietly)
	o.ReadOnly, o.ErrorIfNotExists = true, true
	err = guarded(func() (err error) {
		if s.db, err = lsm.Open(dir, o); err != nil {
			return err
		}
		x, err := s.readIndex()
		if err == nil {
			s.useIndex(unbounded, x)
		}
		return err
	})
	if err != nil && s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	if err != nil {
		return nil, explain(dir, err)
	}
	return s, nil
}

// quietly tells nobody of what the caller learns anyway.
var quietly = events{log: func(string, ...any) {}, damaged: func(keySpan) {}, fatal: func(error) {}}

// unbounded is the retention of who only reads.
var unbounded = stream.Retention{Events: math.MaxInt, Age: math.MaxInt64, Bytes: math.MaxInt64, Topics: math.MaxInt}
