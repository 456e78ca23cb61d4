package pebble

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The drafts that may be beside a store.
const (
	restoring = ".restoring"
	importing = ".importing"
)

// exchange is exchangeNames, but in tests of what is done without it.
var exchange = exchangeNames

// place is where a store is, or is to be, held by somebody who is about to put another one there.
type place struct {
	store  string      // its folder's name, without links
	folder os.FileInfo // nil if there is none
	like   os.FileInfo // whose owner and rights a new folder gets
	lock   io.Closer   // nil if there is no folder
}

// InUse is what the error of Lock is for a store that another process has open.
var InUse = errInUse

// Lock takes a store that no server has open, so that none opens it. The error is a sentence.
func Lock(dir string) (unlock func(), err error) {
	lock, err := vfs.Default.Lock(filepath.Join(dir, "LOCK"))
	if err == nil {
		return func() { _ = lock.Close() }, nil
	}
	if inUse(err) {
		return nil, fmt.Errorf("the store %s is %w", dir, InUse)
	}
	return nil, explain(dir, err)
}

// takePlace takes the place of a store, and puts in order what a crash has left beside it.
func takePlace(store string) (p *place, err error) {
	p = &place{store: withoutLink(store)}
	defer func() {
		if err != nil {
			p.release()
		}
	}()
	if err := settle(p.store); err != nil {
		return p, err
	}
	parent, err := os.Stat(filepath.Dir(p.store))
	if err != nil {
		return p, fmt.Errorf("the folder that the store %s is to be in: %w", store, err)
	}
	if p.like, err = os.Stat(p.store); errors.Is(err, fs.ErrNotExist) {
		p.like = parent
		return p, p.tidy()
	} else if err != nil {
		return p, explain(store, err)
	}
	if err := inspect(vfs.Default, p.store); err != nil && !errors.Is(err, errDamaged) {
		return p, explain(store, err)
	}
	if !sameDisk(p.like, parent) {
		return p, fmt.Errorf("the store %s is a disk of its own, and cannot be moved aside; use a folder on it, such as "+
			"-store pebble:%s", store, filepath.Join(store, "data"))
	}
	if p.lock, err = vfs.Default.Lock(filepath.Join(p.store, "LOCK")); err != nil {
		return p, explain(store, err)
	}
	p.folder = p.like
	return p, p.tidy()
}

// withoutLink is where a folder is, or would be.
func withoutLink(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	target, err := os.Readlink(dir)
	switch {
	case err != nil:
		return filepath.Clean(dir)
	case filepath.IsAbs(target):
		return target
	}
	return filepath.Join(filepath.Dir(dir), target)
}

// ownFolder gives what is in a folder to its owner.
func ownFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	return ownLike(dir, info)
}

func (p *place) release() {
	if p.lock != nil {
		_ = p.lock.Close()
		p.lock = nil
	}
}

// tidy puts in order what was left beside the store: a draft goes; what was the store before another took its place
// keeps, under the name that it was to have.
func (p *place) tidy() error {
	if err := removeIfThere(vfs.Default, filepath.Join(p.store, finished)); err != nil {
		return err
	}
	for _, suffix := range []string{restoring, importing} {
		err := discardDraft(vfs.Default, p.store+suffix)
		if errors.Is(err, errInTheWay) {
			err = os.Rename(p.store+suffix, p.aside())
		}
		if err != nil {
			return fmt.Errorf("the folder %s: %w", p.store+suffix, err)
		}
	}
	return nil
}

// aside is a name for the former store.
func (p *place) aside() string {
	name := p.store + ".before-" + time.Now().UTC().Format("20060102T150405.000Z")
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s.before-%s-%d", p.store, time.Now().UTC().Format("20060102T150405.000Z"), n)
	}
}

// put puts a whole draft in the store's place, and says where the former one is, "" if there was none. At any moment
// there is a whole store: where the system can, the two are exchanged in one step; elsewhere settle ends it.
func (p *place) put(d *draft) (before string, err error) {
	rights := os.FileMode(0o755) // as Pebble makes a folder
	if p.folder != nil {
		rights = p.folder.Mode().Perm()
	}
	if err := errors.Join(os.Chmod(d.dir, rights), ownLike(d.dir, p.like), d.whole()); err != nil {
		return "", err
	}
	if p.folder == nil {
		err = os.Rename(d.dir, p.store)
	} else if before = p.aside(); exchange(d.dir, p.store) == nil {
		err = os.Rename(d.dir, before)
	} else if err = os.Rename(p.store, before); err == nil {
		if err = os.Rename(d.dir, p.store); err != nil {
			err = errors.Join(err, os.Rename(before, p.store))
		}
	}
	if err != nil {
		return "", fmt.Errorf("the new store is whole, but could not be put in the place of %s: %w", p.store, err)
	}
	err = d.settled(p.store)
	return before, errors.Join(err, syncFolder(vfs.Default, filepath.Dir(p.store)))
}

// settle ends what a crash between two steps of put has left: no store, and a whole one that was to be it.
func settle(store string) error {
	store = withoutLink(store)
	if _, err := os.Lstat(store); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, suffix := range []string{restoring, importing} {
		mark, _, err := draftMark(vfs.Default, store+suffix)
		if err != nil || mark != finished {
			continue
		}
		lock, err := vfs.Default.Lock(filepath.Join(store+suffix, finished))
		if err != nil {
			return fmt.Errorf("a new store is about to be put in the place of %s; try again in a moment (%w)", store, err)
		}
		if err := os.Rename(store+suffix, store); err != nil {
			return errors.Join(err, lock.Close())
		}
		return (&draft{vfs.Default, store, lock}).settled(store)
	}
	return nil
}
