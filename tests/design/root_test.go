package design

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// atRoot are the files beside dotfiles and up to three files of tests that the root has, and its folders.
var (
	atRoot  = []string{"go.mod", "go.sum", "main.go", "broker.go", "README.md", "CHANGELOG.md", "LICENSE"}
	folders = []string{"bench", "client", "deploy", "docs", "internal", "public", "tests", "views"}
)

// ignored reports whether git ignores a name in the root, such as that of the built program.
func ignored(t *testing.T, name string) bool {
	t.Helper()
	for pattern := range strings.Lines(read(t, ".gitignore")) {
		pattern = strings.TrimPrefix(strings.TrimSpace(pattern), "/")
		if matches, err := path.Match(pattern, name); err != nil || matches {
			return err == nil
		}
	}
	return false
}

func TestTheRootIsATableOfContents(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var tests []string
	for _, entry := range entries {
		name, allowed := entry.Name(), atRoot
		if entry.IsDir() {
			allowed = folders
		}
		switch {
		case strings.HasPrefix(name, "."), slices.Contains(allowed, name), ignored(t, name):
		case strings.HasSuffix(name, "_test.go"):
			tests = append(tests, name)
		default:
			t.Errorf("%s has no place in the root", name)
		}
	}
	if len(tests) > 3 || !slices.Contains(tests, "broker_test.go") {
		t.Errorf("the root has the tests %q, want broker_test.go and at most two more", tests)
	}
}
