//go:build unix

package bolt

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"iris-broadcast/internal/stream"
	"iris-broadcast/internal/stream/logtest"
)

// inChild runs the test that calls it in a process of its own, and says whether this is that process.
func inChild(t *testing.T) bool {
	t.Helper()
	const env = "BOLT_TEST_CHILD"
	if os.Getenv(env) != "" {
		return true
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), env+"=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return false
}

// limitFiles makes this process unable to write files beyond that many bytes, as if the disk were full.
func limitFiles(t *testing.T, bytes uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = min(bytes, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
}

// TestAFullDiskKeepsNothingAndHealsByItself is about a limit to the file's size, which needs no privileges.
func TestAFullDiskKeepsNothingAndHealsByItself(t *testing.T) {
	if !inChild(t) {
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // so that a write beyond the limit fails rather than ends the process
	path := newPath(t)
	fullDisk(t, path, func() {
		limitFiles(t, 1<<20)
	}, func() {
		limitFiles(t, 1<<40)
	})
}

// TestAFullFileSystemKeepsNothingAndHealsByItself is about a small file system of its own.
func TestAFullFileSystemKeepsNothingAndHealsByItself(t *testing.T) {
	folder := smallFileSystem(t)
	ballast := filepath.Join(folder, "ballast")
	fullDisk(t, filepath.Join(folder, "broadcast.db"), func() {
		var fs syscall.Statfs_t
		if err := syscall.Statfs(folder, &fs); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ballast, make([]byte, int64(fs.Bavail)*int64(fs.Bsize)-1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}

// smallFileSystem mounts a file system of a few MiB: ext4 on a loop device, or one in memory where there are no such devices.
func smallFileSystem(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	image := filepath.Join(t.TempDir(), "image")
	run := func(name string, args ...string) error {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
		return nil
	}
	err := os.WriteFile(image, make([]byte, 8<<20), 0o600)
	if err == nil {
		err = run("mkfs.ext4", "-q", "-m", "0", image)
	}
	if err == nil {
		err = run("mount", "-o", "loop", image, folder)
	}
	if err != nil {
		t.Logf("no loop device, so one in memory: %v", err)
		if err := run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder); err != nil {
			t.Skipf("mounting needs root (%v); the test with a limit to the file's size is its twin without", err)
		}
	}
	t.Cleanup(func() {
		if err := run("umount", folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// fullDisk publishes until the disk is full, and again when there is room.
func fullDisk(t *testing.T, path string, fill, empty func()) {
	s, err := Open(path, logtest.Generous)
	if err != nil {
		t.Fatal(err)
	}
	news := stream.Event{Topic: stream.MustTopic("news"), Data: strings.Repeat("x", 10_000)}
	first := appendAll(t, s, news)[0]
	fill()
	last := first
	for err == nil {
		var ids []stream.ID
		if ids, err = s.Append(t.Context(), news, news); err == nil {
			last = ids[1]
		}
	}
	if e := stream.AsError(err); e.Code != stream.Unavailable || strings.Contains(e.Detail, path) {
		t.Errorf("appending to a full disk: %v, want unavailable, and not where the file is", err)
	}
	t.Log(err)
	head, _ := s.Head(t.Context())
	headErr := s.Ready(t.Context())
	if stream.AsError(headErr).Code != stream.Unavailable || head != last {
		t.Errorf("head %v, %v; want %v and why it does not go on", head, headErr, last)
	}
	stored := countAll(t, s, last)
	if _, err := s.Append(t.Context(), news, news, news, news, news, news); err == nil {
		t.Error("more fits on a full disk")
	}
	if again := countAll(t, s, last); again != stored {
		t.Errorf("%d events, %d after an append that failed", stored, again)
	}
	empty()
	waitFor(t, "the store heals by itself", func() bool {
		err := s.Ready(t.Context())
		return err == nil
	})
	if ids := appendAll(t, s, news, news); !last.Less(ids[0]) {
		t.Errorf("%v comes after %v", ids[0], last)
	} else {
		last = ids[1]
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = Open(path, logtest.Generous); err != nil {
		t.Fatal(err)
	}
	if again := countAll(t, s, last); again != stored+2 {
		t.Errorf("%d events after a restart, want %d", again, stored+2)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFileThatMayNotBeWrittenIsRefused(t *testing.T) {
	if os.Getuid() == 0 {
		if !inChild(t) { // nothing is forbidden to root
			return
		}
	}
	folder := openFolder(t)
	path := filepath.Join(folder, "broadcast.db")
	sample(t, path)
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(folder, "closed")
	if err := os.Mkdir(closed, 0o555); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, path, "cannot be written", "right to read and write")
	wantError(t, filepath.Join(closed, "broadcast.db"), "cannot be written", "folder")
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file has changed")
	}
}

// openFolder is a folder that every user may enter.
func openFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "bolt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestAFileThatIsRemovedOrReplacedTakesNothingMore(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"removed": os.Remove,
		"moved":   func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error {
			if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			s := openStore(t, path, logtest.Generous)
			news := stream.Event{Topic: stream.MustTopic("news"), Data: "x"}
			last := appendAll(t, s, news)[0]
			if err := remove(path); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := s.Append(t.Context(), news)
				if e := stream.AsError(err); e.Code != stream.Unavailable || !strings.Contains(e.Detail, "removed or replaced") {
					t.Errorf("appending: %v", err)
				}
				if head, _ := s.Head(t.Context()); head != last || stream.AsError(s.Ready(t.Context())).Code != stream.Unavailable {
					t.Errorf("head %v, %v", head, err)
				}
				if n := countAll(t, s, last); n != 1 {
					t.Errorf("readers see %d events, want 1", n)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			appendAll(t, openStore(t, path, logtest.Generous), news) // a restart begins anew
		})
	}
}
