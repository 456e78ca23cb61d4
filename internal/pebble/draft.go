package pebble

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A draft is a folder that is to become a store, or a copy of one. A file in it tells what it is, and is locked while
// somebody works on it: a draft that a crash has left is known as such, and nothing else is ever taken for one and
// removed.
const (
	unfinished = "UNFINISHED" // it is being filled
	finished   = "FINISHED"   // it is whole, and about to have its name, or has it
)

var (
	errInTheWay = errors.New("it is in the way, and nothing of ours; move it away")
	errUnderWay = errors.New("somebody else is at work on it")
)

type draft struct {
	files vfs.FS
	dir   string
	lock  io.Closer
}

// newDraft makes an empty draft, in place of one that was left.
func newDraft(files vfs.FS, dir string) (*draft, error) {
	if err := discardDraft(files, dir); err != nil {
		return nil, fmt.Errorf("the folder %s: %w", dir, err)
	}
	if err := files.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := files.Lock(files.PathJoin(dir, unfinished))
	if err != nil {
		return nil, err
	}
	return &draft{files, dir, lock}, nil
}

// draftMark is what tells that a folder is a draft, "" if it is none. One that is empty may have been about to become
// one.
func draftMark(files vfs.FS, dir string) (mark string, empty bool, err error) {
	names, err := files.List(dir)
	if err != nil {
		return "", false, err
	}
	for _, mark := range []string{unfinished, finished} {
		if slices.Contains(names, mark) {
			return mark, false, nil
		}
	}
	return "", len(names) == 0, nil
}

// discardDraft removes what was left of a draft. What tells that it is one goes last.
func discardDraft(files vfs.FS, dir string) error {
	if _, err := files.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	mark, empty, err := draftMark(files, dir)
	switch {
	case err != nil:
		return err
	case empty:
		return files.Remove(dir)
	case mark == "":
		return errInTheWay
	}
	lock, err := files.Lock(files.PathJoin(dir, mark))
	if err != nil {
		return fmt.Errorf("%w: %w", errUnderWay, err)
	}
	return (&draft{files, dir, lock}).discard()
}

// discard removes a draft.
func (d *draft) discard() error {
	names, err := d.files.List(d.dir)
	for _, name := range names {
		if name != unfinished && name != finished {
			err = errors.Join(err, d.files.RemoveAll(d.files.PathJoin(d.dir, name)))
		}
	}
	_ = d.lock.Close()
	if err != nil {
		return err
	}
	return d.files.RemoveAll(d.dir)
}

// whole says that the draft is, and makes it durable.
func (d *draft) whole() error {
	if err := d.files.Rename(d.files.PathJoin(d.dir, unfinished), d.files.PathJoin(d.dir, finished)); err != nil {
		return err
	}
	return syncFolder(d.files, d.dir)
}

// settled ends a draft that has its name.
func (d *draft) settled(name string) error {
	err := d.files.Remove(d.files.PathJoin(name, finished))
	return errors.Join(err, d.lock.Close(), syncFolder(d.files, name))
}
