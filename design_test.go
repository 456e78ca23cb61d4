package main

import (
	"bytes"
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
)

// module is the prefix of this module's own packages.
const module = "iris-broadcast/internal/"

// arrows are the packages of this module that each package may import. They point down only. main.go and broker.go may
// import them all; tests what they like.
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
	"commands":        {"stream", "pebble", "config"},
}

// blackBox are the packages of this module that tests below tests/ may import, beside each other: the built program is tested
// there, by what it prints, answers and shows.
var blackBox = []string{"sse", "stream"}

// standardOnly are the packages that import nothing but the standard library and what arrows says.
var standardOnly = []string{"stream", "stream/logtest", "sse"}

// irisOnly are those that know Iris, beside main.go and broker.go.
var irisOnly = []string{"web"}

// goFiles calls visit with each Go file of the repository.
func goFiles(t *testing.T, visit func(path string, file *ast.File, set *token.FileSet)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != "." {
			return errOr(err, fs.SkipDir)
		}
		if entry.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(path), file, set)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func TestArrowsPointDownOnly(t *testing.T) {
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
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			own, isOwn := strings.CutPrefix(imported, module)
			switch {
			case isOwn && !slices.Contains(allowed, own):
				t.Errorf("%s imports %s", path, imported)
			case !isOwn && strings.Contains(imported, "kataras/iris") && !slices.Contains(irisOnly, dir):
				t.Errorf("%s knows Iris", path)
			case !isOwn && strings.Contains(imported, ".") && slices.Contains(standardOnly, dir):
				t.Errorf("%s imports %s, and is to have the standard library alone", path, imported)
			}
		}
	})
	for dir := range arrows {
		if !seen[dir] {
			t.Errorf("package %s has a place in arrows and is not there", dir)
		}
	}
}

func TestTheProgramIsABlackBoxToTheTestsOfIt(t *testing.T) {
	goFiles(t, func(path string, file *ast.File, _ *token.FileSet) {
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
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

func TestFilesAndFunctionsAreShort(t *testing.T) {
	lines := func(path string, most int) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > most {
			t.Errorf("%s has %d lines, more than %d", path, n, most)
		}
	}
	goFiles(t, func(path string, file *ast.File, set *token.FileSet) {
		most := 300
		if strings.HasSuffix(path, "_test.go") {
			most = 500
		}
		lines(path, most)
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && most == 300 {
				if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > 50 {
					t.Errorf("%s: %s has %d lines, more than 50", path, f.Name.Name, n)
				}
			}
		}
	})
	for _, path := range esModules(t) {
		most := 120
		if path == "public/js/broadcast/feed.js" {
			most = 350
		}
		lines(path, most)
	}
	lines("public/mini.html", 25)
}

// esModules are the paths of the modules that pages load, less vendored ones.
func esModules(t *testing.T) (paths []string) {
	err := filepath.WalkDir("public/js", func(path string, entry fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".js" {
			paths = append(paths, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	return paths
}

// esImport is an import in a module, static or awaited. What JSDoc imports are types.
var esImport = regexp.MustCompile(`(?m)^import (?:[^'"]* from )?'([^']+)'|await import\('([^']+)'\)`)

func TestModulesDoNotImportInACircle(t *testing.T) {
	imports := map[string][]string{}
	for _, module := range esModules(t) {
		text, err := os.ReadFile(module)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range esImport.FindAllStringSubmatch(string(text), -1) {
			imports[module] = append(imports[module], path.Join(path.Dir(module), found[1]+found[2]))
		}
	}
	done := map[string]bool{}
	var visit func(module string, way []string)
	visit = func(module string, way []string) {
		if i := slices.Index(way, module); i >= 0 {
			t.Errorf("a circle of imports: %s", strings.Join(append(way[i:], module), " -> "))
		} else if !done[module] {
			done[module] = true
			for _, imported := range imports[module] {
				visit(imported, append(way, module))
			}
		}
	}
	for module := range imports {
		visit(module, nil)
	}
	if got := imports["public/js/broadcast/feed.js"]; !slices.Equal(got, []string{"public/js/broadcast/line.js"}) {
		t.Errorf("the feed imports %v, and is to import the line alone", got)
	}
}

func TestPagesWriteNoMarkupFromScripts(t *testing.T) {
	err := filepath.WalkDir("public", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%s uses %s", path, word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
