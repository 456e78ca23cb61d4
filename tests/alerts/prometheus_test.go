// Package alerts tests what an operator watches: the metrics, the alert rules and the dashboard, with real servers and
// the real Prometheus.
package alerts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const install = "apt-get install prometheus strace"

// deployed returns a file of the folder deploy.
func deployed(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "deploy", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hurried is an example of deploy that needs seconds, not minutes: for the delays of the rules and the intervals of
// Prometheus. Ranges stay long enough for what takes a busy machine many of these intervals.
func hurried(text string) string {
	for pattern, replacement := range map[string]string{
		`\[(\d+)m\]`: "[${1}0s]", `(?m)for: \d+[mh]$`: "for: 1s", `(_interval): 15s`: "$1: 1s"} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, replacement)
	}
	return text
}

// target is a server that Prometheus scrapes.
type target struct{ Addr, Scheme string }

// prometheus is a running Prometheus.
type prometheus struct {
	url string

	mu    sync.Mutex
	fired map[[2]string]bool // alert and instance
}

// observe starts Prometheus with the examples of deploy, hurried, for these targets.
func observe(t *testing.T, targets []target) *prometheus {
	t.Helper()
	path, dir, reserved := harness.Needs(t, install, "prometheus"), t.TempDir(), harness.Reserve(t)
	addr := reserved.Addr().String()
	var list strings.Builder
	for _, target := range targets {
		fmt.Fprintf(&list, "      - {targets: [%q], labels: {__scheme__: %s}}\n", target.Addr, target.Scheme)
	}
	const example = "      - targets: [localhost:8080]\n"
	config := hurried(deployed(t, "prometheus/prometheus.yml"))
	if !strings.Contains(config, example) {
		t.Fatal("the example has changed")
	}
	config = strings.Replace(config, example, list.String()+"    tls_config: {insecure_skip_verify: true}\n", 1)
	for name, text := range map[string]string{
		"prometheus.yml": config, "alerts.yml": hurried(deployed(t, "prometheus/alerts.yml"))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(path, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=warn")
	var said bytes.Buffer
	command.Stderr = &said
	reserved.Close()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &prometheus{url: "http://" + addr, fired: map[[2]string]bool{}}
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(ended)
	}()
	t.Cleanup(func() {
		close(ended)
		<-watched
		command.Process.Signal(syscall.SIGTERM)
		if command.Wait(); t.Failed() {
			t.Logf("Prometheus said:\n%s", said.String())
		}
	})
	return p
}

// watch notes which alerts fire, until ended is closed.
func (p *prometheus) watch(ended <-chan struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		var answer struct {
			Data struct {
				Alerts []struct {
					Labels map[string]string
					State  string
				}
			}
		}
		if p.get("/api/v1/alerts", &answer) != nil {
			continue // it is starting
		}
		p.mu.Lock()
		for _, alert := range answer.Data.Alerts {
			if alert.State == "firing" {
				p.fired[[2]string{alert.Labels["alertname"], alert.Labels["instance"]}] = true
			}
		}
		p.mu.Unlock()
	}
}

func (p *prometheus) get(path string, answer any) error {
	response, err := harness.Client.Get(p.url + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// hasFired says whether an alert has fired for a server.
func (p *prometheus) hasFired(alert, instance string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fired[[2]string{alert, instance}]
}

// all are the alerts that have fired for a server.
func (p *prometheus) all(instance string) (alerts []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for alert := range p.fired {
		if alert[1] == instance {
			alerts = append(alerts, alert[0])
		}
	}
	return alerts
}

// value evaluates an expression and returns one of its values that is a number, if there is any.
func (p *prometheus) value(expression string) (value float64, found bool) {
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if p.get("/api/v1/query?query="+url.QueryEscape(expression), &answer) != nil {
		return 0, false
	}
	for _, sample := range answer.Data.Result {
		text, _ := sample.Value[1].(string)
		if number, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(number) {
			return number, true
		}
	}
	return 0, false
}

// during calls do ten times a second until the alert has fired for that server.
func (p *prometheus) during(t *testing.T, alert, instance string, do func()) {
	t.Helper()
	next := time.Now()
	harness.Eventually(t, alert+" fires", func() bool {
		if now := time.Now(); now.After(next) {
			do()
			next = now.Add(100 * time.Millisecond)
		}
		return p.hasFired(alert, instance)
	})
}
