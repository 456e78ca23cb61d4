package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestATabNeverTalksToAWorkerOfAnotherVersion(t *testing.T) {
	modules, err := filepath.Glob("public/js/broadcast/*.js")
	text := ""
	for _, path := range modules {
		var module []byte
		module, err = os.ReadFile(path)
		text += string(module)
	}
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`const VERSION = '(.*)';`).FindStringSubmatch(text)
	if version == nil {
		t.Fatal("there is no VERSION")
	}
	text = strings.Replace(text, version[0], "", 1)
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:8]; version[1] != want {
		t.Errorf("the modules have changed: VERSION in worker.js is now to be '%s'", want)
	}
}

func TestTheMiniPageIsMini(t *testing.T) {
	page, err := os.ReadFile("public/mini.html")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(page), "\n"); lines >= 25 {
		t.Errorf("it has %d lines, which are to be under 25", lines)
	}
	if scripts := strings.Count(string(page), "<script"); scripts != 1 || !strings.Contains(string(page), "<script>\n") {
		t.Errorf("it has %d scripts, and is to have one, classic and inline", scripts)
	}
}

func TestWhatTheTimePageListsIsText(t *testing.T) {
	s := serve(t)
	s.append("time", "</li><script>alert(1)</script>", `<img src=x onerror=alert(2)> &lt;b&gt; {{ .Title }}`)
	_, page := s.get("GET", "/time")
	for _, text := range []string{
		"&lt;/li&gt;&lt;script&gt;alert(1)&lt;/script&gt;</li>",
		"&lt;img src=x onerror=alert(2)&gt; &amp;lt;b&amp;gt; {{ .Title }}</li>",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %s:\n%s", text, page)
		}
	}
}
