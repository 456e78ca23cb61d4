// Package design holds the repository to its design: who imports whom, how long things are, what lies where.
package design

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
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

// arrows are the packages of this module that each package may import. They point down only. The root package may
// import any of them, within never; tests may import anything.
var arrows = map[string][]string{
	"stream":          {},
	"stream/logtest":  {"stream"},
	"sse":             {},
	"loglimit":        {},
	"metrics":         {"stream", "loglimit"},
	"delivery":        {"stream", "sse", "metrics"},
	"demo":            {"stream"},
	"audit":           {"stream"},
	"board":           {"stream"},
	"board/boardtest": {"board", "stream"},
	"memory":          {"stream", "board"},
	"pebble":          {"stream", "board"},
	"web":             {"stream", "sse", "delivery", "audit", "board", "loglimit"},
	"config":          {},
	"stores":          {"stream", "board", "config", "demo", "memory", "pebble"},
	"service":         {},
	"commands":        {"stream", "pebble", "config"},
}

// stores are the packages that keep events.
var stores = []string{"memory", "pebble"}

// never are the packages that a file or folder must not import, however arrows changes.
var never = map[string][]string{"broker.go": append(stores, "web"), "internal/web": stores}

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

func TestTheBrokerKnowsNoWebAndTheWebNoStore(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	goFiles(t, func(file string, parsed *ast.File, _ *token.FileSet) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		for _, place := range []string{file, path.Dir(file)} {
			seen[place] = true
			for _, forbidden := range never[place] {
				if slices.Contains(imports(parsed), module+forbidden) {
					t.Errorf("%s imports %s", file, forbidden)
				}
			}
		}
	})
	for place := range never {
		if !seen[place] {
			t.Errorf("there is no %s", place)
		}
	}
	for _, store := range stores {
		if !seen["internal/"+store] {
			t.Errorf("there is no store %s", store)
		}
	}
}

// words are the string literals in a file that could be names: neither paths of imports nor tags of fields.
func words(file *ast.File) (found []string) {
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			n.Tag = nil // the tree is this test's own
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && name.MatchString(text) {
				found = append(found, text)
			}
		}
		return true
	})
	return found
}

// name is what metrics and their labels are called.
var name = regexp.MustCompile("^[a-z][a-z0-9_]*$")

func TestDeliveryNamesNoMetric(t *testing.T) {
	t.Parallel()
	var metrics []string
	delivery := map[string][]string{}
	goFiles(t, func(file string, parsed *ast.File, _ *token.FileSet) {
		switch {
		case strings.HasSuffix(file, "_test.go"):
		case path.Dir(file) == "internal/metrics":
			metrics = append(metrics, words(parsed)...)
		case path.Dir(file) == "internal/delivery":
			delivery[file] = words(parsed)
		}
	})
	if !slices.Contains(metrics, "broadcast_gaps_total") || !slices.Contains(metrics, "stalled") || len(delivery) == 0 {
		t.Fatalf("the metrics' names are %q", metrics)
	}
	for file, words := range delivery {
		for _, word := range words {
			if slices.Contains(metrics, word) {
				t.Errorf("%s has %q, which internal/metrics names", file, word)
			}
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
