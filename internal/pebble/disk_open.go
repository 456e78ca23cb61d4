package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
)

// open opens the store once checkRecords finds its records sound. Pebble would retry forever if there is no space even
// with the reserve, and may panic over malformed files.
func (d *disk) open(o *lsm.Options) (*lsm.DB, error) {
	if found, err := checkRecords(d.FS, d.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	} else if len(found) > 0 {
		return nil, fmt.Errorf("%w: %v", errDamaged, found) // opening it would lose more than that
	}
	var db *lsm.DB
	done := make(chan error, 1)
	go func() {
		var err error
		db, err = openDatabase(d.dir, o)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			d.abandon()
			return nil, err
		}
		d.opened()
		return db, nil
	case <-d.failed:
		d.abandon()
		return nil, d.writable()
	}
}

// openDatabase is lsm.Open, guarded. Nobody but the owner can read a folder that it makes.
func openDatabase(dir string, o *lsm.Options) (db *lsm.DB, err error) {
	err = guarded(func() (err error) {
		if _, err := o.FS.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			if err := o.FS.MkdirAll(dir, 0o700); err != nil {
				return err
			}
		}
		db, err = lsm.Open(dir, o)
		return err
	})
	return db, err
}

// close closes the store, or leaves it if the disk does not accept what closing writes.
func (d *disk) close(db *lsm.DB) error {
	closed := make(chan error, 1)
	if d.broken() == nil {
		go func() { closed <- guarded(db.Close) }()
	}
	defer d.abandon()
	for {
		select {
		case err := <-closed:
			return err
		case <-d.failed:
			return d.broken()
		case <-time.After(2 * d.retry):
			if d.stuck() {
				return errFull
			}
		}
	}
}

// broken returns why the disk has failed, nil if it has not.
func (d *disk) broken() error {
	if err := d.writable(); errors.Is(err, errBroken) {
		return err
	}
	return nil
}

// stuck reports whether a write is waiting for space.
func (d *disk) stuck() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting > 0
}

// giveUp makes a store that is being opened fail, and then blocks.
func (d *disk) giveUp(err error) {
	if !d.isServing() {
		d.condemn(err)
		select {}
	}
}
