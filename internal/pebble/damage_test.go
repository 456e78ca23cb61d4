package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// worded is a value that belongs to one key only.
func worded(n uint64) []byte {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], n)
	b := make([]byte, 120)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

func smallOptions(fs vfs.FS) *lsm.Options {
	o := options(fs, quietly)
	o.MemTableSize = 64 << 10
	o.DisableAutomaticCompactions = true
	return o
}

// damageSample is a store with tables on several levels, deletions of both kinds, and a log of what is in no table yet.
func damageSample(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	db, err := lsm.Open("store", smallOptions(fs))
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(from, to, step uint64) {
		for n := from; n < to; n += step {
			must(db.Set(key(n), worded(n), lsm.NoSync))
		}
	}
	put(0, 3000, 2)
	must(db.Flush())
	must(db.Compact(t.Context(), allKeys.from, allKeys.to, false))
	put(1, 3000, 6)
	for n := uint64(0); n < 1000; n += 10 {
		must(db.Delete(key(n), lsm.NoSync))
	}
	must(db.Flush())
	must(db.DeleteRange(key(2000), key(2100), lsm.NoSync))
	put(2050, 2060, 1)
	must(db.Flush())
	for n := uint64(5000); n < 5100; n++ {
		must(db.Set(key(n), worded(n), lsm.Sync))
	}
	must(db.Close())
	return fs
}

// scan reads all of a store, and checks that each value belongs to its key.
func scan(t *testing.T, db *lsm.DB) (keys map[string]bool, err error) {
	t.Helper()
	keys = map[string]bool{}
	err = guarded(func() (err error) {
		it, err := db.NewIter(nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, it.Close()) }()
		for ok := it.First(); ok; ok = it.Next() {
			if len(it.Key()) != 9 || !bytes.Equal(it.Value(), worded(binary.BigEndian.Uint64(it.Key()[1:]))) {
				t.Errorf("%q is altered", it.Key())
			}
			keys[string(it.Key())] = true
		}
		return it.Error()
	})
	return keys, err
}

// scanDir opens a store and reads it all.
func scanDir(t *testing.T, fs vfs.FS) (keys map[string]bool, err error) {
	t.Helper()
	err = guarded(func() error {
		db, err := lsm.Open("store", smallOptions(fs))
		if err != nil {
			return err
		}
		keys, err = scan(t, db)
		return errors.Join(err, db.Close())
	})
	return keys, err
}

func copyStore(t *testing.T, from *vfs.MemFS) *vfs.MemFS {
	t.Helper()
	to := vfs.NewMem()
	if _, err := vfs.Clone(from, to, "store", "store"); err != nil {
		t.Fatal(err)
	}
	return to
}

// rewrite changes a file's bytes.
func rewrite(t *testing.T, fs vfs.FS, name string, change func(data []byte) []byte) {
	t.Helper()
	path := fs.PathJoin("store", name)
	data, err := readFile(fs, path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(change(data)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// storeFiles is a store's files that are not empty, in which a bit can be flipped.
func storeFiles(t *testing.T, fs vfs.FS) (names []string, sizes map[string]int) {
	t.Helper()
	all, err := fs.List("store")
	if err != nil {
		t.Fatal(err)
	}
	sizes = map[string]int{}
	for _, name := range all {
		if info, err := fs.Stat(fs.PathJoin("store", name)); err == nil && info.Size() > 0 {
			names = append(names, name)
			sizes[name] = int(info.Size())
		}
	}
	slices.Sort(names)
	return names, sizes
}

// TestNoFlippedBitIsServedOrMissed flips a bit in about 60 places, or as many as TEST_BROADCAST_FLIPS says.
func TestNoFlippedBitIsServedOrMissed(t *testing.T) {
	flips := 60
	if n, err := strconv.Atoi(os.Getenv("TEST_BROADCAST_FLIPS")); err == nil {
		flips = n
	}
	sample := damageSample(t)
	want, err := scanDir(t, copyStore(t, sample))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := checkDir(sample, "store", func(int64, int64) {}); err != nil || len(found) > 0 {
		t.Fatalf("a sound store: %v, %v", found, err)
	}
	names, sizes := storeFiles(t, sample)
	rng := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for i := range flips {
		name := names[i%len(names)]
		at, bit := rng.IntN(sizes[name]), rng.IntN(8)
		fs := copyStore(t, sample)
		rewrite(t, fs, name, func(data []byte) []byte {
			data[at] ^= 1 << bit
			return data
		})
		outcome := afterFlip(t, fs, want)
		if strings.HasPrefix(outcome, "!") {
			t.Errorf("%s, bit %d of byte %d of %d: %s", name, bit, at, sizes[name], outcome)
		}
		kind, _, _ := strings.Cut(name, "-")
		if _, ext, ok := strings.Cut(name, "."); ok {
			kind = ext
		}
		seen[kind+": "+outcome]++
	}
	for _, outcome := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%4d %s", seen[outcome], outcome)
	}
}

// afterFlip returns what becomes of a store with a flipped bit, with an exclamation mark if it should not.
func afterFlip(t *testing.T, fs *vfs.MemFS, want map[string]bool) string {
	t.Helper()
	found, err := checkDir(fs, "store", func(int64, int64) {})
	reported := err != nil || len(found) > 0
	records, err := checkRecords(lookOnly{fs}, "store")
	if err != nil {
		return "! " + err.Error()
	}
	got, err := scanDir(t, copyStore(t, fs))
	switch {
	case err == nil && maps.Equal(got, want):
		if reported {
			return "found, and nothing is missing"
		}
		return "nothing is missing"
	case err == nil && len(records) > 0:
		return "found before the store is opened, which Pebble would have been without a word"
	case err == nil:
		return "! gone without a word"
	case !reported:
		return "! not found by a check: " + err.Error()
	case len(records) > 0:
		return "found before the store is opened"
	}
	return mended(t, fs, want)
}

// mended sets the damage aside, and returns how that went.
func mended(t *testing.T, fs *vfs.MemFS, want map[string]bool) string {
	t.Helper()
	o := smallOptions(fs)
	var db *lsm.DB
	err := guarded(func() (err error) {
		db, err = lsm.Open("store", o)
		return err
	})
	if err != nil {
		return "cannot be opened"
	}
	defer db.Close()
	lost, err := salvage{fs, "store", o}.setAside(db, allKeys)
	if err != nil {
		return "! cannot be set aside: " + err.Error()
	}
	got, err := scan(t, db)
	if err != nil {
		return "! cannot be read after it was set aside: " + err.Error()
	}
	for k := range want {
		within := slices.ContainsFunc(lost, func(s keySpan) bool {
			return k >= string(s.from) && k < string(s.to)
		})
		if !got[k] && !within {
			return "! something else is missing: " + strconv.Quote(k)
		}
	}
	if err := db.Compact(t.Context(), allKeys.from, allKeys.to, false); err != nil {
		return "! cannot be compacted: " + err.Error()
	}
	if after, err := scan(t, db); err != nil || !maps.Equal(after, got) {
		return "! a compaction changes it"
	}
	return "set aside"
}
