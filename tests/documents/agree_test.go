package documents

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// section is what a document says below a heading of the second level.
func section(t *testing.T, path, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(document(t, path), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %s", path, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// rows are the second cells of a section's table by each name in backticks in the first.
func rows(text string) map[string]string {
	all := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?`) \\| *(.*?) *\\|").FindAllStringSubmatch(text, -1) {
		for _, name := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[1], -1) {
			all[name[1]] = row[2]
		}
	}
	return all
}

// same fails the test unless both have the same names.
func same[A, B any](t *testing.T, where string, documented map[string]A, real map[string]B) {
	t.Helper()
	for name := range real {
		if _, ok := documented[name]; !ok {
			t.Errorf("%s lacks %s", where, name)
		}
	}
	for name := range documented {
		if _, ok := real[name]; !ok {
			t.Errorf("%s has %s, which is not there", where, name)
		}
	}
	if len(real) == 0 {
		t.Errorf("there is nothing to compare %s with", where)
	}
}

func help(t *testing.T) string {
	t.Helper()
	said, err := harness.Command(t, "-h").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

func TestTheDocumentsHaveEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	documented := rows(section(t, "docs/operations.md", "Settings"))
	settings := map[string]string{"-h": ""}
	for _, set := range regexp.MustCompile(`(?m)^  (-[a-z-]+).*\n      (.*)$`).FindAllStringSubmatch(help(t), -1) {
		settings[set[1]] = set[2]
	}
	same(t, "the table of settings", documented, settings)
	for name, usage := range settings {
		fallback := usage[strings.LastIndexByte(usage, '(')+1:]
		fallback = strings.TrimSuffix(fallback, ")")
		switch {
		case name == "-max-streams" || fallback == usage || fallback == "not set": // of the machine, or none
		case documented[name] != "`"+fallback+"`":
			t.Errorf("%s is %s, and documented as %s", name, fallback, documented[name])
		}
	}
}

func TestTheDocumentsHaveEveryCommand(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for usage := range rows(section(t, "docs/operations.md", "Commands")) {
		documented[strings.Fields(usage)[0]] = true
	}
	_, list, _ := strings.Cut(help(t), "\nCommands (")
	commands := map[string]bool{}
	for _, name := range regexp.MustCompile(`(?m)^  ([a-z]+) `).FindAllStringSubmatch(list, -1) {
		commands[name[1]] = true
	}
	same(t, "the table of commands", documented, commands)
}

func TestTheDocumentsHaveEveryMetric(t *testing.T) {
	t.Parallel()
	_, text := harness.ServeTLS(t).Do("GET", "/metrics", "") // without TLS there is no certificate
	real, reasons := map[string]bool{}, map[string]bool{}
	for _, name := range regexp.MustCompile(`(?m)^# TYPE (broadcast_[a-z_]+) `).FindAllStringSubmatch(text, -1) {
		real[name[1]] = true
	}
	for _, reason := range regexp.MustCompile(`reason="([a-z]+)"`).FindAllStringSubmatch(text, -1) {
		reasons[reason[1]] = true
	}
	documented := rows(section(t, "docs/operations.md", "Metrics"))
	same(t, "the table of metrics", documented, real)
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		if !strings.Contains(documented["broadcast_streams_ended_total"], "`"+reason+"`") {
			t.Errorf("the documents lack the reason %s", reason)
		}
	}
}

// documents are all there are, by their paths below the root.
func documents(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(harness.Root(), "docs", "*.md"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	paths := []string{"README.md", "CHANGELOG.md", "bench/README.md"}
	for _, path := range found {
		paths = append(paths, "docs/"+filepath.Base(path))
	}
	return paths
}

// anchors are the names of a document's headings, as GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all[strings.ReplaceAll(name, " ", "-")] = true
	}
	return all
}

func TestTheLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^):]+)\)|src(?:set)?="([^":]+)"`)
	for _, path := range documents(t) {
		for _, found := range link.FindAllStringSubmatch(document(t, path), -1) {
			target, anchor, _ := strings.Cut(found[1]+found[2], "#")
			at := path
			if target != "" {
				at = filepath.ToSlash(filepath.Join(filepath.Dir(path), target))
			}
			if _, err := os.Stat(filepath.Join(harness.Root(), filepath.FromSlash(at))); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if anchor != "" && !anchors(document(t, at))[anchor] {
				t.Errorf("%s: %s has no heading %s", path, at, anchor)
			}
		}
	}
}

// code is all Go there is.
func code(t *testing.T) string {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(harness.Root(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestTheDocumentsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	all := code(t)
	for _, path := range documents(t) {
		for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(document(t, path), -1) {
			if !strings.Contains(all, "func "+name[1]+"(t *testing.T)") {
				t.Errorf("%s: there is no %s", path, name[1])
			}
		}
	}
	for path := range rows(section(t, "docs/design.md", "The map of the code")) {
		if _, err := os.Stat(filepath.Join(harness.Root(), filepath.FromSlash(path))); err != nil {
			t.Errorf("the map: %v", err)
		}
	}
}

// walked is a function on a newcomer's walk: package.(*Type).Function.
var walked = regexp.MustCompile("`[a-z]+\\.(?:\\(\\*([A-Za-z]+)\\)|([A-Z][a-zA-Z]*))\\.([A-Za-z]+)`")

func TestANewcomersWalkIsShortAndNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	walk, all := section(t, "docs/design.md", "A newcomer's walk"), code(t)
	if hops := len(regexp.MustCompile(`(?m)^\d+\. `).FindAllString(walk, -1)); hops < 5 || hops > 9 {
		t.Errorf("it has %d hops, want at most nine", hops)
	}
	functions := walked.FindAllStringSubmatch(walk, -1)
	if len(functions) < 9 {
		t.Fatalf("it names %v", functions)
	}
	for _, f := range functions {
		if !regexp.MustCompile(`func \(\w+ \*?` + f[1] + f[2] + `\) ` + f[3] + `\(`).MatchString(all) {
			t.Errorf("there is no %s", f[0])
		}
	}
}

func TestTheREADMEIsShort(t *testing.T) {
	t.Parallel()
	if n := strings.Count(document(t, "README.md"), "\n"); n > 150 {
		t.Errorf("the README has %d lines, more than 150", n)
	}
}
