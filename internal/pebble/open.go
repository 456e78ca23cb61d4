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
	if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "marker.manifest.") }) {
		if slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, reserveName) && name != "LOCK" }) {
			return errForeign
		}
	}
	return nil
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

// loadLedger reads the state, the records and the voids, and notes that the store was away until now.
func (s *Store) loadLedger(keep stream.Retention) error {
	now := stream.IDAt(s.clock())
	head, floor := now, now
	state, err := s.get([]byte{stateKey})
	switch {
	case err != nil:
		return err
	case state == nil:
		err = s.db.Set([]byte{stateKey}, encodeState(head, floor), lsm.Sync)
	default:
		head, floor, err = parseState(state)
	}
	if err != nil {
		return err
	}
	type loaded struct {
		stream.Account
		removed stream.ID
	}
	var accounts []loaded
	err = s.each(spanOf(recordKey), func(key, value []byte) error {
		a, removed, err := parseRecord(string(key[1:]), value)
		accounts = append(accounts, loaded{a, removed})
		if head.Less(a.Newest) {
			head = a.Newest
		}
		return err
	})
	if err != nil {
		return err
	}
	voids, floor, err := s.loadVoids(stream.Void{From: head, To: now}, floor)
	if err != nil {
		return err
	}
	s.ledger, s.head = stream.NewLedger(keep, head, floor, voids...), head
	for _, a := range accounts {
		s.ledger.Load(a.Account, a.removed)
	}
	return nil
}

// loadVoids reads the voids, and adds the last one. Where they are too many, the oldest go, and the floor rises above
// them.
func (s *Store) loadVoids(last stream.Void, floor stream.ID) (voids []stream.Void, newFloor stream.ID, err error) {
	err = s.each(spanOf(voidKey), func(key, value []byte) error {
		if len(value) != idSize {
			return errDamaged
		}
		if v := (stream.Void{From: parseID(key), To: parseID(value)}); v.From != last.From {
			voids = append(voids, v)
		}
		return nil
	})
	if err != nil || !last.From.Less(last.To) {
		return voids, floor, err
	}
	voids = append(voids, last)
	b := s.db.NewBatch()
	defer b.Close()
	_ = b.Set(keyOfVoid(last.From), appendID(nil, last.To), nil)
	if over := len(voids) - maxVoids; over > 0 {
		if floor.Less(voids[over-1].To) {
			floor = voids[over-1].To
		}
		_ = b.DeleteRange([]byte{voidKey}, keyOfVoid(voids[over].From), nil)
		_ = b.Set([]byte{stateKey}, encodeState(last.From, floor), nil)
		voids = voids[over:]
	}
	return voids, floor, b.Commit(lsm.Sync)
}

// each calls visit with the keys of a span and their values, in order, until it fails.
func (s *Store) each(span keySpan, visit func(key, value []byte) error) error {
	it, err := s.db.NewIter(&lsm.IterOptions{LowerBound: span.from, UpperBound: span.to})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		err = visit(it.Key(), it.Value())
	}
	if closeErr := it.Close(); err == nil {
		err = closeErr
	}
	return err
}

// explain says what would be right.
func explain(dir string, err error) error {
	const other = "or give another one with -store pebble:DIR"
	switch {
	case errors.Is(err, errInUse), errors.Is(err, syscall.EAGAIN), strings.Contains(err.Error(), "lock held by current process"):
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
