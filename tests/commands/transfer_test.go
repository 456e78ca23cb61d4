package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsExportedIsImportedAsItWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, filepath.Join(dir, "one"))
	first := s.Publish("news", "a \"quoted\" line\nand <another> é \u2028")
	s.Publish("sensors/kitchen", "21")
	if _, err := s.post("/events/sensors/bath?type=warm", "text/plain", "22"); err != nil {
		t.Fatal(err)
	}
	all := do(t, s.store, "export")
	if n := len(parse(t, all)); n != 3 {
		t.Fatalf("%d events: %s", n, all)
	}
	below := parse(t, do(t, s.store, "export", "-topic", "sensors/*", "-since", first))
	if len(below) != 2 || below[0].Data != "21" || below[1].Type != "warm" {
		t.Errorf("of sensors there are %v", below)
	}
	s.Stop()
	if again := do(t, s.store, "export", "-since", "1h"); again != all {
		t.Errorf("without the server there is %s, want %s", again, all)
	}
	two := filepath.Join(dir, "two")
	empty := serve(t, two) // an empty store is as good as none
	empty.Stop()
	r := run(t, strings.NewReader(all), two, "import")
	if r.code != 0 || !strings.HasPrefix(r.out, "Imported 3 events of 3 topics up to ") {
		t.Fatalf("import: %+v", r)
	}
	if again := do(t, two, "export"); again != all {
		t.Errorf("there is %s, want %s", again, all)
	}
	s = serve(t, two)
	if list := s.API("GET", "/events/news?since="+first, ""); list["gap"] == nil {
		t.Errorf("a position of before is proved: %v", list)
	}
	next := s.Publish("news", "goes on")
	if !id(t, below[1].ID).Less(id(t, next)) {
		t.Errorf("%s follows %s", next, below[1].ID)
	}
	if list := s.API("GET", "/events/news?since="+next, ""); list["gap"] != nil {
		t.Errorf("a position of now is not proved: %v", list)
	}
	left, _ := filepath.Glob(two + "?*")
	if len(left) > 0 {
		t.Errorf("there are %q", left)
	}
}

func TestAnImportSaysWhichLineIsWrongAndChangesNothing(t *testing.T) {
	t.Parallel()
	const good = `{"id":"1700000000000-1","topic":"news","type":"","time":"2023-11-14T22:13:20.000Z","data":"x"}` + "\n"
	dir := filepath.Join(t.TempDir(), "store")
	for _, c := range []struct{ line, words string }{
		{"nonsense", "line 3: it is not {"},
		{good, "line 3: the id 1700000000000-1 is not above 1700000000000-1"},
		{`{"id":"1700000000000-2","topic":"$status","data":"x"}`, "line 3: $status is one of the server's own topics"},
		{`{"id":"1700000000000-2","topic":"a//b","data":"x"}`, "line 3: A topic is"},
		{`{"id":"x","topic":"a","data":"x"}`, "line 3: An id is"},
		{`{"id":"1700000000000-2","topic":"a"}`, "line 3: it is not one {"},
		{`{"id":"1700000000000-2","topic":"a","data":""}`, "line 3: The body is the event's data"},
		{`{"id":"1700000000000-2","topic":"a","type":"error","data":"x"}`, "line 3: The types open, error"},
		{`{"id":"1700000000000-2","topic":"a","data":"x","more":1}`, "line 3: it is not {"},
		{`{"id":"1700000000000-2","topic":"a","data":"x"} {}`, "line 3: it is not one {"},
		{`{"id":"1700000000000-2","topic":"a","time":"2023-11-14T22:13:21Z","data":"x"}`, "line 3: the time"},
		{`{"id":"9700000000000-2","topic":"a","data":"x"}`, "line 3: the id 9700000000000-2 is of 2277"},
		{"{\"id\":\"1700000000000-2\",\"topic\":\"a\",\"data\":\"\xff\"}", "line 3: it is not UTF-8"},
	} {
		refused(t, strings.NewReader(good+"\n"+c.line+"\n"), 1, c.words, dir, "import")
		if left, _ := filepath.Glob(dir + "*"); len(left) > 0 {
			t.Fatalf("%s: there are %q", c.line, left)
		}
	}
}

func TestAnExportSaysThatSomethingIsMissing(t *testing.T) {
	t.Parallel()
	dir := store(t, 100, "some")
	r := run(t, nil, dir, "export", "-since", "1000-1")
	said := strings.Contains(r.err, "some events after 1000-1 are missing, on any topic;")
	if r.code != 1 || len(parse(t, r.out)) != 100 || !said {
		t.Errorf("%d, %d lines, %s", r.code, len(parse(t, r.out)), r.err)
	}
}

