package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/kataras/golog"

	"iris-broadcast/internal/stream"
)

// Why a folder is refused, besides Pebble's and the system's own errors.
var (
	errForeign = errors.New("it holds something else")
	errVersion = errors.New("another layout")
	errFile    = errors.New("not a folder")
	errInUse   = errors.New("in use by another process")
)

// maxVoids is how many voids a store keeps: one for each recent start that followed new events.
const maxVoids = 1000

// Open opens the store in a folder, creating it if it is missing or empty. A folder that is in use by another process,
// not writable, another program's or version's, or damaged beyond repair is left untouched; the error is a sentence
// that says how to fix it. About maxFiles files are open at a time; more than MaxFiles bring nothing.
func Open(dir string, keep stream.Retention, maxFiles int) (*Store, error) {
	if err := settle(dir); err != nil {
		return nil, err
	}
	return open(vfs.Default, dir, keep, maxFiles, time.Now)
}

func open(files vfs.FS, dir string, keep stream.Retention, maxFiles int, clock func() time.Time) (*Store, error) {
	s := &Store{
		dir: dir, clock: clock, disk: newDisk(files, dir), applied: make(chan *commit, maxApplied),
		closing: make(chan struct{}), writing: make(chan struct{}, 1), fronts: map[stream.Topic]*front{},
	}
	s.damage.found = make(chan keySpan, 1)
	if err := guarded(func() error { return s.load(files, keep, maxFiles) }); err != nil {
		if s.db != nil {
			_ = s.disk.close(s.db)
		}
		return nil, explain(dir, err)
	}
	s.tending.Go(s.tend)
	s.tending.Go(s.acknowledge)
	return s, nil
}

// maxApplied is how many commits may wait for the disk: more than Pebble itself lets queue.
const maxApplied = 8192

// inspect checks that a folder may be opened, without changing it.
func inspect(files vfs.FS, dir string) error {
	info, err := files.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return errFile
	}
	names, err := files.List(dir)
	if err != nil {
		return err
	}
	if !holdsStore(names) {
		foreign := func(name string) bool { return !strings.HasPrefix(name, reserveName) && name != "LOCK" }
		if slices.ContainsFunc(names, foreign) {
			return errForeign
		}
	}
	return nil
}

// holdsStore reports whether files with these names make up a store.
func holdsStore(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "marker.manifest.") })
}

// load opens the database and reads its index, rescuing what it can if that is damaged.
func (s *Store) load(files vfs.FS, keep stream.Retention, maxFiles int) (err error) {
	if err := inspect(files, s.dir); err != nil {
		return err
	}
	o := options(s.disk, events{
		log:     func(format string, args ...any) { golog.Warnf("The store "+s.dir+": "+format, args...) },
		damaged: s.suspect,
		fatal:   s.disk.condemn,
	})
	o.WALMinSyncInterval, o.MaxOpenFiles = s.gather, maxFiles
	s.salvage = salvage{files, s.dir, o}
	if s.db, err = s.disk.open(o); err != nil {
		return err
	}
	for range attempts {
		if err = s.loadLedger(keep); err == nil {
			var interrupted []byte
			if interrupted, err = get(s.db, []byte{mendingKey}); err == nil && interrupted != nil {
				err = s.reload(keep, []keySpan{allKeys})
			}
			if err == nil && interrupted == nil {
				return nil
			}
		}
		if lsm.IsCorruptionError(err) {
			err = s.rescue(keep, err)
		}
		if err != nil {
			return err
		}
	}
	return s.loadLedger(keep)
}

// loadLedger reads the index and records that the store was offline until now.
func (s *Store) loadLedger(keep stream.Retention) error {
	x, err := s.readIndex()
	if err != nil {
		return err
	}
	now := stream.IDAt(s.clock())
	if !x.begun {
		x.head, x.floor = now.Max(x.head), now
		if err := s.db.Set([]byte{stateKey}, encodeState(now, now), lsm.Sync); err != nil {
			return err
		}
	}
	if err := s.noteVoid(&x, now); err != nil {
		return err
	}
	s.useIndex(keep, x)
	return nil
}

// noteVoid adds the void that ends now, or later if the clock was set back since a void began at the same event. Beyond
// maxVoids the oldest are dropped, and the floor rises above them.
func (s *Store) noteVoid(x *index, now stream.ID) error {
	last := stream.Void{From: x.head, To: now}
	if n := len(x.voids); n > 0 && x.voids[n-1].From == last.From {
		last.To = last.To.Max(x.voids[n-1].To)
		x.voids = x.voids[:n-1]
	}
	if !last.From.Less(last.To) {
		return nil
	}
	x.voids = append(x.voids, last)
	b := s.db.NewBatch()
	defer b.Close()
	_ = b.Set(keyOfVoid(last.From), appendID(nil, last.To), nil)
	if over := len(x.voids) - maxVoids; over > 0 {
		x.floor = x.floor.Max(x.voids[over-1].To)
		x.voids = x.voids[over:]
		_ = b.DeleteRange([]byte{voidKey}, keyOfVoid(x.voids[0].From), nil)
		_ = b.Set([]byte{stateKey}, encodeState(x.head, x.floor), nil)
	}
	return b.Commit(lsm.Sync)
}

// inUse reports whether a lock failed because somebody else holds it.
func inUse(err error) bool {
	return errors.Is(err, errInUse) || errors.Is(err, syscall.EAGAIN) ||
		strings.Contains(err.Error(), "lock held by current process")
}

// explain turns an error into a sentence that says how to fix it.
func explain(dir string, err error) error {
	const other = "or name another one with -store pebble:DIR"
	switch {
	case inUse(err):
		return fmt.Errorf("the store %s is in use by another process; stop that one, %s", dir, other)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the store %s is not writable; let this user read and write the folder, %s (%w)",
			dir, other, err)
	case errors.Is(err, errFile), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("the store %s is not a folder; move that file away, %s", dir, other)
	case strings.Contains(err.Error(), "comparer name"): // a flipped bit can cause this too
		return fmt.Errorf("the folder %s holds something other than a store, or a damaged one: "+
			"`iris-broadcast check %s` reports damage, `iris-broadcast restore` replaces the store with a backup; "+
			"leave the folder alone, %s", dir, dir, other)
	case errors.Is(err, errForeign):
		return fmt.Errorf("the folder %s holds something other than a store; move that away, %s", dir, other)
	case errors.Is(err, errVersion):
		return fmt.Errorf("the store %s was written by another version of this program (this one reads layout %d); "+
			"run that version, %s", dir, version, other)
	case noSpace(err):
		return fmt.Errorf("there is no space for the store %s; free some, %s (%w)", dir, other, err)
	case isDamage(err):
		return fmt.Errorf("the store %s is damaged, and was left unchanged; `iris-broadcast check %s` says where. "+
			"Restore a backup with `iris-broadcast restore`, move the folder away to start afresh, %s (%w)",
			dir, dir, other, err)
	}
	return fmt.Errorf("the store %s cannot be opened; fix the cause, find damage with `iris-broadcast check %s` and "+
		"restore a backup with `iris-broadcast restore`, %s (%w)", dir, dir, other, err)
}
