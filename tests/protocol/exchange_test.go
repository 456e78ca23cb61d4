// Package protocol tests the HTTP face: what each address answers to whom.
package protocol

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// exchange is one rule of the HTTP face: a request, and what is fixed about its answer.
type exchange struct {
	request string            // method, path, and after " | " headers as Name: value, with " | " between them
	body    string            // of the request
	status  int               // of the answer
	headers map[string]string // of the answer; "" means that it must not be there
	says    string            // a part of the answer's body
}

// problem is what errors have in common.
var problem = map[string]string{"Content-Type": "application/problem+json"}

// Parts of requests.
const (
	asList = " | Accept: application/json"
	asForm = " | Content-Type: application/x-www-form-urlencoded"
)

// tryAll sends the requests to s in order and compares the answers.
func tryAll(t *testing.T, s *harness.Server, exchanges []exchange) {
	t.Helper()
	for _, e := range exchanges {
		e.try(t, s)
	}
}

func (e exchange) try(t *testing.T, s *harness.Server) {
	t.Helper()
	parts := strings.Split(e.request, " | ")
	method, path, _ := strings.Cut(parts[0], " ")
	response := s.Ask(method, path, e.body, parts[1:]...)
	defer response.Body.Close()
	if response.StatusCode != e.status {
		t.Errorf("%s: status %d, want %d", e.request, response.StatusCode, e.status)
	}
	for name, want := range e.headers {
		if got := strings.Join(response.Header.Values(name), ", "); got != want {
			t.Errorf("%s: %s is %q, want %q", e.request, name, got, want)
		}
	}
	body := beginning(response)
	if !strings.Contains(body, e.says) {
		t.Errorf("%s: says %q, want %q in it", e.request, body, e.says)
	}
	probe := path == "/readyz" || path == "/healthz" // these have a body of their own, HEAD has none
	if response.StatusCode < 400 || method == http.MethodHead || probe {
		return
	}
	switch kind := response.Header.Get("Content-Type"); {
	case kind == "application/problem+json":
		var p struct {
			Title, Detail string
			Status        int
		}
		err := json.Unmarshal([]byte(body), &p)
		if err != nil || p.Status != e.status || p.Title != http.StatusText(e.status) || p.Detail == "" {
			t.Errorf("%s: %q is no problem details of %d", e.request, body, e.status)
		}
	case !strings.Contains(e.request, "text/html"):
		t.Errorf("%s: an error of type %q", e.request, kind)
	}
}

// beginning is the body; of an endless stream, its first block.
func beginning(response *http.Response) string {
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		body, _ := io.ReadAll(response.Body)
		return string(body)
	}
	var block strings.Builder
	lines := bufio.NewReader(response.Body)
	for line := ""; line != "\n"; {
		var err error
		if line, err = lines.ReadString('\n'); err != nil {
			break
		}
		block.WriteString(line)
	}
	return block.String()
}

// gap is what a list says of events that it cannot have.
type gap struct {
	Since, Oldest string
	Topics        []string
}

// list fetches a list, and returns its events' data and where to continue.
func list(t *testing.T, s *harness.Server, path string) (data []string, next string, missing *gap) {
	t.Helper()
	_, body := s.Do(http.MethodGet, path, "", "Accept: application/json")
	var answer struct {
		Events []struct{ Data string }
		Next   string
		Gap    *gap
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Events == nil {
		t.Fatalf("%s: %s: %v", path, body, err)
	}
	for _, e := range answer.Events {
		data = append(data, e.Data)
	}
	return data, answer.Next, answer.Gap
}
