package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPublishingFollowsTheProtocol(t *testing.T) {
	s := serve(t, "-max-data", "1KiB", "-max-topics", "3")
	created := map[string]string{"Content-Type": "application/json"}
	problem := map[string]string{"Content-Type": "application/problem+json", "Access-Control-Allow-Origin": "*"}
	for _, e := range []exchange{
		{"POST /events/news", "hello", 201, created, `","topic":"news"}`},
		{"POST /events/a%2Fb?type=greeting", "hello", 201, created, `","topic":"a/b"}`},
		{"POST /events/a/b?type=message", "hello", 201, created, ""},
		{"POST /events/news | Content-Type: application/x-www-form-urlencoded", "a=b&c", 201, created, ""},
		{"POST /events/news | Content-Type: nonsense", "x", 201, created, ""},
		{"POST /events/news | Accept: text/event-stream", "x", 201, created, ""},
		{"POST /events/news", strings.Repeat("x", 1024), 201, created, ""},

		{"POST /events/news", strings.Repeat("x", 1025), 413, problem, "An event's data is at most 1024 bytes here; -max-data sets the limit."},
		{"POST /events/news", "", 400, problem, "send at least one byte"},
		{"POST /events/news", "\xff\xfe", 400, problem, "send valid UTF-8"},
		{"POST /events/", "x", 400, problem, "A topic is"},
		{"POST /events/a/", "x", 400, problem, "A topic is"},
		{"POST /events/*", "x", 400, problem, "A topic is"},
		{"POST /events/a%0Ab", "x", 400, problem, "A topic is"},
		{"POST /events/news?type=a%0Ab", "x", 400, problem, "A type is at most 64 bytes"},
		{"POST /events/news?type=%20a", "x", 400, problem, "no space at either end"},
		{"POST /events/news?type=" + strings.Repeat("x", 65), "x", 400, problem, "A type is"},
		{"POST /events/news?type=open", "x", 400, problem, "The types open, error, gap, ready, heartbeat are taken"},
		{"POST /events/news?type=error", "x", 400, problem, "are taken"},
		{"POST /events/news?type=gap", "x", 400, problem, "are taken"},
		{"POST /events/news?type=ready", "x", 400, problem, "are taken"},
		{"POST /events/news?type=heartbeat", "x", 400, problem, "are taken"},
		{"POST /events/news?type=%zz", "x", 400, problem, "The query is malformed"},
		{"POST /events/hello", "x", 403, problem, "Only the server publishes to this topic. It is a built-in demo"},
		{"POST /events/time", "x", 403, problem, "Only the server publishes"},
		{"POST /events/ping", "x", 403, problem, "Only the server publishes"},
		{"POST /events/audits", "x", 403, problem, "to add a record, POST /api/v1/audits."},
		{"POST /events/comments", "x", 403, problem, "to comment, POST /api/v1/comments."},
		{"POST /events/$server", "x", 403, problem, "Only the server publishes"},
		{"POST /events/%3Cscript%3E | Accept: text/html", "x", 400, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "A topic is"},

		{"POST /events/third", "x", 201, created, ""},
		{"POST /events/fourth", "x", 507, problem, "as many topics as -max-topics allows (3)"},
	} {
		e.try(t, s)
	}
}

func TestOnlyThisMachineWritesUntilTheServerIsOpened(t *testing.T) {
	const refused = "-open-publish"
	for _, open := range []bool{false, true} {
		var args []string
		if open {
			args = append(args, "-open-publish")
		}
		s := serve(t, args...)
		port := s.url[strings.LastIndex(s.url, ":"):]
		for host, local := range map[string]bool{
			"localhost": true, "localhost" + port: true, "LOCALHOST": true, "127.0.0.1": true, "127.0.0.1" + port: true, "[::1]": true, "[::1]:80": true,
			"evil.test": false, "localhost.evil.test": false, "127.0.0.2": false, "evil.test" + port: false,
		} {
			e := exchange{"POST /events/news | Host: " + host, "x", 201, nil, `"topic":"news"`}
			if !local && !open {
				e.status, e.says = 403, refused
			}
			e.try(t, s)
			exchange{"GET /events/news | Host: " + host, "", 200, nil, "id: "}.try(t, s)
		}
		for _, header := range []string{"Forwarded: for=1.2.3.4", "Via: 1.1 proxy", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "x-forwarded-whatever: x"} {
			e := exchange{"POST /events/news | Host: localhost | " + header, "x", 201, nil, `"topic":"news"`}
			if !open {
				e.status, e.says = 403, refused
			}
			e.try(t, s)
		}
	}
}

func TestAPeerFromElsewhereMayNotWrite(t *testing.T) {
	s := serve(t)
	for peer, status := range map[string]int{
		"127.0.0.1:5": 201, "127.9.9.9:5": 201, "[::1]:5": 201, "[::ffff:127.0.0.1]:5": 201,
		"192.0.2.1:5": 403, "[2001:db8::1]:5": 403, "10.0.0.1:5": 403, "[::ffff:192.0.2.1]:5": 403, "": 403,
	} {
		request := httptest.NewRequest(http.MethodPost, "http://localhost/events/news", strings.NewReader("x"))
		request.RemoteAddr = peer
		answer := httptest.NewRecorder()
		s.server.Handler.ServeHTTP(answer, request)
		if answer.Code != status {
			t.Errorf("a peer at %q gets %d %s, want %d", peer, answer.Code, answer.Body, status)
		}
	}
}

