package commands

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// victim runs a command that is killed at some moment of its work, and says whether it was.
func victim(t *testing.T, within time.Duration, stdin, store string, args ...string) (killed bool) {
	t.Helper()
	c := command(t, store, args...)
	c.Stdin = strings.NewReader(stdin)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Duration(rand.Float64()*1.1*float64(within)), func() { _ = c.Process.Kill() })
	_ = c.Wait()
	return !timer.Stop() && !c.ProcessState.Success()
}

// lasts is how long a command takes that is left alone.
func lasts(t *testing.T, store string, args ...string) time.Duration {
	t.Helper()
	began := time.Now()
	do(t, store, args...)
	return time.Since(began)
}

// holds says what a store has of each topic, asked of a server on it.
func holds(t *testing.T, store string) string {
	t.Helper()
	if _, err := os.Stat(store); err == nil {
		do(t, store, "check")
	}
	s := serve(t, store)
	defer s.Kill()
	return do(t, store, "topics", "-json")
}

// size is large enough for each command to take a while.
const size = 15000

func TestABackupThatIsKilledLeavesNoHalfCopy(t *testing.T) {
	t.Parallel()
	s := serve(t, store(t, size, "some"))
	dir := t.TempDir()
	took := lasts(t, s.store, "backup", filepath.Join(dir, "first"))
	want := do(t, s.store, "topics", "-json")
	kills := 0
	for range rounds() {
		copy := filepath.Join(dir, "copy")
		if victim(t, took, "", s.store, "backup", copy) {
			kills++
		}
		if _, err := os.Stat(copy); err != nil {
			do(t, s.store, "backup", copy)
		}
		do(t, s.store, "check", copy)
		if got := do(t, copy, "topics", "-json"); got != want {
			t.Fatalf("the copy has %s, want %s", got, want)
		}
		os.RemoveAll(copy)
	}
	do(t, s.store, "check")
	t.Logf("%d killed", kills)
}

func TestARestoreThatIsKilledLeavesTheOldStoreOrTheNew(t *testing.T) {
	t.Parallel()
	dir := store(t, size, "old")
	backup := filepath.Join(t.TempDir(), "copy")
	do(t, store(t, size, "new"), "backup", backup)
	old, fresh := do(t, dir, "topics", "-json"), do(t, backup, "topics", "-json")
	took := lasts(t, dir, "restore", backup)
	kills, restored := 0, 1
	for range rounds() {
		original, _ := filepath.Glob(dir + ".before-*")
		if len(original) != 1 {
			t.Fatalf("there are %q of what was before", original)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(original[0], dir); err != nil {
			t.Fatal(err)
		}
		if victim(t, took, "", dir, "restore", backup) {
			kills++
		}
		switch got := holds(t, dir); got {
		case old:
			do(t, dir, "restore", backup)
		case fresh:
			restored++
			do(t, dir, "restore", backup) // finds what was before, whatever it is called
			newer, _ := filepath.Glob(dir + ".before-*")
			if len(newer) != 2 {
				t.Fatalf("the old store is not there any more: %q", newer)
			}
			os.RemoveAll(newer[1])
		default:
			t.Fatalf("the store has %s", got)
		}
		original, _ = filepath.Glob(dir + ".before-*")
		if got := do(t, original[0], "topics", "-json"); got != old {
			t.Fatalf("what was before has %s, want %s", got, old)
		}
	}
	t.Logf("%d killed, %d restored", kills, restored)
}

func TestACompactionThatIsKilledLosesNothing(t *testing.T) {
	t.Parallel()
	dir := store(t, size, "some")
	s := serve(t, dir, "-keep-events", "1000")
	s.Publish("some/0", "makes the old ones go")
	harness.Eventually(t, "the old ones are gone", func() bool {
		return strings.Count(do(t, dir, "topics", "-json"), `"events":1000,`) == 7
	})
	s.Stop()
	want := do(t, dir, "topics", "-json")
	original, took, kills := dir, 2*time.Second, 0
	for n := range rounds() + 1 {
		dir = filepath.Join(t.TempDir(), "store") // in which there is something to be compacted
		if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			took = lasts(t, dir, "compact")
		} else if victim(t, took, "", dir, "compact") {
			kills++
		}
		do(t, dir, "check")
		if got := do(t, dir, "topics", "-json"); got != want {
			t.Fatalf("the store has %s, want %s", got, want)
		}
	}
	if got := holds(t, dir); got != want {
		t.Errorf("a server has %s, want %s", got, want)
	}
	t.Logf("%d killed", kills)
}

func TestAnImportThatIsKilledIsAllOrNothing(t *testing.T) {
	t.Parallel()
	lines := made(size, "some")
	dir := filepath.Join(t.TempDir(), "store")
	began := time.Now()
	if r := run(t, strings.NewReader(lines), dir, "import"); r.code != 0 {
		t.Fatal(r.err)
	}
	took := time.Since(began)
	want := do(t, dir, "topics", "-json")
	kills := 0
	for range rounds() {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if victim(t, took, lines, dir, "import") {
			kills++
		}
		if got := holds(t, dir); got != "" && got != want {
			t.Fatalf("the store has %s, want %s or nothing", got, want)
		} else if got == "" { // the server has made an empty one
			if r := run(t, strings.NewReader(lines), dir, "import"); r.code != 0 {
				t.Fatalf("once more: %s", r.err)
			}
		}
		if got := do(t, dir, "topics", "-json"); got != want {
			t.Fatalf("once more, the store has %s, want %s", got, want)
		}
	}
	t.Logf("%d killed", kills)
}

func TestACheckThatIsKilledHasChangedNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, store(t, size, "some"))
	took := lasts(t, s.store, "check")
	want := do(t, s.store, "topics", "-json")
	for range rounds() {
		victim(t, took, "", s.store, "check")
		s.Publish("news", "goes on")
	}
	do(t, s.store, "check")
	if got := do(t, s.store, "topics", "-json"); !strings.HasSuffix(got, want) {
		t.Errorf("the store has %s, want %s", got, want)
	}
}
