package design

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestTheREADMENamesWhatExists(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	var code strings.Builder
	walk(t, func(path string) {
		if filepath.Ext(path) == ".go" {
			code.WriteString(read(t, path))
		}
	})
	for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(code.String(), "func "+name[1]+"(t *testing.T)") {
			t.Errorf("there is no %s", name[1])
		}
	}
	exists := func(path string) {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			t.Error(err)
		}
	}
	_, codeMap, _ := strings.Cut(readme, "the map of the code")
	codeMap, _, _ = strings.Cut(codeMap, "\n## ")
	for _, file := range regexp.MustCompile("(?m)^\\| `([a-z./, `]+)` \\| ").FindAllStringSubmatch(codeMap, -1) {
		for name := range strings.SplitSeq(strings.ReplaceAll(file[1], "`", ""), ", ") {
			exists(name)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^):]+)\)|src(?:set)?="([^"]+)"`).FindAllStringSubmatch(readme, -1) {
		exists(link[1] + link[2])
	}
}
