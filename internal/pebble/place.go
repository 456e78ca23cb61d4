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

// The drafts that may be next to a store.
const (
	restoring = ".restoring"
	importing = ".importing"
)

// exchange is a variable so that tests can do without it.
var exchange = exchangeNames

// place is where a store is, or will be, locked while another one is put there.
type place struct {
	store  string      // its folder, with links resolved
	folder os.FileInfo // nil if there is no store yet
	like   os.FileInfo // a new folder gets its owner and permissions from this one
	lock   io.Closer   // nil if there is no store yet
}

// InUse is wrapped by Lock's error if another process has the store open.
var InUse = errInUse

// Lock keeps servers from opening a store until unlock. The error is a sentence.
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

// takePlace locks the place of a store, and cleans up what a crash has left next to it.
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
		return p, fmt.Errorf("the parent folder of the store %s: %w", store, err)
	}
	if p.like, err = os.Stat(p.store); errors.Is(err, fs.ErrNotExist) {
		p.like = parent
		return p, p.tidy()
	} else if err != nil {
		return p, explain(store, err)
	}
	if err := inspect(vfs.Default, p.store); err != nil {
		return p, explain(store, err)
	}
	if !sameDisk(p.like, parent) {
		return p, fmt.Errorf("the store %s is a mount point, which cannot be moved aside; use a folder below "+
			"it, such as -store pebble:%s", store, filepath.Join(store, "data"))
	}
	if p.lock, err = vfs.Default.Lock(filepath.Join(p.store, "LOCK")); err != nil {
		return p, explain(store, err)
	}
	p.folder = p.like
	return p, p.tidy()
}

// withoutLink resolves links in a folder's name; the folder need not exist.
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

// ownFolder gives a folder's files to the folder's owner.
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

// tidy cleans up next to the store: drafts are removed; a former store that has a draft's name is moved to the name it
// was meant to get.
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

// aside is a free name for the former store.
func (p *place) aside() string {
	first := p.store + ".before-" + time.Now().UTC().Format("20060102T150405.000Z")
	name := first
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d", first, n)
	}
}

// put puts a finished draft in the store's place, and returns where the former store is now, "" if there was none.
// There is a complete store at every moment: where the system can, the two folders swap names in one step; elsewhere
// settle completes an interrupted put.
func (p *place) put(d *draft) (before string, err error) {
	rights := os.FileMode(0o755) // as Pebble creates folders
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
		return "", fmt.Errorf("the new store is complete, but could not replace %s: %w", p.store, err)
	}
	err = d.settled(p.store)
	return before, errors.Join(err, syncFolder(vfs.Default, filepath.Dir(p.store)))
}

// settle completes a put that a crash interrupted between two steps: no store is there, but a finished draft is.
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
			return fmt.Errorf("the store %s is being replaced; try again in a moment (%w)", store, err)
		}
		if err := os.Rename(store+suffix, store); err != nil {
			return errors.Join(err, lock.Close())
		}
		return (&draft{vfs.Default, store, lock}).settled(store)
	}
	return nil
}
