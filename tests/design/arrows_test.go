// Package design holds the repository to its design: who imports whom, how long things are, what lies where.
package design

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// root is the module's directory.
var root = harness.Root()

// module is the prefix of this module's own packages.
const module = "iris-broadcast/internal/"

// arrows are the packages of this module that each package may import. They point down only. The root package may import
// them all, but for what notInBroker says; tests may import anything.
var arrows = map[string][]string{
	"stream":          {},
	"stream/logtest":  {"stream"},
	"sse":             {},
	"metrics":         {"stream"},
	"delivery":        {"stream", "sse", "metrics"},
	"demo":            {"stream"},
	"audit":           {"stream"},
	"board":           {"stream"},
	"board/boardtest": {"board", "stream"},
	"memory":          {"stream", "board"},
	"pebble":          {"stream", "board"},
	"web":             {"stream", "delivery", "audit", "board"},
	"config":          {},
	"commands":        {"stream", "pebble", "config"},
}

// blackBox are the packages of this module that tests below tests/ may import, beside each other: they test the built
// program, by what it prints, answers and shows.
var blackBox = []string{"sse", "stream"}

// standardOnly are the packages that import the standard library alone, beside what arrows says.
var standardOnly = []string{"stream", "stream/logtest", "sse"}

// irisOnly are those that know Iris, beside the root package.
var irisOnly = []string{"web"}

// walk calls visit with each file of the repository, by its path from the root; hidden folders are left out.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root:
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		path, err = filepath.Rel(root, path)
		visit(filepath.ToSlash(path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// goFiles calls visit with each Go file of the repository.
func goFiles(t *testing.T, visit func(path string, file *ast.File, set *token.FileSet)) {
	t.Helper()
	walk(t, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, read(t, path), parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		visit(path, file, set)
	})
}

// imports are the paths that a file imports.
func imports(file *ast.File) (paths []string) {
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, path)
	}
	return paths
}

func TestArrowsPointDownOnly(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	goFiles(t, func(path string, file *ast.File, _ *token.FileSet) {
		dir, inside := strings.CutPrefix(filepath.ToSlash(filepath.Dir(path)), "internal/")
		if !inside || strings.HasSuffix(path, "_test.go") {
			return
		}
		allowed, known := arrows[dir]
		if seen[dir] = true; !known {
			t.Errorf("%s: package %s has no place in the design; give it one in arrows", path, dir)
		}
		for _, imported := range imports(file) {
			own, isOwn := strings.CutPrefix(imported, module)
			switch {
			case isOwn && !slices.Contains(allowed, own):
				t.Errorf("%s imports %s", path, imported)
			case !isOwn && strings.Contains(imported, "kataras/iris") && !slices.Contains(irisOnly, dir):
				t.Errorf("%s knows Iris", path)
			case !isOwn && strings.Contains(imported, ".") && slices.Contains(standardOnly, dir):
				t.Errorf("%s imports %s, want the standard library alone", path, imported)
			}
		}
	})
	for dir := range arrows {
		if !seen[dir] {
			t.Errorf("package %s has a place in arrows and does not exist", dir)
		}
	}
}

func TestTheProgramIsABlackBoxToItsTests(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path string, file *ast.File, _ *token.FileSet) {
		for _, imported := range imports(file) {
			own, internal := strings.CutPrefix(imported, module)
			inside := strings.HasPrefix(path, "tests/")
			switch {
			case inside && internal && !slices.Contains(blackBox, own):
				t.Errorf("%s imports %s", path, imported)
			case !inside && strings.HasPrefix(imported, "iris-broadcast/tests/"):
				t.Errorf("%s imports %s, which is for tests below tests/", path, imported)
			}
		}
	})
}
