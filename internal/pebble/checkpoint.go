package pebble

import (
	"errors"
	"fmt"
	"io/fs"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkpoint copies a store as it is at a moment into a new folder, while it goes on. What was acknowledged before is
// in it. The folder has its name only once the copy is whole, checked and synced; until then it is called
// dir.partial, and one that an earlier attempt left under that name is removed.
func checkpoint(db *lsm.DB, files vfs.FS, dir string, progress func(done, total int64)) (err error) {
	dir = files.PathJoin(dir)
	if _, err := files.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return fmt.Errorf("the copy's folder %s: %w", dir, err)
	}
	partial := dir + ".partial"
	if err := files.RemoveAll(partial); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = files.RemoveAll(partial)
		}
	}()
	if err := db.Checkpoint(partial, lsm.WithFlushedWAL()); err != nil {
		return err
	}
	found, err := checkDir(files, partial, progress)
	if err != nil {
		return err
	}
	for _, f := range found {
		err = errors.Join(err, fmt.Errorf("the copy is damaged: %v", f))
	}
	if err != nil {
		return err
	}
	return publish(files, partial, dir)
}

// publish gives a folder its name, and makes that durable.
func publish(files vfs.FS, partial, dir string) error {
	for _, folder := range []string{partial, files.PathDir(dir)} {
		if folder != partial {
			if err := files.Rename(partial, dir); err != nil {
				return err
			}
		}
		handle, err := files.OpenDir(folder)
		if err != nil {
			return err
		}
		if err := errors.Join(handle.Sync(), handle.Close()); err != nil {
			return err
		}
	}
	return nil
}
