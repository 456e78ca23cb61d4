package pebble

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// reserveName is the file that keeps room on the disk for what has been accepted when the disk is found full.
	reserveName = "RESERVE"

	// reserveSize is room for a flush of all memtables that may be queued, for the log of what is in flight, and for a new
	// MANIFEST.
	reserveSize = (memtables + 1) * memtableSize

	// headroom is what must be free beside the reserve before anything is accepted again, so that a disk on the brink does
	// not take turns between full and not.
	headroom = 4 << 20

	// retryEvery is how often a full disk is tried again.
	retryEvery = 2 * time.Second
)

var (
	errFull   = errors.New("the disk is full")
	errBroken = errors.New("the disk has failed")
	errGone   = errors.New("the folder has been removed or replaced")
)

// disk is the file system under a store. Pebble gives up, or ends the process, when its log or its MANIFEST cannot be
// written, so no such error reaches it: while the disk is full its writes wait, with nothing lost; after any other failure
// they wait for ever, since after a failed fsync nobody can tell what is stored. Reads go on in either case.
//
// Files outside the folder, such as those of a copy, are none of its business.
type disk struct {
	// Set by newDisk, then read-only.
	vfs.FS
	dir               string
	reserve, headroom int64
	retry             time.Duration
	failed            chan struct{} // closed once the disk has failed
	left              chan struct{} // closed by leave

	mu       sync.Mutex
	serving  bool        // the store is open; before, an error is an error
	noRoom   bool        // nothing more is to be accepted
	held     bool        // the reserve is there
	waiting  int         // writes that wait for room
	cause    error       // why the disk has failed
	lock     io.Closer   // Pebble's lock of the folder
	identity os.FileInfo // of the lock's file
	hasLeft  bool
}

func newDisk(fs vfs.FS, dir string) *disk {
	return &disk{
		FS: fs, dir: fs.PathJoin(dir), reserve: reserveSize, headroom: headroom, retry: retryEvery,
		failed: make(chan struct{}), left: make(chan struct{}),
	}
}

// opened says that the store is open: from now on writes wait rather than fail. It makes the reserve.
func (d *disk) opened() {
	d.mu.Lock()
	d.serving = true
	d.mu.Unlock()
	if err := d.prepare(); err != nil {
		d.fill()
	}
}

// writable is nil, or says why nothing can be accepted: errFull for the time being, errBroken until a restart.
func (d *disk) writable() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.cause != nil:
		return fmt.Errorf("%w: %w", errBroken, d.cause)
	case d.noRoom:
		return errFull
	}
	return nil
}

// gone says that the folder is no longer what was opened, or has been emptied. What is written then would be in nobody's
// reach, though without an error. It costs one stat.
func (d *disk) gone() error {
	d.mu.Lock()
	known := d.identity
	d.mu.Unlock()
	if known == nil {
		return nil
	}
	if now, err := d.stat(); err != nil || !os.SameFile(known, now) {
		return errGone
	}
	return nil
}

// stat is of the file that Pebble locks, whose identity is the store's: it is made anew with each folder. Only the real file
// system has such a thing.
func (d *disk) stat() (os.FileInfo, error) {
	if vfs.Root(d.FS) != vfs.Default {
		return nil, errors.ErrUnsupported
	}
	return os.Stat(d.PathJoin(d.dir, "LOCK"))
}

// condemn makes a failure final.
func (d *disk) condemn(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cause == nil {
		d.cause = err
		close(d.failed)
	}
}

// leave gives the folder free. It is instead of closing a store whose disk does not take what closing writes: the log has
// everything that was acknowledged. What waits then waits until the process ends, since Pebble would go on trying.
func (d *disk) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hasLeft {
		return
	}
	d.hasLeft = true
	close(d.left)
	if d.lock != nil {
		_ = d.lock.Close()
	}
}

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

// inside says whether a file is the store's own.
func (d *disk) inside(name string) bool {
	return d.PathDir(name) == d.dir || name == d.dir
}
