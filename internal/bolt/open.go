package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"iris-broadcast/internal/stream"
)

// Why a file is refused, beside what bbolt and the system say.
var (
	errForeign = errors.New("another program's file")
	errVersion = errors.New("another layout")
	errFile    = errors.New("not a file")
)

// Open opens the store in the file at path, which it creates if it is not there or empty. A file that is in use by another
// process, not writable, of another program or version, or damaged where it matters for all, is left as it is; the error is
// a sentence that says what would be right.
func Open(path string, keep stream.Retention) (*Store, error) {
	return open(path, keep, time.Now)
}

func open(path string, keep stream.Retention, clock func() time.Time) (*Store, error) {
	s := &Store{
		path: path, clock: clock,
		queue: make(chan *operation, maxBatch), closing: make(chan struct{}), stopped: make(chan struct{}),
		index: index{keep: keep, entries: map[stream.Topic]*entry{}},
	}
	err := guarded(func() error {
		isNew, err := inspect(path)
		if err != nil {
			return err
		}
		return s.load(isNew)
	})
	if err != nil {
		s.release(err)
		return nil, explain(path, err)
	}
	go s.commit()
	return s, nil
}

// inspect reads a file without changing it, and says whether it can be opened, and whether there is nothing in it yet.
func inspect(path string) (isNew bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, errFile
	case info.Size() == 0:
		return true, nil
	case info.Size() < int64(2*pageSize):
		return false, errDamaged
	}
	db, opened, err := openFile(path, true)
	if err != nil {
		return false, err
	}
	defer opened.Close() // for the case that bbolt panics and keeps its locks
	defer db.Close()
	if err := intact(file, db.Info().PageSize); err != nil {
		return false, err
	}
	if isNew, err = identify(db); err != nil || isNew {
		return isNew, err
	}
	return false, check(file, db.Info().PageSize)
}

// openFile opens bbolt, and gives the file that it opened.
func openFile(path string, readOnly bool) (db *bbolt.DB, file *os.File, err error) {
	defer func() {
		if db == nil && file != nil {
			_ = file.Close() // this ends the lock, also if bbolt has panicked
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      time.Second,
		PageSize:     pageSize,
		ReadOnly:     readOnly,
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		},
	})
	return db, file, err
}

// identify says whose file it is, or that there is nothing in it.
func identify(db *bbolt.DB) (isNew bool, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		if name, _ := tx.Cursor().First(); name == nil {
			isNew = true
			return nil
		}
		meta := tx.Bucket(metaBucket)
		switch {
		case meta == nil || string(meta.Get(magicKey)) != magic:
			return errForeign
		case string(meta.Get(versionKey)) != string([]byte{version}):
			return errVersion
		}
		return nil
	})
	return isNew, err
}

// load opens the file for writing and reads what is to be known of its topics.
func (s *Store) load(isNew bool) (err error) {
	if s.db, s.file, err = openFile(s.path, false); err != nil {
		return err
	}
	s.pageSize = s.db.Info().PageSize
	if isNew {
		if err := s.db.Update(create); err != nil {
			return err
		}
		syncFolder(s.path)
	}
	return s.db.View(func(tx *bbolt.Tx) (err error) {
		if s.state, err = parseState(tx.Bucket(metaBucket).Get(stateKey)); err != nil {
			return err
		}
		err = tx.Bucket(indexBucket).ForEach(func(name, value []byte) error {
			topic, err := stream.ParseTopic(string(name))
			if err != nil {
				return errDamaged
			}
			known, err := parseRecord(value, s.state.head)
			e := &entry{topic: topic, now: known, next: known}
			s.topics = append(s.topics, e)
			s.index.entries[topic] = e
			return err
		})
		s.index.rebuild()
		s.rest = true // bounds may have been lowered, and time has passed
		return err
	})
}

// release closes what a failed open has opened.
func (s *Store) release(why error) {
	if s.db == nil {
		return
	}
	if _, panicked := errors.AsType[panicError](why); panicked { // then bbolt may have kept its locks
		_ = s.file.Close()
		return
	}
	_ = s.db.Close()
}

// syncFolder makes a new file's name durable. Not every system can, and those that cannot need not.
func syncFolder(path string) {
	if folder, err := os.Open(filepath.Dir(path)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
}

// explain says what would be right.
func explain(path string, err error) error {
	const other = "or give another one with -store bolt:PATH"
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("the store %s is in use by another process; end that one, %s", path, other)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the store %s cannot be written; give this user the right to read and write it and its folder, %s (%w)", path, other, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder of the store %s is not there; create it, %s (%w)", path, other, err)
	case errors.Is(err, errFile), errors.Is(err, syscall.EISDIR):
		return fmt.Errorf("the store %s is not a file; name one in that place, %s", path, other)
	case errors.Is(err, errForeign):
		return fmt.Errorf("the store %s is a bbolt file of another program; leave it to that, %s", path, other)
	case errors.Is(err, errVersion):
		return fmt.Errorf("the store %s was written by another version of this program (this one reads layout %d); run that version, %s", path, version, other)
	case errors.Is(err, errDamaged), errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch),
		errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("the store %s is damaged, or no store at all; restore it from a copy, move it away to begin anew, %s (%w)", path, other, err)
	}
	return fmt.Errorf("the store %s cannot be opened; mend that, %s (%w)", path, other, err)
}
