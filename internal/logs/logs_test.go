package logs

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kataras/golog"
)

// capture sets the log up and returns what it prints until the test ends.
func capture(t *testing.T, level, format string) (printed func() string) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	SetUp(level, format)
	golog.SetOutput(file)
	t.Cleanup(func() {
		golog.SetOutput(io.Discard)
		file.Close()
	})
	return func() string {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// objects parses lines of JSON.
func objects(t *testing.T, text string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, object)
	}
	return all
}

func TestALineOfTextHasTimeLevelMessageAndFields(t *testing.T) {
	printed := capture(t, "info", "text")
	golog.Warn("It is late", Fields{"by_ms": 12.5, "who": "ann", "why": `no "clock"`, "what": ""})
	want := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} WARN  It is late ` +
		`by_ms=12.5 what="" who=ann why="no \\"clock\\""\n$`)
	if got := printed(); !want.MatchString(got) {
		t.Errorf("printed %q", got)
	}
}

func TestALineOfJSONHasTimeLevelMessageAndFields(t *testing.T) {
	printed := capture(t, "info", "json")
	before := time.Now().Truncate(time.Millisecond)
	golog.Errorf("%d%% of it", 50, Fields{"count": 3, "peer": netip.MustParseAddr("::1"), "error": errors.New("late")})
	got := objects(t, printed())[0]
	at, err := time.Parse("2006-01-02T15:04:05.000Z", got["time"].(string))
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("it is from %v, %v", got["time"], err)
	}
	delete(got, "time")
	encoded, _ := json.Marshal(got)
	want := `{"count":3,"error":"late","level":"error","message":"50% of it","peer":"::1"}`
	if string(encoded) != want {
		t.Errorf("printed %s, want %s", encoded, want)
	}
}

func TestNothingBreaksALine(t *testing.T) {
	nasty := []string{"a\nb", "\r", "\x00", "\x1b[31m", "\u2028", "\xff", "\x7f"}
	for format, check := range map[string]func(string){
		"text": func(got string) {
			for _, n := range nasty[1:] {
				if strings.Contains(got, n) {
					t.Errorf("%q is printed as it is", n)
				}
			}
		},
		"json": func(got string) {
			if last := objects(t, got)[2*len(nasty)]; last["level"] != "info" {
				t.Errorf("without a level it is %v", last)
			}
		},
	} {
		printed := capture(t, "info", format)
		for _, n := range nasty {
			golog.Info("odd: " + n)
			golog.Info("fields", Fields{"a": n, "b": []string{n}, "c": math.NaN(), "d": func() {}, "e": nil})
		}
		golog.Print("without a level")
		if got := printed(); strings.Count(got, "\n") != 2*len(nasty)+1 {
			t.Errorf("%d lines are %q", 2*len(nasty)+1, got)
		} else {
			check(got)
		}
	}
}

func TestWhatGoItselfLogsGoesTheSameWay(t *testing.T) {
	printed := capture(t, "info", "json")
	log.Printf("http: superfluous call")
	slog.Error("odd", "n", 1)
	got := objects(t, printed())
	if len(got) != 2 || got[0]["message"] != "http: superfluous call" || got[1]["message"] != "ERROR odd n=1" {
		t.Errorf("printed %v", got)
	}
}

func TestACopyOfTheLoggerGoesTheSameWay(t *testing.T) { // Iris makes one
	printed := capture(t, "info", "json")
	golog.Child("iris").Warn("odd")
	if got := objects(t, printed()); len(got) != 1 || got[0]["message"] != "odd" {
		t.Errorf("printed %v", got)
	}
}

func TestTheSettingsMayChangeWhileThereIsLogging(t *testing.T) {
	printed := capture(t, "warn", "text")
	golog.Info("not yet")
	var logging sync.WaitGroup
	for range 4 {
		logging.Go(func() {
			for range 100 {
				golog.Error("error")
			}
		})
	}
	for range 50 {
		SetUp("error", "json")
		SetUp("debug", "text")
	}
	logging.Wait()
	golog.Debug("now")
	got := printed()
	if strings.Contains(got, "not yet") || !strings.Contains(got, "DEBUG now\n") || strings.Count(got, "\n") != 401 {
		t.Errorf("printed %d lines: %.200s", strings.Count(got, "\n"), got)
	}
	if !Enabled(golog.DebugLevel) {
		t.Error("debug is not enabled")
	}
}

func TestTheErrorThatEndsTheProcessIsLogged(t *testing.T) {
	printed := capture(t, "error", "json")
	Failed(errors.New("the port is in use; try 100%d"))
	if got := objects(t, printed()); len(got) != 1 || got[0]["message"] != "the port is in use; try 100%d" {
		t.Errorf("printed %v", got)
	}
}
