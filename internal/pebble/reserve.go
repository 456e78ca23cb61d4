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
	// reserveName is the file that holds disk space for what was accepted before the disk was found full.
	reserveName = "RESERVE"

	// reserveSize has room for flushing all memtables that may be queued, for the log of what is in flight, and for a
	// new MANIFEST.
	reserveSize = (memtables + 1) * memtableSize

	// headroom must be free besides the reserve before writes resume, so that a nearly full disk does not flap.
	headroom = 4 << 20

	// retryEvery is how often a full disk is retried.
	retryEvery = 2 * time.Second
)

// noSpace reports whether an error goes away once somebody frees space.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// attempt repeats a write until it succeeds, or returns its error if waiting helps nobody.
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

// halt blocks forever if the disk has failed or the folder is no longer ours.
func (d *disk) halt() {
	select {
	case <-d.failed:
		select {}
	case <-d.abandoned:
		select {}
	default:
	}
}

// final returns the error to a store that is being opened. An open store never sees it: the disk is condemned.
func (d *disk) final(err error) error {
	if d.isServing() {
		d.condemn(err)
		select {}
	}
	return err
}

func (d *disk) isServing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.serving
}

// spend gives the reserve back to the file system, and reports whether there was one.
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

// wait waits for the next attempt, and reports whether there should be one.
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
	case <-d.abandoned:
		select {}
	}
}

// fill marks the disk as full, and starts recovering from it.
func (d *disk) fill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.noRoom || !d.serving {
		return
	}
	d.noRoom = true
	go d.recover()
}

// recover waits until there is space for the reserve and the headroom.
func (d *disk) recover() {
	for {
		select {
		case <-time.After(d.retry):
		case <-d.failed:
			return
		case <-d.abandoned:
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

// prepare creates the reserve if it is missing, and checks that the headroom is free.
func (d *disk) prepare() error {
	name := d.PathJoin(d.dir, reserveName)
	need := d.headroom
	info, err := d.Stat(name)
	whole := err == nil && info.Size() == d.reserve
	if !whole {
		need += d.reserve
	}
	// Ask first: trying takes, for a moment, space that the log and a flush may need.
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

// allocate creates a file with all its blocks. Where they have to be written, the data is random, so that no file
// system leaves any out or compresses them away.
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
	if err = errors.Join(err, file.Close()); err != nil {
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
