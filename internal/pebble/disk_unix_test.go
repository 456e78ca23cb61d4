//go:build unix

package pebble

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream/logtest"
)

// inChild runs the calling test in a process of its own, and reports whether this is that process.
func inChild(t *testing.T) bool {
	t.Helper()
	const env = "PEBBLE_TEST_CHILD"
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

// limitFiles keeps this process from writing files beyond that many bytes.
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

func TestAFileSizeLimitHoldsWritesUntilItIsLifted(t *testing.T) {
	if !inChild(t) {
		return
	}
	s := openTiny(t, vfs.Default, filepath.Join(t.TempDir(), "store"))
	limitFiles(t, 100_000)
	for range 1000 {
		n, done := s.append()
		s.acked = append(s.acked, n)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			continue
		case <-time.After(300 * time.Millisecond):
		}
		if err := s.disk.writable(); !errors.Is(err, errFull) {
			t.Errorf("%v, want %v", err, errFull)
		}
		s.check()
		limitFiles(t, 1<<40)
		if err := <-done; err != nil {
			t.Error(err)
		}
		eventually(t, "there is space again", func() bool { return s.disk.writable() == nil })
		s.check()
		s.close()
		return
	}
	t.Error("the limit is never reached")
}

func TestAFullFileSystemLosesNothingAndRecoversByItself(t *testing.T) {
	folder := smallFileSystem(t, 40)
	ballast := filepath.Join(folder, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	fullDisk(t, vfs.Default, filepath.Join(folder, "store"), func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}

// smallFileSystem mounts a file system of that many MiB: ext4 on a loop device, or tmpfs where there are none.
func smallFileSystem(t *testing.T, mib int64) (folder string) {
	t.Helper()
	folder = t.TempDir()
	image := filepath.Join(t.TempDir(), "image")
	run := func(name string, args ...string) error {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
		return nil
	}
	err := os.WriteFile(image, nil, 0o600)
	if err == nil {
		err = os.Truncate(image, mib<<20)
	}
	if err == nil {
		err = run("mkfs.ext4", "-q", "-m", "0", image)
	}
	if err == nil {
		err = run("mount", "-o", "loop", image, folder)
	}
	if err != nil {
		t.Logf("no loop device, so one in memory: %v", err)
		if err := run("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", mib), "tmpfs", folder); err != nil {
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

func TestNobodyElseCanReadAFolderThatTheStoreMakes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s, err := Open(dir, logtest.Generous, MaxFiles)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}
