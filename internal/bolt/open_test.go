package bolt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream/logtest"
)

// wantError wants Open to refuse a path in such words.
func wantError(t *testing.T, path string, words ...string) {
	t.Helper()
	s, err := Open(path, logtest.Generous)
	if err == nil {
		s.Close()
		t.Fatalf("%s was opened", path)
	}
	for _, word := range append(words, path, "-store bolt:PATH") {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("refused with %q, which does not say %q", err, word)
		}
	}
}

func TestAFileInUseIsRefused(t *testing.T) {
	path := newPath(t)
	openStore(t, path, logtest.Generous)
	wantError(t, path, "in use by another process")
}

func TestWhatIsNoStoreIsRefusedAndLeftAlone(t *testing.T) {
	path := newPath(t)
	for _, file := range []string{"short", strings.Repeat("a text\n", 10_000), strings.Repeat("\x00", 1<<16)} {
		wantRefused(t, path, []byte(file), "no store at all")
	}
}

func TestTheFileOfAnotherProgramIsRefusedAndLeftAlone(t *testing.T) {
	path := newPath(t)
	for name, options := range map[string]*bbolt.Options{"plain": nil, "without its free pages": {NoFreelistSync: true}} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(path)
			db, err := bbolt.Open(path, 0o600, options)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Update(func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket([]byte("theirs"))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wantRefused(t, path, file, "another program")
		})
	}
}

func TestAnotherLayoutIsRefusedAndLeftAlone(t *testing.T) {
	path := newPath(t)
	sample(t, path)
	edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(versionKey, []byte{version + 1}) })
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, file, "another version of this program")
}

func TestAFileCutShortIsRefusedAndLeftAlone(t *testing.T) {
	path := newPath(t)
	sample(t, path)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{100, pageSize, 2 * pageSize, len(file) / 4} {
		wantRefused(t, path, file[:length], "damaged")
	}
}

func TestAPlaceWithoutFolderOrThatIsNoFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	wantError(t, folder, "is not a file")
	missing := filepath.Join(folder, "missing", "broadcast.db")
	wantError(t, missing, "folder", "not there", "create it")
}

func TestAnEmptyFileIsANewStore(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"of no bytes": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"of bbolt, as after a crash before the first transaction": func(path string) error {
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			s := openStore(t, path, logtest.Generous)
			if head, err := s.Head(t.Context()); err != nil || head.String() != "0-0" {
				t.Errorf("the head of a new file is %v, %v, want 0-0", head, err)
			}
		})
	}
}
