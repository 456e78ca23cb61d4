package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// samples are one a second, with memory as the function of the second says, in MiB.
func samples(seconds int, memory func(second int) float64) (all []Sample) {
	for second := range seconds {
		all = append(all, Sample{At: float64(second), Memory: memory(second) * mib})
	}
	return all
}

func TestOnlyWhatGrowsAfterTheWarmUpFails(t *testing.T) {
	memory := quantities[0]
	for name, c := range map[string]struct {
		seconds int
		curve   func(int) float64
		grew    bool
	}{
		"flat":                         {400, func(int) float64 { return 300 }, false},
		"a warm-up":                    {400, func(s int) float64 { return float64(min(3*s, 300)) }, false},
		"a saw":                        {400, func(s int) float64 { return 300 + float64(s%20) }, false},
		"a peak":                       {400, func(s int) float64 { return 300 + 1000*float64(s/390) }, false},
		"less than slack on a little":  {400, func(s int) float64 { return 10 + float64(s)/40 }, false},
		"a tenth on much":              {400, func(s int) float64 { return 300 + float64(s)/8 }, false},
		"a leak":                       {400, func(s int) float64 { return 300 + float64(s)/4 }, true},
		"a leak of a little":           {400, func(s int) float64 { return 10 + float64(s)/20 }, true},
		"a step in the last quarter":   {400, func(s int) float64 { return 300 + 100*float64(s/300) }, true},
		"no samples":                   {0, nil, true},
		"samples that end before time": {250, func(int) float64 { return 300 }, true},
	} {
		if v := memory.judge(samples(c.seconds, c.curve), 400); v.Grew != c.grew {
			t.Errorf("%s: %+v, want grew %v", name, v, c.grew)
		}
	}
}

func TestALossAFaultAGrowthOrANothingFails(t *testing.T) {
	for name, r := range map[string]Result{
		"missing":      {Missing: 1},
		"doubled":      {Doubled: 1},
		"out of order": {Reordered: 1},
		"gap":          {Gaps: 1},
		"fault":        {Faults: []string{"1 × 500"}},
		"never done":   {Happened: []Fact{{"backups", 0, true}}},
		"growth":       {Verdicts: []Verdict{{Grew: true}}},
	} {
		if (&Report{Results: []Result{{}, r}}).Right() {
			t.Errorf("%s passes", name)
		}
	}
	if !(&Report{Results: []Result{{}}}).Right() {
		t.Error("a run without any of these fails")
	}
}

// temporary has Run put its files into a folder of the test, which must be empty again at the end.
func temporary(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

// program builds the server.
func program(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "iris-broadcast")
	if err := build(t.Context(), binary); err != nil {
		t.Fatal(err)
	}
	return binary
}

func TestAShortSoakLosesNothingAndReports(t *testing.T) {
	if testing.Short() {
		t.Skip("runs two servers for some seconds")
	}
	binary, page, figures := program(t), filepath.Join(t.TempDir(), "page"), filepath.Join(t.TempDir(), "figures")
	temporary(t)
	var out bytes.Buffer
	err := Run(t.Context(), []string{"-for", "8s", "-binary", binary, "-html", page, "-json", figures}, &out,
		io.Discard)
	if err != nil && !errors.Is(err, errFailed) { // in seconds a server does not get warm: it may have grown
		t.Fatal(err)
	}
	var r Report
	b, err := os.ReadFile(figures)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil || len(r.Results) != len(kinds) {
		t.Fatalf("%v, %d results", err, len(r.Results))
	}
	for _, one := range r.Results {
		if one.Missing+one.Doubled+one.Reordered+one.Gaps > 0 || len(one.Faults) > 0 || len(one.Samples) < 6 {
			t.Errorf("%s: faults %q, %d samples\n%s", one.Server, one.Faults, len(one.Samples), &out)
		}
		for _, f := range one.Facts() {
			if f.Bad {
				t.Errorf("%s: %s: %v", one.Server, f.Name, f.Number)
			}
		}
	}
	b, err = os.ReadFile(page)
	if err != nil || !bytes.Contains(b, []byte("<svg")) || bytes.Contains(b, []byte("ZgotmplZ")) {
		t.Errorf("the page is not right: %v\n%.2000s", err, b)
	}
}

// onceBusy is a run's progress; it is called once that shows that the servers are busy.
type onceBusy func()

func (f onceBusy) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("goroutines")) {
		f()
	}
	return len(b), nil
}

// running are the processes of a program.
func running(binary string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil && strings.HasPrefix(exe, binary) {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestAnInterruptedSoakLeavesNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("runs two servers for some seconds")
	}
	binary := program(t)
	temporary(t)
	ctx, end := context.WithCancel(t.Context())
	err := Run(ctx, []string{"-for", "1m", "-binary", binary}, io.Discard, onceBusy(end))
	if err == nil || !strings.Contains(err.Error(), "interrupted after") {
		t.Errorf("%v", err)
	}
	if pids := running(binary); pids != nil {
		t.Errorf("processes %v still run", pids)
	}
}

func TestAServerThatEndsByItselfEndsTheSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("runs two servers for some seconds")
	}
	binary := program(t)
	temporary(t)
	err := Run(t.Context(), []string{"-for", "1m", "-binary", binary}, io.Discard, onceBusy(func() {
		for _, pid := range running(binary) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}))
	if err == nil || !strings.Contains(err.Error(), "ended by itself: signal: killed") {
		t.Errorf("%v", err)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	temporary(t)
	for line, want := range map[string]string{
		"-for 1s":                "want 6s or more",
		"-for long":              "invalid value",
		"http://localhost":       `unexpected "http://localhost"`,
		"-binary /bin/false":     "it ended at once",
		"-binary /does/not/be/x": "no such file",
	} {
		err := Run(t.Context(), strings.Fields(line), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
