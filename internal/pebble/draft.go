package pebble

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A draft is a folder that will become a store, or a copy of one. A marker file in it identifies it, and is locked
// while somebody works on it: drafts left by a crash are recognized, and no other folder is ever removed as one.
const (
	unfinished = "UNFINISHED" // being filled
	finished   = "FINISHED"   // complete; it is being renamed, or has been
)

var (
	errInTheWay = errors.New("it is in the way, and is not ours to remove; move it away")
	errUnderWay = errors.New("another process is working on it")
)

type draft struct {
	files vfs.FS
	dir   string
	lock  io.Closer
}

// newDraft makes an empty draft, replacing one that was left behind.
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

// draftMark returns a folder's marker, "" if it is no draft. An empty folder may be a draft whose marker was not yet
// written.
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

// discardDraft removes a draft that was left behind. Its marker goes last.
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

// whole marks the draft as complete, durably.
func (d *draft) whole() error {
	if err := d.files.Rename(d.files.PathJoin(d.dir, unfinished), d.files.PathJoin(d.dir, finished)); err != nil {
		return err
	}
	return syncFolder(d.files, d.dir)
}

// settled removes the marker of a draft that has got its final name.
func (d *draft) settled(name string) error {
	err := d.files.Remove(d.files.PathJoin(name, finished))
	return errors.Join(err, d.lock.Close(), syncFolder(d.files, name))
}
