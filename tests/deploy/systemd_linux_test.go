package deploy

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// installSystemd is how to come by systemd-analyze.
const installSystemd = "apt-get install systemd"

// units are the units' files, with paths that exist here.
func units(t *testing.T, oldnew ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, dir, "iris-broadcast.service", file(t, "systemd/iris-broadcast.service", oldnew...))
	write(t, dir, "iris-broadcast.socket", file(t, "systemd/iris-broadcast.socket"))
	return dir
}

func TestTheUnitsAreCorrectAndExposeLittle(t *testing.T) {
	t.Parallel()
	analyze := harness.Needs(t, installSystemd, "systemd-analyze")
	dir := units(t, "/usr/local/bin/iris-broadcast", harness.Program(t))
	service, socket := dir+"/iris-broadcast.service", dir+"/iris-broadcast.socket"
	if said := output(t, exec.Command(analyze, "verify", service, socket)); said != "" {
		t.Error(said)
	}
	report := output(t, exec.Command(analyze, "security", "--offline=true", "--no-pager", service))
	level := regexp.MustCompile(`exposure level for iris-broadcast.service: ([0-9.]+)`).FindStringSubmatch(report)
	if level == nil {
		t.Fatal(report)
	}
	if exposure, err := strconv.ParseFloat(level[1], 64); err != nil || exposure >= 2 {
		t.Error(report)
	}
}

// examples matches the settings of the example of a settings file, commented out or not.
var examples = regexp.MustCompile(`(?m)^(?:# )?([a-z-]+ = .*)$`)

func TestTheSettingsFileHasSettingsThatTheProgramAccepts(t *testing.T) {
	t.Parallel()
	text := file(t, "systemd/iris-broadcast.conf")
	all := ""
	for _, line := range examples.FindAllStringSubmatch(text, -1) {
		all += line[1] + "\n"
	}
	if !strings.Contains(all, "keep-bytes = ") || !strings.Contains(all, "store = ") {
		t.Fatalf("the examples are %q", all)
	}
	for _, settings := range []string{text, all} {
		path := write(t, t.TempDir(), "iris-broadcast.conf", settings)
		output(t, harness.Command(t, "-config", path, "-version"))
	}
	unit := file(t, "systemd/iris-broadcast.service")
	stop, _ := time.ParseDuration(value(unit, "TimeoutStopSec="))
	delay, _ := time.ParseDuration(value(all, "shutdown-delay = "))
	drain, _ := time.ParseDuration(value(all, "drain = "))
	if least := delay + drain + 5*time.Second; drain == 0 || stop < least {
		t.Errorf("systemd waits %v for the end, which may take more than %v", stop, least)
	}
}

// value is the rest of the line that begins with name.
func value(text, name string) string {
	_, rest, _ := strings.Cut("\n"+text, "\n"+name)
	rest, _, _ = strings.Cut(rest, "\n")
	return rest
}

// service is the unit, installed and started in a machine.
func service(t *testing.T) (*machine, *harness.Server) {
	t.Helper()
	program := harness.Program(t)
	m, port := boot(t), freePort(t)
	m.install("/etc/systemd/system/iris-broadcast.service",
		file(t, "systemd/iris-broadcast.service", "WatchdogSec=30s", "WatchdogSec=1s", "AbortSec=10s", "AbortSec=1s"))
	m.install("/etc/systemd/system/iris-broadcast.socket",
		file(t, "systemd/iris-broadcast.socket", "127.0.0.1:8080", "127.0.0.1:"+port))
	m.install("/etc/iris-broadcast.conf", file(t, "systemd/iris-broadcast.conf"))
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	m.install("/usr/local/bin/iris-broadcast", string(binary))
	m.run("chmod", "755", "/usr/local/bin/iris-broadcast")
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "enable", "--now", "iris-broadcast")
	return m, harness.At(t, "http://127.0.0.1:"+port)
}

// publishing publishes to news, each time over a connection of its own, until stop is called, which returns the data of
// what was acknowledged, in order. Any refusal fails the test.
func publishing(t *testing.T, s *harness.Server) (stop func() []string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: harness.Patience}
	ended := make(chan struct{})
	var running sync.WaitGroup
	var acknowledged []string
	running.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-ended:
				return
			default:
			}
			data := strconv.Itoa(n)
			response, err := client.Post(s.URL+"/events/news", "text/plain", strings.NewReader(data))
			if err != nil {
				t.Errorf("publishing %s: %v", data, err)
				continue
			}
			text, _ := io.ReadAll(response.Body)
			if response.Body.Close(); response.StatusCode != http.StatusCreated {
				t.Errorf("publishing %s: %s %s", data, response.Status, text)
				continue
			}
			acknowledged = append(acknowledged, data)
		}
	})
	return func() []string {
		close(ended)
		running.Wait()
		return acknowledged
	}
}

// following reads news, and resumes where a stream ends, until all of want has come, in order.
func following(t *testing.T, s *harness.Server, lastID string, want func() []string) {
	t.Helper()
	var got []string
	for r := s.Listen("/events/news", lastID); ; {
		m, err := r.Next()
		switch {
		case err != nil:
			r = s.Listen("/events/news", lastID)
			continue
		case m.Type != "":
			t.Fatalf("got %+v after %d events", m, len(got))
		}
		lastID = m.ID
		if got = append(got, m.Data); m.Data != "end" {
			continue
		}
		if want := append(want(), "end"); !equal(got, want) {
			t.Errorf("got %d events, want %d", len(got), len(want))
		}
		return
	}
}

func equal(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func TestUnderSystemdARestartRefusesNobodyAndAHangingServerIsReplaced(t *testing.T) {
	t.Parallel()
	m, s := service(t)
	first := s.Publish("news", "first")
	stop := publishing(t, s)
	var acknowledged []string
	var reading sync.WaitGroup
	reading.Go(func() { following(t, s, first, func() []string { return acknowledged }) })
	main := m.property("MainPID")
	for range 3 {
		m.run("systemctl", "restart", "iris-broadcast.service")
	}
	if again := m.property("MainPID"); again == main || again == "0" {
		t.Errorf("the process is %s after a restart, and was %s", again, main)
	}
	acknowledged = stop()
	s.Publish("news", "end")
	reading.Wait()
	if len(acknowledged) < 10 {
		t.Errorf("only %d events were published meanwhile", len(acknowledged))
	}

	main = m.property("MainPID")
	m.run("systemctl", "reload", "iris-broadcast.service")
	m.run("kill", "-STOP", main)
	harness.Eventually(t, "the watchdog has replaced the process", func() bool {
		return m.property("NRestarts") == "1" && m.property("ActiveState") == "active" && m.property("MainPID") != main
	})
	_, body := s.Do(http.MethodGet, "/metrics", "")
	if !strings.Contains(body, "\nprocess_start_time_seconds ") {
		t.Error("the hardening hides the metrics of the process")
	}
	m.run("iris-broadcast", "backup", "-store", "pebble:/var/lib/iris-broadcast/data", "/run/backup")
	m.run("systemctl", "stop", "iris-broadcast.socket", "iris-broadcast.service")
	if result := m.property("Result") + m.property("ExecMainStatus"); result != "success0" {
		t.Errorf("the service ended with %s", result)
	}
}
