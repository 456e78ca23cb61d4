package config

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFlagWinsOverTheEnvironmentAndThatOverTheFile(t *testing.T) {
	path := settingsFile(t, "# what we keep\n\nkeep-age = 1h\n keep-events=7 \nmax-topics = 5\ndemo = false\n")
	t.Setenv("BROADCAST_CONFIG", path)
	t.Setenv("BROADCAST_KEEP_EVENTS", "8")
	t.Setenv("BROADCAST_MAX_TOPICS", "6")
	s, err := Parse([]string{"-max-topics", "9", "-demo"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if s.KeepAge != time.Hour || s.KeepEvents != 8 || s.MaxTopics != 9 || !s.Demo || s.Retry != 2*time.Second {
		t.Errorf("got %+v", s)
	}
	t.Setenv("BROADCAST_CONFIG", "/nowhere")
	if s, err = Parse([]string{"-demo=false", "-config", path}, io.Discard); err != nil || s.KeepAge != time.Hour {
		t.Errorf("-config: %+v, %v", s, err)
	}
}

func TestASettingsFileMayComeFromWindows(t *testing.T) {
	path := settingsFile(t, "\ufeff# what we keep\r\nkeep-age = 1h\r\n\r\nlog-format = json\r\n")
	s, err := Parse([]string{"-config", path}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if s.KeepAge != time.Hour || s.LogFormat != "json" {
		t.Errorf("got %+v", s)
	}
}

func TestWhatIsNoSettingIsRefusedWithTheNearestName(t *testing.T) {
	for text, want := range map[string]string{
		"keep-evnets = 3":            ":1: keep-evnets is not a setting; did you mean keep-events?",
		"\n# x\nport = 80":           ":3: port is not a setting; did you mean",
		"demo":                       `:1: "demo" must be name = value`,
		"demo = maybe":               ":1: demo=\"maybe\": must be true or false",
		"demo = true\ndemo = false":  ":2: demo is set already, in line 1",
		"BROADCAST_MAX_DATA = 1MiB":  ":1: BROADCAST_MAX_DATA is not a setting; did you mean max-data?",
		"config = other":             ":1: config is not a setting of this file",
		"max-data=2MiB\nkeep-age=1h": "-max-pending must be at least -max-data",
	} {
		_, err := Parse([]string{"-config", settingsFile(t, text)}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want … %s", text, err, want)
		}
	}
	if _, err := Parse([]string{"-config", "/nowhere"}, io.Discard); err == nil {
		t.Error("a settings file that is not there is ignored")
	}
	for _, name := range []string{"VERSION", "SERVICE_HOST", "PORT", "PORT_80_TCP_ADDR", "BLUE_SERVICE_PORT_HTTP"} {
		t.Setenv("BROADCAST_"+name, "the image's or Kubernetes' own")
	}
	if _, err := Parse(nil, io.Discard); err != nil {
		t.Error(err)
	}
	t.Setenv("BROADCAST_OPEN_PUBLSH", "true")
	_, err := Parse(nil, io.Discard)
	if err == nil || err.Error() != "BROADCAST_OPEN_PUBLSH is not a setting; did you mean BROADCAST_OPEN_PUBLISH?" {
		t.Error(err)
	}
}