func TestOriginsByDefault(t *testing.T) {
	s := serve(t)
	anyOrigin := map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": ""}
	for _, e := range []exchange{
		{"GET /events/news | Origin: https://evil.test", "", 200, anyOrigin, "id: "},
		{"GET /events/news | Origin: null", "", 200, anyOrigin, "id: "},
		{"GET /events/news | Origin: https://evil.test" + asList, "", 200, anyOrigin, "events"},
		{"POST /events/news | Host: localhost:1 | Origin: http://localhost:1", "x", 201, anyOrigin, ""},
		{"POST /events/news | Sec-Fetch-Site: same-origin | Origin: http://127.0.0.1", "x", 201, anyOrigin, ""},
		{"POST /events/news | Sec-Fetch-Site: none", "x", 201, anyOrigin, ""},
		{"POST /events/news | Origin: https://evil.test", "x", 403, anyOrigin, "add this one to -cors-origins"},
		{"POST /events/news | Origin: null", "x", 403, anyOrigin, "-cors-origins"},
		{"POST /events/news | Sec-Fetch-Site: cross-site", "x", 403, anyOrigin, "-cors-origins"},
		{"POST /events/news | Sec-Fetch-Site: same-site", "x", 403, anyOrigin, "-cors-origins"},
	} {
		e.try(t, s)
	}
}

func TestOriginsByName(t *testing.T) {
	s := serve(t, "-cors-origins", "https://app.test, http://localhost:3000")
	named := map[string]string{"Access-Control-Allow-Origin": "https://app.test", "Vary": "Origin, Accept"}
	for _, e := range []exchange{
		{"GET /events/news | Origin: https://app.test", "", 200, named, "id: "},
		{"GET /events/news | Origin: http://localhost:3000", "", 200, map[string]string{"Access-Control-Allow-Origin": "http://localhost:3000"}, "id: "},
		{"GET /events/news", "", 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin, Accept"}, "id: "},
		{"GET /events/news | Host: localhost:1 | Origin: http://localhost:1", "", 200, nil, "id: "},
		{"POST /events/news | Origin: https://app.test | Sec-Fetch-Site: cross-site", "x", 201, map[string]string{"Access-Control-Allow-Origin": "https://app.test"}, ""},
		{"GET /events/news | Origin: https://evil.test", "", 403, map[string]string{"Access-Control-Allow-Origin": "https://evil.test", "Vary": "Origin"}, "-cors-origins"},
		{"GET /events/news | Origin: null", "", 403, map[string]string{"Access-Control-Allow-Origin": "null"}, "-cors-origins"},
		{"GET / | Origin: https://app.test.evil.test", "", 403, nil, "-cors-origins"},
		{"POST /events/news | Origin: https://evil.test", "x", 403, map[string]string{"Access-Control-Allow-Origin": "https://evil.test"}, "-cors-origins"},
		{"POST /events/news", "x", 201, nil, ""},
	} {
		e.try(t, s)
	}
}

func TestPreflightsAreCachedForAnHour(t *testing.T) {
	for _, args := range [][]string{{}, {"-cors-origins", "https://app.test"}} {
		s := serve(t, args...)
		exchange{"OPTIONS /events/news | Origin: https://app.test | Access-Control-Request-Method: POST", "", 204, map[string]string{
			"Access-Control-Allow-Headers": "Content-Type, Last-Event-ID, Cache-Control, Authorization",
			"Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
			"Access-Control-Max-Age":       "3600",
		}, ""}.try(t, s)
	}
}

func TestAWriteThatIsRefusedIsNotStored(t *testing.T) {
	s := serve(t, "-max-data", "10")
	head, _ := s.log.Head(t.Context())
	for _, e := range []exchange{
		{"POST /events/news | Origin: https://evil.test", "x", 403, nil, ""},
		{"POST /events/news | Host: evil.test", "x", 403, nil, ""},
		{"POST /events/news", strings.Repeat("x", 11), 413, nil, ""},
	} {
		e.try(t, s)
	}
	conn, answer := s.raw("POST /events/news HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhal")
	conn.(*net.TCPConn).CloseWrite() // the body never ends
	if response, err := http.ReadResponse(answer, nil); err == nil {
		if body, _ := io.ReadAll(response.Body); response.StatusCode != 400 || !strings.Contains(string(body), "ended before its announced length") {
			t.Errorf("half a body: %s %s", response.Status, body)
		}
	}
	if now, _ := s.log.Head(t.Context()); now != head {
		t.Error("a refused write was stored")
	}
}

func TestARequestIsNeverRepeatedUnescaped(t *testing.T) {
	s := serve(t)
	for _, accept := range []string{"", " | Accept: text/html"} {
		const script = "%3Cscript%3Ealert(1)"
		for _, line := range []string{"GET /events/" + script, "PUT /events/" + script, "GET /" + script, "POST /" + script, "GET /public/" + script,
			"GET /events/a?since=" + script, "GET /events/a?last=" + script, "GET /events?topic=" + script, "POST /events/a?type=%0A" + script} {
			method, path, _ := strings.Cut(line, " ")
			request, _ := http.NewRequest(method, s.url+path, strings.NewReader("x"))
			request.Header.Set("Accept", strings.TrimPrefix(accept, " | Accept: "))
			response, err := client0.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if strings.Contains(string(body), "<script>alert") || strings.Contains(string(body), script) || response.StatusCode < 400 {
				t.Errorf("%s%s: %s %s", line, accept, response.Status, body)
			}
		}
	}
}

func TestSmallRetentionStillTakesEvents(t *testing.T) {
	s := serve(t, "-keep-events", "1")
	r := s.listen("/events/news", "")
	s.waitFor(1)
	for range 3 {
		s.publish("news", "x")
	}
	r.want("x", "x", "x")
	if data, _, _ := s.list("/events/news?since=all"); len(data) != 1 {
		t.Errorf("%d events kept, want 1", len(data))
	}
}
