package pebble

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	errFull   = errors.New("the disk is full")
	errBroken = errors.New("the disk has failed")
	errGone   = errors.New("the folder has been removed or replaced")
)

// disk is the file system under a store. Pebble gives up, or ends the process, when its log or its MANIFEST cannot be
// written, so no such error reaches it: while the disk is full its writes wait, with nothing lost; after any other
// failure they wait for ever, since after a failed fsync nobody can tell what is stored. Reads go on in either case.
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
	_ = d.FS.RemoveAll(d.PathJoin(d.dir, salvageName)) // what a crash has left
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

// gone says that the folder is no longer what was opened, or has been emptied. What is written then would be in
// nobody's reach, though without an error. It costs one stat.
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

// stat is of the file that Pebble locks, whose identity is the store's: it is made anew with each folder. Only the
// real file system has such a thing.
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

// leave gives the folder free. It is instead of closing a store whose disk does not take what closing writes: the log
// has everything that was acknowledged. What waits then waits until the process ends, since Pebble would go on
// trying.
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

// inside says whether a file is the store's own.
func (d *disk) inside(name string) bool {
	return d.PathDir(name) == d.dir || name == d.dir
}
