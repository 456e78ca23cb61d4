package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// tinyFS is a file system with a limited number of bytes, which can be made to fail.
type tinyFS struct {
	vfs.FS
	mu     sync.Mutex
	left   int64 // bytes
	sizes  map[string]int64
	broken atomic.Pointer[error] // what each write fails with
	tables atomic.Pointer[error] // what each write of a table fails with
	unsafe atomic.Pointer[error] // what each sync fails with

	creating func(name string)             // called for each new file
	syncing  atomic.Pointer[chan struct{}] // what each sync waits for
}

func newTinyFS(fs vfs.FS, bytes int64) *tinyFS {
	return &tinyFS{FS: fs, left: bytes, sizes: map[string]int64{}}
}

func (f *tinyFS) add(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left += n
}

// take allots up to n bytes to the file at name, and returns how many.
func (f *tinyFS) take(name string, n int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fits := max(0, min(int64(n), f.left))
	f.left -= fits
	f.sizes[name] += fits
	if fits < int64(n) {
		return int(fits), &tinyError{syscall.ENOSPC}
	}
	return n, nil
}

type tinyError struct{ error }

func (e *tinyError) Unwrap() error { return e.error }

func (f *tinyFS) free(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left += f.sizes[name]
	delete(f.sizes, name)
}

func (f *tinyFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.mu.Lock()
	creating := f.creating
	f.mu.Unlock()
	if creating != nil {
		creating(name)
	}
	if err := f.broken.Load(); err != nil {
		return nil, *err
	}
	file, err := f.FS.Create(name, c)
	if err == nil {
		f.free(name)
	}
	return &tinyFile{File: file, fs: f, name: name}, err
}

func (f *tinyFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.Rename(old, name); err != nil {
		return nil, err
	}
	return f.Create(name, c)
}

func (f *tinyFS) Remove(name string) error {
	f.free(name)
	return f.FS.Remove(name)
}

func (f *tinyFS) Rename(old, name string) error {
	f.mu.Lock()
	f.sizes[name] = f.sizes[old]
	delete(f.sizes, old)
	f.mu.Unlock()
	return f.FS.Rename(old, name)
}

func (f *tinyFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return vfs.DiskUsage{AvailBytes: uint64(max(0, f.left)), TotalBytes: 1 << 40}, nil
}

type tinyFile struct {
	vfs.File
	fs   *tinyFS
	name string
}

func (f *tinyFile) Write(p []byte) (int, error) {
	if err := f.fs.broken.Load(); err != nil {
		return 0, *err
	}
	if err := f.fs.tables.Load(); err != nil && strings.HasSuffix(f.name, ".sst") {
		return 0, *err
	}
	n, full := f.fs.take(f.name, len(p))
	n, err := f.File.Write(bytes.Clone(p[:n]))
	return n, errors.Join(err, full)
}

func (f *tinyFile) Sync() error {
	if held := f.fs.syncing.Load(); held != nil {
		<-*held
	}
	if err := f.fs.unsafe.Load(); err != nil {
		return *err
	}
	return f.File.Sync()
}

func (f *tinyFile) SyncData() error { return f.Sync() }

// tinyStore is a minimal store: keys that count up, each acknowledged when it is synced.
type tinyStore struct {
	t     *testing.T
	disk  *disk
	db    *lsm.DB
	next  uint64
	acked []uint64

	mu   sync.Mutex
	over bool // the test
}

func openTiny(t *testing.T, fs vfs.FS, dir string) *tinyStore {
	t.Helper()
	s := &tinyStore{t: t, disk: newDisk(fs, dir)}
	t.Cleanup(func() {
		s.mu.Lock()
		s.over = true
		s.mu.Unlock()
	})
	s.disk.reserve, s.disk.headroom, s.disk.retry = 3<<20, 1<<20, 10*time.Millisecond
	on := events{
		log:     func(format string, args ...any) { s.log(format, args...) },
		damaged: func(keySpan) { t.Error("damaged") },
		fatal:   func(err error) { t.Errorf("fatal: %v", err) },
	}
	o := options(s.disk, on)
	o.MemTableSize, o.MemTableStopWritesThreshold = 512<<10, 4
	var err error
	if s.db, err = s.disk.open(o); err != nil {
		t.Fatal(err)
	}
	return s
}

// log forwards messages while the test runs: a store that was left may log something later.
func (s *tinyStore) log(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.t.Logf(format, args...)
	}
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte("e"), n) }

// value is 10 kB that do not compress.
func value(n uint64) []byte {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], n)
	b := make([]byte, 10_000)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

// append writes the next key without waiting for it.
func (s *tinyStore) append() (n uint64, done chan error) {
	n = s.next
	s.next++
	batch := s.db.NewBatch()
	if err := batch.Set(key(n), value(n), nil); err != nil {
		s.t.Fatal(err)
	}
	if err := s.db.ApplyNoSyncWait(batch, lsm.Sync); err != nil {
		s.t.Fatal(err)
	}
	done = make(chan error, 1)
	go func() {
		err := batch.SyncWait()
		_ = batch.Close()
		done <- err
	}()
	return n, done
}

// fillUp appends until nothing more is accepted.
func (s *tinyStore) fillUp() {
	s.t.Helper()
	for range 20_000 {
		if s.disk.writable() != nil {
			return
		}
		n, done := s.append()
		select {
		case err := <-done:
			if err != nil {
				s.t.Fatal(err)
			}
			s.acked = append(s.acked, n)
		case <-time.After(10 * time.Second):
			s.t.Fatalf("no answer; %v", s.disk.writable())
		}
	}
	s.t.Fatal("the disk does not become full")
}

func (s *tinyStore) check() {
	s.t.Helper()
	for _, n := range s.acked {
		got, closer, err := s.db.Get(key(n))
		if err != nil {
			s.t.Fatalf("%d of %d: %v", n, len(s.acked), err)
		}
		if !bytes.Equal(got, value(n)) {
			s.t.Errorf("%d is altered", n)
		}
		_ = closer.Close()
	}
}

func (s *tinyStore) close() {
	s.t.Helper()
	if err := s.disk.close(s.db); err != nil {
		s.t.Error(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
