package pebble

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// flushing is Pebble's category for the tables it flushes memtables to.
const flushing vfs.DiskWriteCategory = "pebble-memtable-flush"

// diskFile is a file or folder of the store, open for writing.
type diskFile struct {
	vfs.File
	d *disk

	// Pebble rewrites a table that fails, and until then its space is free again, so an error is better than waiting.
	// Only a flush may spend the reserve, not a compaction.
	table, flush bool
}

func (f *diskFile) Write(p []byte) (n int, err error) {
	err = f.attempt(func() error {
		written, err := f.File.Write(p[n:])
		n += written
		return err
	})
	return n, err
}

func (f *diskFile) attempt(write func() error) error {
	if !f.table {
		return f.d.attempt(write)
	}
	f.d.halt()
	err := write()
	switch {
	case err == nil:
		return nil
	case !noSpace(err):
		return f.d.final(err)
	case f.flush && f.d.spend():
		return write()
	}
	f.d.fill()
	f.d.giveUp(err)
	return err
}

// once is for what must not be retried: after a failed sync, the next one may succeed without the lost data.
func (f *diskFile) once(write func() error) error {
	f.d.halt()
	if err := write(); err != nil {
		return f.d.final(err)
	}
	return nil
}

func (f *diskFile) Sync() error     { return f.once(f.File.Sync) }
func (f *diskFile) SyncData() error { return f.once(f.File.SyncData) }

func (f *diskFile) SyncTo(length int64) (full bool, err error) {
	err = f.once(func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

func (f *diskFile) Close() error { return f.once(f.File.Close) }

func (d *disk) wrap(file vfs.File, err error, flush, table bool) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &diskFile{File: file, d: d, flush: flush, table: table}, nil
}

// Create implements vfs.FS. On a full disk a new table is delayed, since Pebble retries at once.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (file vfs.File, err error) {
	if !d.inside(name) {
		return d.FS.Create(name, category)
	}
	table := strings.HasSuffix(name, ".sst")
	if table && d.writable() != nil {
		time.Sleep(d.retry)
	}
	err = d.attempt(func() error {
		file, err = d.FS.Create(name, category)
		return err
	})
	return d.wrap(file, err, category == flushing, table)
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (file vfs.File, err error) {
	err = d.attempt(func() error {
		file, err = d.FS.ReuseForWrite(old, name, category)
		return err
	})
	return d.wrap(file, err, false, false)
}

// OpenDir implements vfs.FS.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	file, err := d.FS.OpenDir(name)
	if !d.inside(name) {
		return file, err
	}
	return d.wrap(file, err, false, false)
}

// Rename implements vfs.FS.
func (d *disk) Rename(old, name string) error {
	if !d.inside(name) {
		return d.FS.Rename(old, name)
	}
	return d.attempt(func() error { return d.FS.Rename(old, name) })
}

// Link implements vfs.FS. It links only inside the folder, so that a backup is a real copy: a bad disk block would
// damage both ends of a link.
func (d *disk) Link(old, name string) error {
	if !d.inside(name) && !d.inside(d.PathDir(name)) {
		return &os.LinkError{Op: "link", Old: old, New: name, Err: errors.ErrUnsupported}
	}
	return d.FS.Link(old, name)
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

// Lock implements vfs.FS. It remembers the locked file's identity, and lets abandon unlock it.
func (d *disk) Lock(name string) (io.Closer, error) {
	lock, err := d.FS.Lock(name)
	if err != nil {
		return nil, err
	}
	once := closeFunc(sync.OnceValue(lock.Close))
	info, err := d.stat()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lock = once
	if err == nil {
		d.identity = info
	}
	return once, nil
}

// closeFunc is an io.Closer.
type closeFunc func() error

func (c closeFunc) Close() error { return c() }
