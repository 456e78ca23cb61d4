package design

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// columns is how wide a line may be, where a tab counts as four.
const columns = 120

// written are the files that people here write; vendored are folders of others' files among them.
var (
	written  = []string{".go", ".js", ".css", ".html", ".md"}
	vendored = regexp.MustCompile(`(^|/)(testdata|vendor|node_modules)/`)
)

// unbroken are lines of Markdown that cannot be broken: rows of tables, and links.
var unbroken = regexp.MustCompile(`^\s*\||\]\(|https?://`)

func TestNoLineIsTooWide(t *testing.T) {
	t.Parallel()
	files := 0
	walk(t, func(file string) {
		if !slices.Contains(written, path.Ext(file)) || vendored.MatchString(file) {
			return
		}
		files++
		wide, widest, first, number := 0, 0, 0, 0
		for line := range strings.Lines(read(t, file)) {
			number++
			line = strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    ")
			width := utf8.RuneCountInString(line)
			if width <= columns || path.Ext(file) == ".md" && unbroken.MatchString(line) {
				continue
			}
			if wide++; wide == 1 {
				first = number
			}
			widest = max(widest, width)
		}
		if wide > 0 {
			t.Errorf("%s:%d: %d lines are wider than %d columns, up to %d", file, first, wide, columns, widest)
		}
	})
	if files < 100 {
		t.Errorf("only %d files are held to it", files)
	}
}
