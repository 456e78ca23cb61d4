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

// momentPrefix begins the names of folders inside a store's that show it as it was at a moment.
const momentPrefix = "moment-"

// Dir is the folder of the store.
func (s *Store) Dir() string { return s.dir }

// Moment makes a folder inside the store's that shows it as it is at this moment, with all that was acknowledged
// before, and gives its name. It takes no room to speak of, and nobody waits for it: tables are never changed, so they
// are linked, not copied. It is for reading alone, and to be let go with Forget, since what the store has removed
// meanwhile keeps its room.
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

// Forget removes the folder of a moment.
func (s *Store) Forget(name string) { forget(s.salvage.fs, s.dir, name) }

// ForgetAll removes those that a process that was killed has left.
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

// freeze makes the folder. The log is copied while it is written, so what comes in between two reads may leave a hole
// that looks like damage; then another attempt is made. What is damaged indeed is for whoever reads it.
//
// What was acknowledged is in the log's file by then, so nothing needs to be written to it: a full disk is no
// hindrance.
func freeze(db *lsm.DB, files vfs.FS, dir string) (name string, err error) {
	for attempt := 1; ; attempt++ {
		name = momentPrefix + strconv.FormatUint(rand.Uint64(), 36)
		if err := db.Checkpoint(files.PathJoin(dir, name)); err != nil {
			forget(files, dir, name)
			if noSpace(err) {
				err = stream.Errorf(stream.Unavailable, "There is no room in %s for a moment of the store, a few MiB.", dir)
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

// publish gives a folder its name, and makes that durable.
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