func TestCommandsSayPolitelyWhatTheyCannotDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := serve(t, filepath.Join(dir, "open"))
	open.Publish("news", "x")
	backup := filepath.Join(dir, "copy")
	do(t, open.store, "backup", backup)
	foreign, file := filepath.Join(dir, "foreign"), filepath.Join(dir, "file")
	for _, err := range []error{os.Mkdir(foreign, 0o700), os.WriteFile(filepath.Join(foreign, "letter"), nil, 0o600),
		os.WriteFile(file, nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	missing := filepath.Join(dir, "missing")
	for _, c := range []struct {
		code         int
		store, words string
		args         []string
	}{
		{1, open.store, "in use by another process", []string{"restore", backup}},
		{1, open.store, "in use by another process", []string{"import"}},
		{1, open.store, "exists already", []string{"backup", backup}},
		{1, open.store, "is inside the store", []string{"backup", filepath.Join(open.store, "copy")}},
		{1, open.store, "the parent folder of the copy", []string{"backup", filepath.Join(missing, "copy")}},
		{1, missing, "there is no store", []string{"backup", filepath.Join(dir, "other")}},
		{1, missing, "there is no store", []string{"check"}},
		{1, missing, "there is no store", []string{"compact"}},
		{1, missing, "there is no store", []string{"topics"}},
		{1, missing, "there is no store", []string{"restore", missing}},
		{1, backup, "has events or comments already", []string{"import"}},
		{1, backup, "is the store itself", []string{"restore", backup}},
		{1, foreign, "holds something other", []string{"restore", backup}},
		{1, foreign, "holds something other", []string{"import"}},
		{1, foreign, "there is no store in the folder", []string{"check"}},
		{1, file, "is not a folder", []string{"restore", backup}},
		{1, missing, "-store memory keeps nothing on disk",
			[]string{"backup", "-store", "memory", backup + "2"}},
		{2, open.store, "the name of a folder is missing", []string{"backup"}},
		{2, open.store, "unexpected argument", []string{"topics", "x"}},
		{2, open.store, "flag provided but not defined: -nonsense", []string{"check", "-nonsense"}},
		{2, open.store, "-since is an id such as", []string{"export", "-since", "soon"}},
		{2, open.store, "A topic is 1 to 256 bytes", []string{"export", "-topic", "a//b"}},
		{2, open.store, "-store: must be pebble:DIR", []string{"topics", "-store", "disk"}},
	} {
		refused(t, strings.NewReader(""), c.code, c.words, c.store, c.args...)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 4 {
		t.Errorf("there are %q", left)
	}
}

func TestDamageIsFoundAndADamagedBackupIsNotRestored(t *testing.T) {
	t.Parallel()
	dir := store(t, 5000, "some")
	backup := filepath.Join(t.TempDir(), "copy")
	do(t, dir, "backup", backup)
	tables, _ := filepath.Glob(filepath.Join(backup, "*.sst"))
	if len(tables) == 0 {
		t.Fatal("there are no tables")
	}
	table, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	table[len(table)/2] ^= 4
	if err := os.WriteFile(tables[0], table, 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, nil, dir, "check", backup)
	told := strings.HasPrefix(r.out, filepath.Base(tables[0])+": ") && strings.Contains(r.err, "damaged in 1 place")
	if r.code != 1 || !told {
		t.Errorf("check: %+v", r)
	}
	want := do(t, dir, "topics", "-json")
	refused(t, nil, 1, "is damaged, and the store is unchanged", dir, "restore", backup)
	refused(t, nil, 1, "the copy is damaged", backup, "backup", backup+"2")
	if got := holds(t, dir); got != want {
		t.Errorf("the store has %s, want %s", got, want)
	}
}

func TestHelpTellsOfEachCommand(t *testing.T) {
	t.Parallel()
	all := do(t, "x", "-h")
	for _, name := range []string{"backup", "restore", "check", "compact", "export", "import", "topics"} {
		if !strings.Contains(all, "\n  "+name+" ") {
			t.Errorf("-h does not tell of %s", name)
		}
		said := do(t, "x", name, "-h")
		if !strings.HasPrefix(said, "iris-broadcast "+name) || !strings.Contains(said, "\n  -store\n") {
			t.Errorf("%s -h says %s", name, said)
		}
	}
}
