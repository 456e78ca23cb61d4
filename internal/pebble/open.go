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

// Why a folder is refused, beside what Pebble and the system say.
var (
	errForeign = errors.New("it holds something else")
	errVersion = errors.New("another layout")
	errFile    = errors.New("not a folder")
	errInUse   = errors.New("in use by another process")
)

// maxVoids is how many voids a store keeps: one for each of its last starts that followed new events.
const maxVoids = 1000

// Open opens the store in a folder, which it creates if it is not there or empty. One that is in use by another
// process, not writable, of another program or version, or damaged where it matters for all, is left as it is; the
// error is a sentence that says what would be right.
func Open(dir string, keep stream.Retention) (*Store, error) {
	if err := settle(dir); err != nil {
		return nil, err
	}
	return open(vfs.Default, dir, keep, time.Now)
}

func open(files vfs.FS, dir string, keep stream.Retention, clock func() time.Time) (*Store, error) {
	s := &Store{
		dir: dir, clock: clock, disk: newDisk(files, dir), applied: make(chan *commit, maxApplied),
		closing: make(chan struct{}), writing: make(chan struct{}, 1), fronts: map[stream.Topic]*front{},
	}
	s.damage.found = make(chan keySpan, 1)
	if err := guarded(func() error { return s.load(files, keep) }); err != nil {
		if s.db != nil {
			_ = s.disk.close(s.db)
		}
		return nil, explain(dir, err)
	}
	s.tending.Go(s.tend)
	s.tending.Go(s.acknowledge)
	return s, nil
}

// maxApplied is how many commits may wait for the disk; it is beyond what Pebble lets wait.
const maxApplied = 8192

// inspect says whether a folder may be opened, without a change to it.
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
		if slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, reserveName) && name != "LOCK" }) {
			return errForeign
		}
	}
	return nil
}

// holdsStore says whether there is a store among files with these names.
func holdsStore(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "marker.manifest.") })
}

// load opens the folder and reads what is to be known of its topics.
func (s *Store) load(files vfs.FS, keep stream.Retention) (err error) {
	if err := inspect(files, s.dir); err != nil {
		return err
	}
	o := options(s.disk, events{
		log:     func(format string, args ...any) { golog.Warnf("The store "+s.dir+": "+format, args...) },
		damaged: s.suspect,
		fatal:   s.disk.condemn,
	})
	o.WALMinSyncInterval = s.gather
	s.salvage = salvage{files, s.dir, o}
	if s.db, err = s.disk.open(o); err != nil {
		return err
	}
	for range attempts {
		if err = s.loadLedger(keep); err == nil {
			var interrupted []byte
			if interrupted, err = s.get([]byte{mendingKey}); err == nil && interrupted != nil {
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

// loadLedger reads the index, and notes that the store was away until now.
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

// noteVoid adds the void that ends now, or later where a clock was set back since one began at the same event. Where
// they are too many, the oldest go, and the floor rises above them.
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

// inUse says whether a store could not be locked because somebody else has it.
func inUse(err error) bool {
	return errors.Is(err, errInUse) || errors.Is(err, syscall.EAGAIN) || strings.Contains(err.Error(), "lock held by current process")
}

// explain says what would be right.
func explain(dir string, err error) error {
	const other = "or give another one with -store pebble:DIR"
	switch {
	case inUse(err):
		return fmt.Errorf("the store %s is in use by another process; end that one, %s", dir, other)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the store %s cannot be written; give this user the right to read and write the folder, %s (%w)", dir, other, err)
	case errors.Is(err, errFile), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("the store %s is not a folder; name one in that place, %s", dir, other)
	case strings.Contains(err.Error(), "comparer name"): // a flipped bit can say so too
		return fmt.Errorf("the folder %s holds something else than a store, or `iris-broadcast check %s` says what is damaged and "+
			"`iris-broadcast restore` puts a copy in its place; leave it as it is, %s", dir, dir, other)
	case errors.Is(err, errForeign):
		return fmt.Errorf("the folder %s holds something else than a store; leave it to that, %s", dir, other)
	case errors.Is(err, errVersion):
		return fmt.Errorf("the store %s was written by another version of this program (this one reads layout %d); run that version, %s",
			dir, version, other)
	case noSpace(err):
		return fmt.Errorf("there is no room for the store %s; make some, %s (%w)", dir, other, err)
	case isDamage(err):
		return fmt.Errorf("the store %s is damaged, and nothing in it was changed; `iris-broadcast check %s` says where. "+
			"Restore a copy with `iris-broadcast restore`, move the folder away to begin anew, %s (%w)", dir, dir, other, err)
	}
	return fmt.Errorf("the store %s cannot be opened; mend that, see with `iris-broadcast check %s` whether it is damaged and restore a "+
		"copy with `iris-broadcast restore`, %s (%w)", dir, dir, other, err)
}
