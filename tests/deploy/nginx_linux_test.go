package deploy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/tests/harness"
)

// proxy is nginx with deploy/nginx/nginx.conf.
type proxy struct {
	url     string
	config  string
	process *os.Process
}

// startNginx starts nginx in front of s.
func startNginx(t *testing.T, s *harness.Server) *proxy {
	t.Helper()
	nginx := harness.Needs(t, "apt-get install nginx-light", "nginx")
	dir, port := t.TempDir(), freePort(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cert, key := harness.Pair(t)
	temporary := "access_log off;"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += fmt.Sprintf(" %s_temp_path %s;", kind, dir)
	}
	user := "user www-data;"
	if os.Geteuid() == 0 {
		user = "user root;" // who may enter the folder
	}
	text := file(t, "nginx/nginx.conf",
		"user www-data;", user, "/run/nginx.pid", dir+"/pid", "http {", "http {\n"+temporary,
		"127.0.0.1:8080", s.Host(), "listen 80", "listen 127.0.0.1:"+freePort(t), "listen [::]:80;", "",
		"listen 443", "listen 127.0.0.1:"+port, "listen [::]:443 ssl http2;", "",
		"shutdown_timeout 10s", "shutdown_timeout 1s",
		"/etc/ssl/certs/broadcast.pem", cert, "/etc/ssl/private/broadcast.key", key)
	p := &proxy{"https://127.0.0.1:" + port, write(t, dir, "nginx.conf", text), nil}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, nginx, "-e", filepath.Join(dir, "errors"), "-g", "daemon off;", "-c", p.config)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p.process = command.Process
	t.Cleanup(func() {
		cancel()
		command.Wait()
		if said, _ := os.ReadFile(filepath.Join(dir, "errors")); t.Failed() {
			t.Logf("nginx said: %.2000s", said)
		}
	})
	client := &http.Client{Transport: harness.TLSTransport(t)}
	defer client.CloseIdleConnections()
	harness.Eventually(t, "nginx answers", func() bool {
		response, err := client.Get(p.url + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	})
	return p
}

// workers are nginx's worker processes.
func (p *proxy) workers(t *testing.T) map[string]bool {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, pid := range strings.Fields(string(children)) {
		all[pid] = true
	}
	return all
}

// subscriber is a client of news through nginx, which resumes where its stream ends.
type subscriber struct {
	client *http.Client
	url    string
	lastID string
	got    int // the data of the last event: they count from 1
	again  int // how often it has resumed
}

// follow reads until the event with the data last; open is called with each stream that opens. A connection that nginx
// closes as a request comes is no answer: browsers try again, and so does it.
func (s *subscriber) follow(ctx context.Context, last int, open func()) error {
	for first := true; s.got < last; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/events/news", nil)
		if err != nil {
			return err
		}
		if request.Header.Set("Accept", "text/event-stream"); s.lastID != "" {
			request.Header.Set("Last-Event-ID", s.lastID)
		}
		response, err := s.client.Do(request)
		if err != nil && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", response.Status)
		}
		if open(); !first {
			s.again++
		}
		first = false
		err = s.read(response.Body, last)
		if response.Body.Close(); err != nil {
			return err
		}
	}
	return nil
}

// read reads events until the last, or until the stream ends.
func (s *subscriber) read(body io.Reader, last int) error {
	for r := sse.NewReader(body); s.got < last; {
		m, err := r.Next()
		if err != nil {
			return nil
		}
		if n, err := strconv.Atoi(m.Data); err != nil || m.Type != "" || n != s.got+1 {
			return fmt.Errorf("got %q %q after %d", m.Type, m.Data, s.got)
		}
		s.got, s.lastID = s.got+1, m.ID
	}
	return nil
}

// transport speaks HTTP/1.1 or HTTP/2, and trusts the proxy's certificate.
func transport(t *testing.T, http2 bool) *http.Transport {
	transport := harness.TLSTransport(t)
	transport.ForceAttemptHTTP2 = http2
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func TestNginxHoldsNothingBackAndMayNotWrite(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	p := startNginx(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	for _, major := range []int{1, 2} {
		client := &http.Client{Transport: transport(t, major == 2)}
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/events/news", nil)
		request.Header.Set("Accept", "text/event-stream")
		response, err := client.Do(request)
		if err != nil || response.ProtoMajor != major {
			t.Fatal(response, err)
		}
		r := sse.NewReader(response.Body)
		for _, data := range []string{"one", "two", "three"} { // each before the next is published
			s.Publish("news", data)
			if m, err := r.Next(); err != nil || m.Data != data {
				t.Fatalf("HTTP/%d: got %q, %v, want %q", major, m.Data, err, data)
			}
		}
		response.Body.Close()
		request, _ = http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/events/news", strings.NewReader("x"))
		request.Host = "localhost"
		written, err := client.Do(request)
		if err != nil || written.StatusCode != http.StatusForbidden {
			t.Fatalf("HTTP/%d: a write through nginx: %v, %v", major, written, err)
		}
		written.Body.Close()
	}
	s.UntilStreams(0)
}

func TestNginxHoldsManyStreamsAndAReloadLosesNothing(t *testing.T) {
	t.Parallel()
	const streams, events = 600, 6
	s := harness.Serve(t, "-demo=false", "-max-streams", "2000")
	p := startNginx(t, s)
	id := s.Publish("news", "0")
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	clients := []*http.Client{{Transport: transport(t, false)}, {Transport: transport(t, true)}}
	var opened, resumed atomic.Int64
	var following sync.WaitGroup
	for n := range streams {
		following.Go(func() {
			follower := subscriber{client: clients[n%2], url: p.url, lastID: id}
			if err := follower.follow(ctx, events, func() { opened.Add(1) }); err != nil {
				t.Errorf("subscriber %d: %v", n, err)
			}
			resumed.Add(int64(follower.again))
		})
	}
	harness.Eventually(t, "all streams are open", func() bool { return s.Streams() == streams || t.Failed() })
	old := p.workers(t)
	s.Append("news", "1", "2")
	output(t, exec.Command("nginx", "-e", "/dev/null", "-c", p.config, "-s", "reload"))
	s.Append("news", "3", "4")
	began := time.Now()
	harness.Eventually(t, "the old workers have ended", func() bool {
		now := p.workers(t)
		for pid := range old {
			if now[pid] {
				return false
			}
		}
		return len(now) > 0
	})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the old workers ended after %v", took)
	}
	s.Append("news", "5", "6")
	following.Wait()
	if again := resumed.Load(); again < streams || opened.Load() != streams+again {
		t.Errorf("%d streams were opened, and %d of them resumed", opened.Load(), again)
	}
}
