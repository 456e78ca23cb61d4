package pebble

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
)

// open opens the store, once its records are known to be sound: see checkRecords. Pebble would try for ever to open
// one for which there is no room even with the reserve, and may panic over what makes no sense.
func (d *disk) open(o *lsm.Options) (*lsm.DB, error) {
	if found, err := checkRecords(d.FS, d.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	} else if len(found) > 0 {
		return nil, &damageError{found}
	}
	type result struct {
		db  *lsm.DB
		err error
	}
	results := make(chan result, 1)
	go func() {
		var r result
		r.err = guarded(func() (err error) {
			r.db, err = lsm.Open(d.dir, o)
			return err
		})
		results <- r
	}()
	select {
	case r := <-results:
		if r.err != nil {
			d.leave()
			return nil, r.err
		}
		d.opened()
		return r.db, nil
	case <-d.failed:
		d.leave()
		return nil, d.writable()
	}
}

// close closes the store, or leaves it if the disk does not take what that writes.
func (d *disk) close(db *lsm.DB) error {
	closed := make(chan error, 1)
	if d.broken() == nil {
		go func() { closed <- guarded(db.Close) }()
	}
	defer d.leave()
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

// broken says why the disk has failed.
func (d *disk) broken() error {
	if err := d.writable(); errors.Is(err, errBroken) {
		return err
	}
	return nil
}

// stuck says whether a write waits for room.
func (d *disk) stuck() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting > 0
}

// giveUp ends a store's opening.
func (d *disk) giveUp(err error) {
	d.mu.Lock()
	serving := d.serving
	d.mu.Unlock()
	if !serving {
		d.condemn(err)
		select {}
	}
}

// damageError says why a store is not opened: what was found would cost more than is damaged.
type damageError struct{ found []finding }

func (e *damageError) Error() string {
	all := make([]string, len(e.found))
	for i, f := range e.found {
		all[i] = f.String()
	}
	return "damaged: " + strings.Join(all, "; ")
}
