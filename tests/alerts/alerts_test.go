package alerts

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"iris-broadcast/tests/harness"
)

// names are the alerts that there are rules for.
func names(t testing.TB) (alerts []string) {
	t.Helper()
	rules := deployed(t, "prometheus/alerts.yml")
	for _, name := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		alerts = append(alerts, name[1])
	}
	return alerts
}

// ofTheMachine are the alerts that a machine busy with other tests causes.
var ofTheMachine = []string{"BroadcastCommitsSlow", "BroadcastDeliverySlow", "BroadcastDown"}

func TestEveryAlertFiresWhenItShouldAndEveryPanelHasData(t *testing.T) {
	t.Parallel()
	var targets []target
	var reserved []net.Listener
	for _, s := range scenarios {
		scheme := "http"
		if s.tls {
			scheme = "https"
		}
		reserved = append(reserved, harness.Reserve(t))
		targets = append(targets, target{reserved[len(reserved)-1].Addr().String(), scheme})
	}
	quiet := harness.Serve(t, "-store", "pebble:"+filepath.Join(t.TempDir(), "data"))
	p := observe(t, append(targets, target{quiet.Host(), "http"}))
	var running sync.WaitGroup // all at once: they wait for Prometheus far more than they compute
	for i, s := range scenarios {
		running.Go(func() {
			t.Run(s.alert, func(t *testing.T) { s.provoke(t, &trouble{p, s.alert, targets[i].Addr, reserved[i]}) })
		})
	}
	running.Go(func() { t.Run("dashboard", func(t *testing.T) { feedThePanels(t, p, quiet) }) })
	running.Wait()
	for _, fired := range p.all(quiet.Host()) {
		if !slices.Contains(ofTheMachine, fired) {
			t.Errorf("%s fired for a server in good health", fired)
		}
	}
}

func TestEveryAlertHasAScenario(t *testing.T) {
	t.Parallel()
	var provoked []string
	for _, s := range scenarios {
		provoked = append(provoked, s.alert)
	}
	if alerts := names(t); !slices.Equal(alerts, provoked) {
		t.Errorf("the alerts are %q, and %q are provoked", alerts, provoked)
	}
}

// panel is a panel of the dashboard.
type panel struct {
	Title   string
	Targets []struct{ Expr string }
}

// queries are the expressions of the dashboard, with a value for each of Grafana's variables, and their panels' titles.
func queries(t *testing.T) map[string]string {
	t.Helper()
	var dashboard struct{ Panels []panel }
	if err := json.Unmarshal([]byte(deployed(t, "grafana/dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "10s", "$instance", ".*")
	titles := map[string]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			titles[variables.Replace(target.Expr)] = panel.Title
		}
	}
	if len(titles) < 20 {
		t.Fatalf("the dashboard asks for %d expressions", len(titles))
	}
	return titles
}

// feedThePanels has a server do what servers do until each expression has a value.
func feedThePanels(t *testing.T, p *prometheus, s *harness.Server) {
	r := s.Listen("/events/news", "")
	empty := queries(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("without data: %q", empty)
		}
	})
	harness.Eventually(t, "every panel has data", func() bool {
		s.Publish("news", "x")
		r.Want("x")
		for expression := range empty {
			if _, found := p.value(expression); !found {
				return false
			}
			delete(empty, expression)
		}
		return true
	})
}

func TestPromtoolAcceptsTheExamplesAndTheMetrics(t *testing.T) {
	t.Parallel()
	promtool, dir := harness.Needs(t, install, "promtool"), filepath.Join(harness.Root(), "deploy", "prometheus")
	_, metrics := harness.ServeTLS(t, "-store", "pebble:"+filepath.Join(t.TempDir(), "data")).Do("GET", "/metrics", "")
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", filepath.Join(dir, "alerts.yml")},
		{"check", "config", "--lint=all", "--lint-fatal", filepath.Join(dir, "prometheus.yml")},
		{"check", "metrics"},
	} {
		check := exec.Command(promtool, args...)
		check.Stdin = strings.NewReader(metrics)
		if said, err := check.CombinedOutput(); err != nil || strings.HasPrefix(args[1], "metrics") && len(said) > 0 {
			t.Errorf("promtool %q: %v\n%s", args, err, said)
		}
	}
}

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	t.Parallel()
	rules := strings.Split(deployed(t, "prometheus/alerts.yml"), "- alert: ")[1:]
	for _, rule := range rules {
		name, _, _ := strings.Cut(rule, "\n")
		for _, want := range []string{"severity: ", "summary: ", "description: "} {
			if !strings.Contains(rule, want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
		runbook := regexp.MustCompile(`runbook: (\S+)#(\S+)`).FindStringSubmatch(rule)
		if runbook == nil {
			t.Errorf("%s has no runbook", name)
			continue
		}
		text, err := os.ReadFile(filepath.Join(harness.Root(), filepath.FromSlash(runbook[1])))
		heading := regexp.MustCompile(`(?im)^## ` + strings.ReplaceAll(runbook[2], "-", " ") + `$`)
		if err != nil || !heading.Match(text) {
			t.Errorf("%s: %s has no section %s (%v)", name, runbook[1], runbook[2], err)
		}
	}
}
