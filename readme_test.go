package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheREADMENamesWhatIsThere(t *testing.T) {
	var code bytes.Buffer
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			text, readErr := os.ReadFile(path)
			code.Write(text)
			return readErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(readme(t), -1) {
		if !strings.Contains(code.String(), "func "+name[1]+"(t *testing.T)") {
			t.Errorf("there is no %s", name[1])
		}
	}
	_, codeMap, _ := strings.Cut(readme(t), "the map of the code")
	codeMap, _, _ = strings.Cut(codeMap, "\n## ")
	for _, file := range regexp.MustCompile("(?m)^\\| `([a-z./, `]+)` \\| ").FindAllStringSubmatch(codeMap, -1) {
		for name := range strings.SplitSeq(strings.ReplaceAll(file[1], "`", ""), ", ") {
			if _, err := os.Stat(name); err != nil {
				t.Errorf("the map names %s: %v", name, err)
			}
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^):]+)\)|src(?:set)?="([^"]+)"`).FindAllStringSubmatch(readme(t), -1) {
		if _, err := os.Stat(link[1] + link[2]); err != nil {
			t.Error(err)
		}
	}
}

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

// proxy starts nginx with the README's example in front of s, and returns its URL.
func proxy(t *testing.T, s *site) string {
	t.Helper()
	nginx := needs(t, "apt-get install nginx-light", "nginx", "/usr/sbin/nginx")
	_, example, _ := strings.Cut(readme(t), "```nginx\n")
	example, _, found := strings.Cut(example, "```")
	port, dir := freePort(t), t.TempDir()
	example = strings.Replace(example, "listen 80;", "listen 127.0.0.1:"+port+";", 1)
	example = strings.Replace(example, "http://127.0.0.1:8080", s.url, 1)
	if !found || !strings.Contains(example, port) || !strings.Contains(example, s.url) {
		t.Fatalf("the README's example has changed: %s", example)
	}
	config := filepath.Join(dir, "nginx.conf")
	text := "daemon off; pid " + dir + "/pid; error_log stderr; events {} http { access_log off; client_body_temp_path " + dir +
		"; proxy_temp_path " + dir + "; fastcgi_temp_path " + dir + "; uwsgi_temp_path " + dir + "; scgi_temp_path " + dir + ";\n" + example + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
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
	eventually(t, "nginx answers", func() bool {
		response, err := client0.Get(url + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	})
	return url
}

func TestNginxAsInTheREADMEHoldsNothingBackAndMayNotWrite(t *testing.T) {
	s := serve(t, "-demo=false")
	behind := &site{node: s.node, t: t, url: proxy(t, s)}
	r := behind.listen("/events/news", "")
	s.waitFor(1)
	for _, data := range []string{"one", "two", "three"} { // each before the next is published
		s.publish("news", data)
		r.want(data)
	}
	response, err := client0.Post(behind.url+"/events/news", "", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusForbidden || !bytes.Contains(body, []byte("-open-publish")) {
		t.Errorf("a write through the proxy: %s %s", response.Status, body)
	}
	r.leave()
	s.waitFor(0)
}
