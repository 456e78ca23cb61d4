package pebble

import (
	"slices"
	"strings"
	"sync"
	"testing"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// damageSampleTables calls do for each table of the sample, with the store open.
func damageSampleTables(t *testing.T, do func(t *testing.T, fs vfs.FS, db *lsm.DB, s salvage, table string)) {
	sample := damageSample(t)
	names, _ := storeFiles(t, sample)
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			fs := copyStore(t, sample)
			o := smallOptions(fs)
			o.DisableTableStats = true // so that no table is open yet
			db, err := lsm.Open("store", o)
			if err != nil {
				t.Fatal(err)
			}
			do(t, fs, db, salvage{fs, "store", o}, name)
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAMissingTruncatedOrOverwrittenTableIsSetAside(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, fs vfs.FS, name string){
		"gone": func(t *testing.T, fs vfs.FS, name string) {
			if err := fs.Remove("store/" + name); err != nil {
				t.Fatal(err)
			}
		},
		"short": func(t *testing.T, fs vfs.FS, name string) {
			rewrite(t, fs, name, func(data []byte) []byte { return data[:len(data)/2] })
		},
		"empty": func(t *testing.T, fs vfs.FS, name string) {
			rewrite(t, fs, name, func([]byte) []byte { return nil })
		},
		"overwritten": func(t *testing.T, fs vfs.FS, name string) {
			rewrite(t, fs, name, func(data []byte) []byte { return make([]byte, len(data)) })
		},
	} {
		t.Run(what, func(t *testing.T) {
			damageSampleTables(t, func(t *testing.T, fs vfs.FS, db *lsm.DB, s salvage, table string) {
				change(t, fs, table)
				lost, err := s.setAside(db, allKeys)
				if err != nil || len(lost) != 1 {
					t.Fatalf("%v, %v", lost, err)
				}
				keys, err := scan(t, db)
				if err != nil {
					t.Fatal(err)
				}
				if !keys[string(key(5050))] {
					t.Error("what was in no table is missing")
				}
				if err := db.Compact(t.Context(), allKeys.from, allKeys.to, false); err != nil {
					t.Error(err)
				}
				if found, err := checkDir(copyStore(t, fs.(*vfs.MemFS)), "store", func(int64, int64) {}); err != nil ||
					len(found) > 0 {
					t.Errorf("a check finds %v, %v", found, err)
				}
			})
		})
	}
}

// TestEventsPublishedAfterADamagedBlockAreKept is about keys in the middle of what is set aside, in memory and in
// another table.
func TestEventsPublishedAfterADamagedBlockAreKept(t *testing.T) {
	fs := vfs.NewMem()
	o := smallOptions(fs)
	db, err := lsm.Open("store", o)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	fill(t, db, 0, 400, 2)
	flush(t, db)
	names, _ := storeFiles(t, fs)
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			corrupt(t, fs, name)
		}
	}
	fill(t, db, 1, 201, 2)
	flush(t, db)
	fill(t, db, 201, 401, 2)
	lost, err := salvage{fs, "store", o}.setAside(db, allKeys)
	if err != nil || len(lost) != 1 {
		t.Fatalf("%v, %v", lost, err)
	}
	keys, err := scan(t, db)
	if err != nil {
		t.Fatal(err)
	}
	if !keys[string(lost[0].from)] {
		t.Error("the last event before the block is lost")
	}
	missing := 0
	for n := range uint64(400) {
		switch in := keys[string(key(n))]; {
		case n%2 == 1 && !in:
			t.Errorf("%d is lost though it is in no damaged block", n)
		case !in:
			missing++
		}
	}
	if missing == 0 || missing > 60 {
		t.Errorf("%d events are missing for a block", missing)
	}
	t.Logf("%d events are missing for a block", missing)
}

// openedFS calls opened before the first table is opened.
type openedFS struct {
	vfs.FS
	once   sync.Once
	opened func()
}

func (f *openedFS) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	if strings.HasSuffix(name, ".sst") {
		f.once.Do(f.opened)
	}
	return f.FS.Open(name, options...)
}

func TestATableReplacedByACompactionIsNotTakenForDamaged(t *testing.T) {
	fs := vfs.NewMem()
	o := smallOptions(fs)
	db := threeTables(t, o)
	tables, _ := storeFiles(t, fs)
	tables = slices.DeleteFunc(tables, func(name string) bool { return !strings.HasSuffix(name, ".sst") })
	looking := &openedFS{FS: fs, opened: func() {
		if err := db.Compact(t.Context(), allKeys.from, allKeys.to, false); err != nil {
			t.Error(err)
		}
		eventually(t, "the tables are deleted", func() bool {
			return !slices.ContainsFunc(tables, func(name string) bool {
				_, err := fs.Stat("store/" + name)
				return err == nil
			})
		})
	}}
	if lost, err := (salvage{looking, "store", o}).setAside(db, allKeys); err != nil || len(lost) > 0 {
		t.Errorf("lost %v, %v", lost, err)
	}
	if keys, err := scan(t, db); err != nil || len(keys) != 900 {
		t.Errorf("%d of 900 keys, %v", len(keys), err)
	}
}

func TestACompactionReportsDamageAndSucceedsOnceItIsSetAside(t *testing.T) {
	fs := vfs.NewMem()
	reported := make(chan keySpan, 100)
	on := quietly
	on.damaged = func(s keySpan) {
		select {
		case reported <- s:
		default:
		}
	}
	o := options(fs, on)
	db := threeTables(t, o)
	names, _ := storeFiles(t, fs)
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			corrupt(t, fs, name)
			break
		}
	}
	compact := func() error { return db.Compact(t.Context(), allKeys.from, allKeys.to, false) }
	if err := compact(); !lsm.IsCorruptionError(err) {
		t.Fatalf("compacted: %v", err)
	}
	where := <-reported
	lost, err := salvage{fs, "store", o}.setAside(db, where)
	if err != nil || len(lost) != 1 {
		t.Fatalf("%v, %v", lost, err)
	}
	if err := compact(); err != nil {
		t.Error(err)
	}
	if keys, err := scan(t, db); err != nil || len(keys) < 800 || len(keys) == 900 {
		t.Errorf("%d of 900 keys, %v", len(keys), err)
	}
}

// threeTables is an open store of 900 keys, in three tables that overlap.
func threeTables(t *testing.T, o *lsm.Options) *lsm.DB {
	t.Helper()
	db, err := lsm.Open("store", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for table := range uint64(3) {
		fill(t, db, table, 900, 3)
		flush(t, db)
	}
	return db
}

// fill sets every key in a range.
func fill(t *testing.T, db *lsm.DB, from, to, step uint64) {
	t.Helper()
	for n := from; n < to; n += step {
		if err := db.Set(key(n), worded(n), lsm.NoSync); err != nil {
			t.Fatal(err)
		}
	}
}

func flush(t *testing.T, db *lsm.DB) {
	t.Helper()
	if err := db.Flush(); err != nil {
		t.Fatal(err)
	}
}

// corrupt overwrites a byte in the middle of a file that may be open.
func corrupt(t *testing.T, fs *vfs.MemFS, name string) {
	t.Helper()
	file, err := fs.OpenReadWrite("store/"+name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := file.ReadAt(b, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := file.WriteAt(b, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
