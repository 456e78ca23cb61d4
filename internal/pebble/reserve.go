package pebble

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// reserveName is the file that keeps room on the disk for what has been accepted when the disk is found full.
	reserveName = "RESERVE"

	// reserveSize is room for a flush of all memtables that may be queued, for the log of what is in flight, and for
	// a new MANIFEST.
	reserveSize = (memtables + 1) * memtableSize

	// headroom is what must be free beside the reserve before anything is accepted again, so that a disk on the brink
	// does not take turns between full and not.
	headroom = 4 << 20

	// retryEvery is how often a full disk is tried again.
	retryEvery = 2 * time.Second
)

// noSpace says that an error may go away by itself when somebody makes room.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// attempt repeats what writes until it works, or gives its error when nobody is served by waiting.
func (d *disk) attempt(write func() error) error {
	for {
		d.halt()
		err := write()
		switch {
		case err == nil:
			return nil
		case !noSpace(err):
			return d.final(err)
		case d.spend():
			continue
		case !d.wait():
			return err
		}
	}
}

// halt holds what would write to a disk that has failed, or to a folder that is no longer ours.
func (d *disk) halt() {
	select {
	case <-d.failed:
		select {}
	case <-d.left:
		select {}
	default:
	}
}

// final gives an error to a store that is being opened; another never hears of it.
func (d *disk) final(err error) error {
	d.mu.Lock()
	serving := d.serving
	d.mu.Unlock()
	if serving {
		d.condemn(err)
		select {}
	}
	return err
}

// spend gives the reserve back to the file system, and says whether there was one.
func (d *disk) spend() bool {
	d.fill()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.serving && !d.held {
		return false
	}
	d.held = false
	return d.Remove(d.PathJoin(d.dir, reserveName)) == nil
}

// wait waits for another attempt, and says whether there should be one.
func (d *disk) wait() bool {
	d.mu.Lock()
	if !d.serving {
		d.mu.Unlock()
		return false
	}
	d.waiting++
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.waiting--
		d.mu.Unlock()
	}()
	select {
	case <-time.After(d.retry):
		return true
	case <-d.left:
		select {}
	}
}

// fill says that there is no room, and sees to it that this ends.
func (d *disk) fill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.noRoom || !d.serving {
		return
	}
	d.noRoom = true
	go d.recover()
}

// recover waits until there is room for the reserve and more.
func (d *disk) recover() {
	for {
		select {
		case <-time.After(d.retry):
		case <-d.failed:
			return
		case <-d.left:
			return
		}
		if err := d.prepare(); err != nil {
			continue
		}
		d.mu.Lock()
		if d.waiting == 0 {
			d.noRoom = false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
	}
}

// prepare makes the reserve if it is not there, and tries whether there is room beside it.
func (d *disk) prepare() error {
	name := d.PathJoin(d.dir, reserveName)
	need := d.headroom
	info, err := d.Stat(name)
	whole := err == nil && info.Size() == d.reserve
	if !whole {
		need += d.reserve
	}
	// A look first: to try is to take, for a moment, what the log and a flush may need.
	if usage, err := d.GetDiskUsage(d.dir); err == nil && usage.AvailBytes < uint64(need) {
		return syscall.ENOSPC
	}
	if !whole {
		if err := d.allocate(name, d.reserve); err != nil {
			return err
		}
	}
	d.mu.Lock()
	d.held = true
	d.mu.Unlock()
	probe := name + ".probe"
	err = d.allocate(probe, d.headroom)
	return errors.Join(err, removeIfThere(d.FS, probe))
}

// allocate makes a file that has all its blocks. Where they must be written for that, no part is left out or
// compressed away.
func (d *disk) allocate(name string, size int64) error {
	file, err := d.FS.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if !preallocate(file, size) {
		_, err = io.CopyN(file, rand.NewChaCha8([32]byte{}), size)
	}
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = d.FS.Remove(name)
	}
	return err
}

func removeIfThere(fs vfs.FS, name string) error {
	if err := fs.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
