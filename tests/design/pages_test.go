package design

import (
	"crypto/sha256"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPagesWriteNoMarkupFromScripts(t *testing.T) {
	t.Parallel()
	walk(t, func(path string) {
		if !strings.HasPrefix(path, "public/") {
			return
		}
		text := read(t, path)
		for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if strings.Contains(text, word) {
				t.Errorf("%s uses %s", path, word)
			}
		}
	})
}

func TestATabNeverTalksToAWorkerOfAnotherVersion(t *testing.T) {
	t.Parallel()
	text := ""
	walk(t, func(path string) {
		if strings.HasPrefix(path, "public/js/broadcast/") {
			text += read(t, path)
		}
	})
	version := regexp.MustCompile(`const VERSION = '(.*)';`).FindStringSubmatch(text)
	if version == nil {
		t.Fatal("there is no VERSION")
	}
	text = strings.Replace(text, version[0], "", 1)
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:8]; version[1] != want {
		t.Errorf("the modules have changed: set VERSION in worker.js to '%s'", want)
	}
}

// esImport is an import in a module, static or awaited. What JSDoc imports are types.
var esImport = regexp.MustCompile(`(?m)^import (?:[^'"]* from )?'([^']+)'|await import\('([^']+)'\)`)

func TestModulesDoNotImportInACircle(t *testing.T) {
	t.Parallel()
	imported := map[string][]string{}
	walk(t, func(module string) {
		if !strings.HasPrefix(module, "public/js/") {
			return
		}
		for _, found := range esImport.FindAllStringSubmatch(read(t, module), -1) {
			imported[module] = append(imported[module], path.Join(path.Dir(module), found[1]+found[2]))
		}
	})
	done := map[string]bool{}
	var visit func(module string, way []string)
	visit = func(module string, way []string) {
		if i := slices.Index(way, module); i >= 0 {
			t.Errorf("a circle of imports: %s", strings.Join(append(way[i:], module), " -> "))
		} else if !done[module] {
			done[module] = true
			for _, next := range imported[module] {
				visit(next, append(way, module))
			}
		}
	}
	for module := range imported {
		visit(module, nil)
	}
	feed := imported["public/js/broadcast/feed.js"]
	if !slices.Equal(feed, []string{"public/js/broadcast/line.js"}) {
		t.Errorf("the feed imports %v, and is to import the line alone", feed)
	}
}

func TestTheMiniPageHasOneInlineScript(t *testing.T) {
	t.Parallel()
	page := read(t, "public/mini.html")
	if scripts := strings.Count(page, "<script"); scripts != 1 || !strings.Contains(page, "<script>\n") {
		t.Errorf("it has %d scripts, want one, classic and inline", scripts)
	}
}
