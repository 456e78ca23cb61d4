package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheREADMENamesWhatIsThere(t *testing.T) {
	var code bytes.Buffer
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			text, readErr := os.ReadFile(path)
			code.Write(text)
			return readErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(readme(t), -1) {
		if !strings.Contains(code.String(), "func "+name[1]+"(t *testing.T)") {
			t.Errorf("there is no %s", name[1])
		}
	}
	_, codeMap, _ := strings.Cut(readme(t), "the map of the code")
	codeMap, _, _ = strings.Cut(codeMap, "\n## ")
	for _, file := range regexp.MustCompile("(?m)^\\| `([a-z./, `]+)` \\| ").FindAllStringSubmatch(codeMap, -1) {
		for name := range strings.SplitSeq(strings.ReplaceAll(file[1], "`", ""), ", ") {
			if _, err := os.Stat(name); err != nil {
				t.Errorf("the map names %s: %v", name, err)
			}
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^):]+)\)|src(?:set)?="([^"]+)"`).FindAllStringSubmatch(readme(t), -1) {
		if _, err := os.Stat(link[1] + link[2]); err != nil {
			t.Error(err)
		}
	}
}
