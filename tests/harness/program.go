// Package harness is what the black-box tests share: the built program as a process, clients of it, a proxy that stands
// in front of it, and one Chromium for each package of tests.
package harness

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience is how long a test waits for what must come. No test waits as long unless it fails.
const Patience = 90 * time.Second

// CalmMain is Main for tests that are not about how pages look: browsers ask theirs for no motion, which spares the
// machine a good part of drawing it.
func CalmMain(m *testing.M) {
	calm = true
	Main(m)
}

var calm bool // set before any test runs

// PlainMain is Main for tests that keep the program busy: it is built without the race detector, which would take
// several times as long.
func PlainMain(m *testing.M, folders ...string) {
	unraced = true
	Main(m, folders...)
}

var unraced bool // set before any test runs

// Main runs the tests of a package, then ends what they shared and removes those folders. Each package calls it from
// its TestMain.
func Main(m *testing.M, folders ...string) {
	flag.Parse()
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.parallel") }) {
		flag.Set("test.parallel", "6") // they wait for timers and for the browser far more than they compute
	}
	code := m.Run()
	if !endShared() {
		code = 1
	}
	closeBrowser()
	for _, dir := range append(folders, scratch()) {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// scratch is a directory for what all tests of the package share.
var scratch = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "iris-broadcast-tests-")
	if err != nil {
		panic(err)
	}
	return dir
})

// Root is the module's directory; `go test` starts each package's tests in the package's own.
var Root = sync.OnceValue(func() string {
	for dir, _ := os.Getwd(); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			panic("there is no go.mod above the tests")
		}
	}
})

// Program is the server, with the race detector where there is one, since what it finds fails the test that had it
// happen. All packages of tests share it: the first that needs it builds it, the others find it up to date.
func Program(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var program = sync.OnceValues(func() (path string, err error) {
	if err := Consult(Root()); err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "iris-broadcast-tests", fmt.Sprintf("%x", sha256.Sum256([]byte(Root())))[:12])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	args := []string{"build", "-buildvcs=false"}
	path = filepath.Join(dir, "iris-broadcast")
	if unraced {
		path += "-plain"
	} else if raceDetector() {
		args = append(args, "-race")
	}
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	build := exec.Command("go", append(args, "-o", path, ".")...)
	build.Dir = Root()
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, said)
	}
	return path, nil
})

// Consult has `go test` see which files the program is made of, so that it does not take results of an older one from
// its cache.
func Consult(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && apart(entry.Name()):
			return fs.SkipDir
		}
		_, err = os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) { // gone meanwhile
			return nil
		}
		return err
	})
}

// apart says whether a directory has nothing that the program is made of.
func apart(name string) bool {
	return strings.HasPrefix(name, ".") || name == "tests" || name == "bench" || name == "testdata"
}

// raceDetector says whether `go build -race` works here.
func raceDetector() bool {
	cgo, err := exec.Command("go", "env", "CGO_ENABLED").Output()
	has := runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"
	return has && err == nil && strings.TrimSpace(string(cgo)) == "1"
}

// Needs finds a program that a test drives, by the first of its names that is there. Where there is none the test is
// skipped, but not in CI, which installs it.
func Needs(t testing.TB, install string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no %s here: %s", names[0], install)
	}
	t.Skipf("no %s here: %s", names[0], install)
	return ""
}

// Eventually waits until what holds. What a browser shows is awaited in the page, by Tab.Until.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(Patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// Command is the program with these arguments, to be started. Where they say nothing else it keeps its events in
// memory.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(Program(t), args...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "BROADCAST_") {
			command.Env = append(command.Env, variable)
		}
	}
	// Else the race detector sleeps a second before the process ends.
	command.Env = append(command.Env, "BROADCAST_STORE=memory", "GORACE=atexit_sleep_ms=0")
	return command
}
