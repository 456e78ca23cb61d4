package design

import (
	"crypto/sha256"
	"fmt"
	"regexp"
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
	for _, file := range []string{"broadcast", "broadcast-line", "broadcast-tab", "broadcast-worker"} {
		text += read(t, "public/js/"+file+".js")
	}
	version := regexp.MustCompile(`const VERSION = '(.*)';`).FindStringSubmatch(text)
	if version == nil {
		t.Fatal("there is no VERSION")
	}
	text = strings.Replace(text, version[0], "", 1)
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:8]; version[1] != want {
		t.Errorf("the modules have changed: set VERSION in broadcast-worker.js to '%s'", want)
	}
}

func TestTheMiniPageHasOneInlineScript(t *testing.T) {
	t.Parallel()
	page := read(t, "public/mini.html")
	if scripts := strings.Count(page, "<script"); scripts != 1 || !strings.Contains(page, "<script>\n") {
		t.Errorf("it has %d scripts, want one, classic and inline", scripts)
	}
}
