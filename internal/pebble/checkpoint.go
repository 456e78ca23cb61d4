package pebble

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
)

// momentPrefix starts the names of a store's snapshot folders, which lie inside its own.
const momentPrefix = "moment-"

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// Moment makes a snapshot of the store, with everything acknowledged so far, in a folder inside the store's, and
// returns the folder's name. It takes next to no space and blocks nobody: tables are immutable, so they are linked, not
// copied. The snapshot is for reading only. Release it with Forget, since it keeps what the store removes meanwhile on
// disk.
func (s *Store) Moment() (name string, err error) {
	select {
	case <-s.closing:
		return "", errClosed
	default:
	}
	err = guarded(func() error {
		name, err = freeze(s.db, s.salvage.fs, s.dir)
		return err
	})
	return name, err
}

// Forget removes a snapshot.
func (s *Store) Forget(name string) { forget(s.salvage.fs, s.dir, name) }

// ForgetAll removes the snapshots that a killed process has left.
func (s *Store) ForgetAll() {
	names, _ := s.salvage.fs.List(s.dir)
	for _, name := range names {
		if strings.HasPrefix(name, momentPrefix) {
			s.Forget(name)
		}
	}
}

func forget(files vfs.FS, dir, name string) {
	if err := files.RemoveAll(files.PathJoin(dir, name)); err != nil {
		golog.Warnf("The store %s: removing %s: %v", dir, name, err)
	}
}

// freeze makes a snapshot. The log is copied while it is being written, so a write between two reads may look like
// damage; then it tries again. Real damage is for the reader to report.
//
// Nothing needs to be written to the log, which has everything acknowledged: it works on a full disk.
func freeze(db *lsm.DB, files vfs.FS, dir string) (name string, err error) {
	for attempt := 1; ; attempt++ {
		name = momentPrefix + strconv.FormatUint(rand.Uint64(), 36)
		if err := db.Checkpoint(files.PathJoin(dir, name)); err != nil {
			forget(files, dir, name)
			if noSpace(err) {
				err = stream.Errorf(stream.Unavailable,
					"There is no space in %s for a snapshot of the store, which takes a few MiB.", dir)
			}
			return "", err
		}
		found, err := checkRecords(files, files.PathJoin(dir, name))
		if err == nil && len(found) > 0 && attempt < attempts {
			forget(files, dir, name)
			continue
		}
		return name, err
	}
}

// publish renames a folder durably.
func publish(files vfs.FS, partial, dir string) error {
	if err := syncFolder(files, partial); err != nil {
		return err
	}
	if err := files.Rename(partial, dir); err != nil {
		return err
	}
	return syncFolder(files, files.PathDir(dir))
}

func syncFolder(files vfs.FS, dir string) error {
	handle, err := files.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(handle.Sync(), handle.Close())
}
