package design

import (
	"go/ast"
	"go/token"
	"path"
	"strings"
	"testing"
)

func TestFilesAndFunctionsAreShort(t *testing.T) {
	t.Parallel()
	within := func(path string, most int) {
		if n := strings.Count(read(t, path), "\n"); n > most {
			t.Errorf("%s has %d lines, more than %d", path, n, most)
		}
	}
	goFiles(t, func(path string, file *ast.File, set *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") {
			within(path, 500)
			return
		}
		within(path, 300)
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > 50 {
				t.Errorf("%s: %s has %d lines, more than 50", path, f.Name.Name, n)
			}
		}
	})
	modules := 0
	walk(t, func(file string) {
		if !strings.HasPrefix(file, "public/js/") || path.Ext(file) != ".js" {
			return
		}
		modules++
		most := 120
		if file == "public/js/broadcast/feed.js" {
			most = 350
		}
		within(file, most)
	})
	if modules == 0 {
		t.Error("there are no modules")
	}
	within("public/mini.html", 24)
}
