package protocol

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestPublishingFollowsTheProtocol(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-max-data", "1KiB", "-max-topics", "3")
	created := map[string]string{"Content-Type": "application/json"}
	problem := map[string]string{"Content-Type": "application/problem+json", "Access-Control-Allow-Origin": "*"}
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	tryAll(t, s, []exchange{
		{"POST /events/news", "hello", 201, created, `","topic":"news"}`},
		{"POST /events/a%2Fb?type=greeting", "hello", 201, created, `","topic":"a/b"}`},
		{"POST /events/a/b?type=message", "hello", 201, created, ""},
		{"POST /events/news" + asForm, "a=b&c", 201, created, ""},
		{"POST /events/news | Content-Type: nonsense", "x", 201, created, ""},
		{"POST /events/news | Accept: text/event-stream", "x", 201, created, ""},
		{"POST /events/news", strings.Repeat("x", 1024), 201, created, ""},

		{"POST /events/news", strings.Repeat("x", 1025), 413, problem, "-max-data"},
		{"POST /events/news", "", 400, problem, "one byte"},
		{"POST /events/news", "\xff\xfe", 400, problem, "UTF-8"},
		{"POST /events/", "x", 400, problem, "256 bytes"},
		{"POST /events/a/", "x", 400, problem, "256 bytes"},
		{"POST /events/*", "x", 400, problem, "256 bytes"},
		{"POST /events/a%0Ab", "x", 400, problem, "256 bytes"},
		{"POST /events/news?type=a%0Ab", "x", 400, problem, "64 bytes"},
		{"POST /events/news?type=%20a", "x", 400, problem, "space"},
		{"POST /events/news?type=" + strings.Repeat("x", 65), "x", 400, problem, "64 bytes"},
		{"POST /events/news?type=open", "x", 400, problem, "open, error, gap, ready, heartbeat"},
		{"POST /events/news?type=error", "x", 400, problem, "open, error, gap"},
		{"POST /events/news?type=gap", "x", 400, problem, "open, error, gap"},
		{"POST /events/news?type=ready", "x", 400, problem, "open, error, gap"},
		{"POST /events/news?type=heartbeat", "x", 400, problem, "open, error, gap"},
		{"POST /events/news?type=%zz", "x", 400, problem, "query"},
		{"POST /events/hello", "x", 403, problem, "Only the server publishes"},
		{"POST /events/time", "x", 403, problem, "Only the server publishes"},
		{"POST /events/ping", "x", 403, problem, "Only the server publishes"},
		{"POST /events/$server", "x", 403, problem, "Only the server publishes"},
		{"POST /events/audits", "x", 403, problem, "POST /api/v1/audits"},
		{"POST /events/comments", "x", 403, problem, "POST /api/v1/comments"},
		{"POST /events/%3Cscript%3E | Accept: text/html", "x", 400, html, "256 bytes"},

		{"POST /events/third", "x", 201, created, ""},
		{"POST /events/fourth", "x", 507, problem, "-max-topics"},
	})
}

func TestAWriteThatIsRefusedIsNotStored(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-max-data", "10")
	head := s.Head()
	tryAll(t, s, []exchange{
		{"POST /events/news | Origin: https://evil.test", "x", 403, nil, ""},
		{"POST /events/news | Host: evil.test", "x", 403, nil, ""},
		{"POST /events/news", strings.Repeat("x", 11), 413, nil, ""},
	})
	conn, answer := s.Raw("POST /events/news HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhal")
	conn.(*net.TCPConn).CloseWrite() // the body never ends
	if response, err := http.ReadResponse(answer, nil); err == nil {
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != 400 || !strings.Contains(string(body), "length") {
			t.Errorf("half a body: %s %s", response.Status, body)
		}
	}
	if s.Head() != head {
		t.Error("a refused write was stored")
	}
}

func TestARequestIsNeverEchoedUnescaped(t *testing.T) {
	t.Parallel()
	s := harness.Shared(t)
	const script = "%3Cscript%3Ealert(1)"
	for _, accept := range []string{"*/*", "text/html"} {
		for _, line := range []string{
			"GET /events/" + script, "PUT /events/" + script, "GET /" + script, "POST /" + script,
			"GET /public/" + script, "GET /events/a?since=" + script, "GET /events/a?last=" + script,
			"GET /events?topic=" + script, "POST /events/a?type=%0A" + script,
		} {
			method, path, _ := strings.Cut(line, " ")
			response, body := s.Do(method, path, "x", "Accept: "+accept)
			if response.StatusCode < 400 || strings.Contains(body, "<script>alert") || strings.Contains(body, script) {
				t.Errorf("%s as %s: %s %s", line, accept, response.Status, body)
			}
		}
	}
}
