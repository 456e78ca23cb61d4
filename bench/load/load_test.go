package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iris-broadcast/bench/internal/peer"
)

// serve serves h on this machine until the test ends.
func serve(t *testing.T, h http.Handler, start func(*httptest.Server)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	start(server)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func goSSE(t *testing.T) http.Handler {
	t.Helper()
	h, err := peer.GoSSE(1000)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestARunEndsWithATableAReportAndFigures(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){"http": (*httptest.Server).Start,
		"https": (*httptest.Server).StartTLS} {
		t.Run(name, func(t *testing.T) {
			page, figures := filepath.Join(t.TempDir(), "report.html"), filepath.Join(t.TempDir(), "report.json")
			url := serve(t, goSSE(t), start) + "/events/{topic}"
			var out bytes.Buffer
			err := run(t.Context(),
				[]string{url, "-n", "50", "-topics", "5", "-rate", "100", "-for", "1s", "-slow", "5",
					"-storm", "-insecure", "-html", page, "-json", figures}, &out, io.Discard)
			if err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			for _, want := range []string{"50 of 50", "150 events of 100 bytes, 5 topics", "delay p99.9"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing in\n%s", want, &out)
				}
			}
			b, _ := os.ReadFile(page)
			if !bytes.Contains(b, []byte("Every event came once and in order.")) ||
				bytes.Contains(b, []byte("ZgotmplZ")) {
				t.Errorf("the page is not right:\n%.2000s", b)
			}
			var r report
			if b, err = os.ReadFile(figures); err == nil {
				err = json.Unmarshal(b, &r)
			}
			if err != nil || r.Events != 1500 || r.Connected != 50 {
				t.Errorf("%v, %d events to %d clients", err, r.Events, r.Connected)
			}
		})
	}
}

func TestWhatIsMissingEndsARunWithAnError(t *testing.T) {
	// The floor has no history, so that a storm loses what was published meanwhile.
	url := serve(t, peer.Floor(), (*httptest.Server).Start) + "/events/a"
	var out bytes.Buffer
	err := run(t.Context(), []string{"-n", "10", "-for", "1s", "-storm", url}, &out, io.Discard)
	if !errors.Is(err, errWrong) || !strings.Contains(out.String(), "100  <--") {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	plain := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/full" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		io.WriteString(w, "hello")
	}), (*httptest.Server).Start)
	for line, want := range map[string]string{
		"":                                  "want the URL of a stream",
		"-n 0 http://localhost/":            "-n 0: want 1 or more",
		"-size 5 http://localhost/":         "-size 5: want 31",
		"-topics 2 http://localhost/":       "no {topic} in http://localhost/",
		"-slow 3 -n 2 http://localhost/":    "-slow 3: want 0 to -n, which is 2",
		"-rate fast http://localhost/":      "invalid value",
		"localhost:8080":                    "want a URL such as",
		"http://localhost/ http://other/":   "want one URL",
		"-n 100000000 http://localhost/":    "is too many",
		"http://127.0.0.1:1/":               "nothing listens on 127.0.0.1:1",
		plain + "/":                         `Content-Type "text/plain; charset=utf-8"`,
		plain + "/full":                     "it is full, or not ready",
		"https" + plain[len("http"):] + "/": "does not speak TLS: want http://",
	} {
		err := run(context.Background(), strings.Fields(line), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
