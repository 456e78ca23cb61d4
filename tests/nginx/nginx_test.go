// Package nginx tests the server behind a real nginx.
package nginx

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// freePort is a port of this machine that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// proxy starts nginx with the documents' example in front of s, and returns its URL.
func proxy(t *testing.T, s *harness.Server) string {
	t.Helper()
	nginx := harness.Needs(t, "apt-get install nginx-light", "nginx", "/usr/sbin/nginx")
	text, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```nginx\n")
	example, _, found := strings.Cut(example, "```")
	port, dir := freePort(t), t.TempDir()
	example = strings.Replace(example, "listen 80;", "listen 127.0.0.1:"+port+";", 1)
	example = strings.Replace(example, "http://127.0.0.1:8080", s.URL, 1)
	if !found || !strings.Contains(example, port) || !strings.Contains(example, s.URL) {
		t.Fatalf("the documents' example has changed: %s", example)
	}
	config := filepath.Join(dir, "nginx.conf")
	main := "daemon off; pid DIR/pid; error_log stderr; events {} http { access_log off; client_body_temp_path DIR; " +
		"proxy_temp_path DIR; fastcgi_temp_path DIR; uwsgi_temp_path DIR; scgi_temp_path DIR;\n" + example + "}\n"
	main = strings.ReplaceAll(main, "DIR", dir)
	if err := os.WriteFile(config, []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, nginx, "-c", config)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		command.Wait()
	})
	url := "http://127.0.0.1:" + port
	harness.Eventually(t, "nginx answers", func() bool {
		response, err := harness.Client.Get(url + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	})
	return url
}

func TestNginxAsInTheDocumentsHoldsNothingBackAndMayNotWrite(t *testing.T) {
	s := harness.Serve(t, "-demo=false")
	behind := s.At(proxy(t, s))
	r := behind.Listen("/events/news", "")
	for _, data := range []string{"one", "two", "three"} { // each before the next is published
		s.Publish("news", data)
		r.Want(data)
	}
	response, body := behind.Do("POST", "/events/news", "x")
	if response.StatusCode != http.StatusForbidden || !strings.Contains(body, "-open-publish") {
		t.Errorf("a write through the proxy: %s %s", response.Status, body)
	}
	r.Leave()
	s.UntilStreams(0)
}
