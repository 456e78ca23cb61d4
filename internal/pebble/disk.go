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
// written, so it never sees such an error. While the disk is full, its writes block and nothing is lost; after any
// other failure they block forever, since after a failed fsync nobody can tell what is stored. Reads continue in either
// case.
//
// Files outside the folder, such as those of a copy, are passed through.
type disk struct {
	// Set by newDisk, then read-only.
	vfs.FS
	dir               string
	reserve, headroom int64
	retry             time.Duration
	failed            chan struct{} // closed once the disk has failed
	abandoned         chan struct{} // closed by abandon

	mu       sync.Mutex
	serving  bool        // the store is open; until then, errors are returned
	noRoom   bool        // the disk is full; nothing more is accepted
	held     bool        // the reserve exists
	waiting  int         // writes waiting for space
	cause    error       // why the disk has failed
	lock     io.Closer   // Pebble's lock of the folder
	identity os.FileInfo // of the lock's file
}

func newDisk(fs vfs.FS, dir string) *disk {
	return &disk{
		FS: fs, dir: fs.PathJoin(dir), reserve: reserveSize, headroom: headroom, retry: retryEvery,
		failed: make(chan struct{}), abandoned: make(chan struct{}),
	}
}

// opened marks the store as open: from now on writes wait rather than fail. It creates the reserve.
func (d *disk) opened() {
	d.mu.Lock()
	d.serving = true
	d.mu.Unlock()
	_ = d.FS.RemoveAll(d.PathJoin(d.dir, salvageName)) // left by a crash
	if err := d.prepare(); err != nil {
		d.fill()
	}
}

// writable returns nil, or why nothing can be accepted: errFull for now, errBroken until a restart.
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

// gone returns errGone if the folder is no longer the one that was opened, or was emptied: writes would succeed, out of
// everybody's reach. It costs one stat.
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

// stat is of Pebble's lock file, which identifies the store: each folder gets a new one. Only the real file system has
// it.
func (d *disk) stat() (os.FileInfo, error) {
	if vfs.Root(d.FS) != vfs.Default {
		return nil, errors.ErrUnsupported
	}
	return os.Stat(d.PathJoin(d.dir, "LOCK"))
}

// condemn marks the disk as failed for good.
func (d *disk) condemn(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cause == nil {
		d.cause = err
		close(d.failed)
	}
}

// abandon unlocks the folder. It replaces closing if the disk would not accept what closing writes: the log has
// everything that was acknowledged. Blocked writes stay blocked until the process ends, since Pebble would keep
// retrying them.
func (d *disk) abandon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.abandoned:
		return
	default:
	}
	close(d.abandoned)
	if d.lock != nil {
		_ = d.lock.Close()
	}
}

// inside reports whether a file is the store's own.
func (d *disk) inside(name string) bool {
	return d.PathDir(name) == d.dir || name == d.dir
}
