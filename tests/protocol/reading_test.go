package protocol

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

func TestReadingFollowsTheProtocol(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	first := s.Publish("a/b", "first")
	stream := map[string]string{
		"Content-Type":                     "text/event-stream; charset=utf-8",
		"Cache-Control":                    "no-store, no-transform",
		"X-Accel-Buffering":                "no",
		"Vary":                             "Accept",
		"Content-Encoding":                 "",
		"Access-Control-Allow-Origin":      "*",
		"Access-Control-Allow-Credentials": "",
	}
	list := map[string]string{"Content-Type": "application/json", "Vary": "Accept"}
	now := ": iris-broadcast\nid: " + first + "\n\n"
	fromFirst := "id: " + harness.Before(t, first)
	one := `{"events":[{"id":"` + first + `","topic":"a/b","type":"","time":"`
	tryAll(t, s, []exchange{
		{"GET /events", "", 200, stream, now},
		{"GET /events | Accept-Encoding: gzip, br", "", 200, stream, now},
		{"GET /events | Accept: */*", "", 200, stream, now},
		{"GET /events | Accept: text/html,*/*;q=0.8", "", 200, stream, now},
		{"GET /events | Accept: application/json, text/event-stream", "", 200, stream, now},
		{"GET /events | Accept: application/json | Accept: Text/Event-Stream;q=0.1", "", 200, stream, now},
		{"GET /events/a/b", "", 200, stream, now},
		{"GET /events/a%2Fb?since=all", "", 200, stream, fromFirst},
		{"GET /events?topic=a%2Fb&topic=*&topic=x/*&unknown=1", "", 200, stream, now},
		{"GET /events/$server", "", 200, stream, ": iris-broadcast\nid: "},
		{"GET /events/$server" + asList, "", 200, list, `"next":"`},
		{"GET /events?topic=$server&topic=a/b", "", 400, problem, "a log of their own"},
		{"GET /events?topic=$server/*&topic=*", "", 400, problem, "a log of their own"},
		{"GET /events/a/b?envelope=1", "", 200, stream, now},
		{"GET /events/a/b?last=1000", "", 200, stream, fromFirst},
		{"GET /events/a/b?since=10m", "", 200, stream, fromFirst},
		{"GET /events/a/b?since=" + first, "", 200, stream, now},
		{"HEAD /events", "", 200, stream, ""},
		{"HEAD /events/a..b?topic", "", 400, nil, ""},
		{"GET /events" + asList, "", 200, list, `{"events":[],"next":"` + first + `"}`},
		{"GET /events/a/b" + asList, "", 200, list, one},
		{"GET /events/a/b | Accept: text/plain, application/json;q=0.5", "", 200, list,
			`"data":"first"}],"next":"` + first + `"}`},
		{"HEAD /events/a/b" + asList, "", 200, list, ""},
		{"GET /events/a/b | Last-Event-ID: " + first + asList, "", 200, list, one},
	})
	harness.Eventually(t, "the streams have ended", func() bool { return s.Streams() == 0 })
}

func TestHEADOpensNoStream(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	conn, answers := s.Raw("HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n" +
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") // on the same connection, which a stream would keep
	conn.SetDeadline(time.Now().Add(harness.Patience))
	head, err := http.ReadResponse(answers, &http.Request{Method: http.MethodHead})
	if err != nil || head.StatusCode != http.StatusOK {
		t.Fatalf("HEAD: %+v, %v", head, err)
	}
	next, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("what follows the header is no answer: %v", err)
	}
	if body, err := io.ReadAll(next.Body); err != nil || !strings.Contains(string(body), `"streams":0`) {
		t.Errorf("then the server says %s, %v", body, err)
	}
}

func TestAnInvalidReadIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	tryAll(t, harness.Shared(t), []exchange{
		{"GET /events/", "", 400, problem, "256 bytes"},
		{"GET /events/a/", "", 400, problem, "256 bytes"},
		{"GET /events/a//b", "", 400, problem, "256 bytes"},
		{"GET /events/a/%2e%2e/b", "", 400, problem, "256 bytes"},
		{"GET /events/a%20b", "", 400, problem, "256 bytes"},
		{"GET /events/*", "", 400, problem, "256 bytes"},
		{"GET /events/%3Cscript%3E", "", 400, problem, "256 bytes"},
		{"GET /events/" + strings.Repeat("x", 257), "", 400, problem, "256 bytes"},
		{"GET /events?topic=a*", "", 400, problem, "pattern"},
		{"GET /events?topic=", "", 400, problem, "256 bytes"},
		{"GET /events?topic=a" + strings.Repeat("&topic=a", 100), "", 400, problem, "101"},
		{"GET /events/a?topic=b", "", 400, problem, "topic="},
		{"GET /events/a?since=all&last=1", "", 400, problem, "not both"},
		{"GET /events/a?since=yesterday", "", 400, problem, "1763676000000-3"},
		{"GET /events/a?since=-1m", "", 400, problem, "1763676000000-3"},
		{"GET /events/a?last=0", "", 400, problem, "1 to 1000"},
		{"GET /events/a?last=1001" + asList, "", 400, problem, "1 to 1000"},
		{"GET /events/a?limit=1001" + asList, "", 400, problem, "1 to 1000"},
		{"GET /events/a?limit=x" + asList, "", 400, problem, "limit"},
		{"GET /events/a?envelope=yes", "", 400, problem, "envelope"},
		{"GET /events/a?x=%zz", "", 400, problem, "query"},
		{"GET /events/%3Cb%3E | Accept: text/html", "", 400, html, "256 bytes"},
	})
}

func TestEveryAddressAnswersAsDocumented(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false") // the streams are counted
	page := map[string]string{"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"}
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	style := map[string]string{"Content-Type": "text/css; charset=utf-8", "Cache-Control": "no-cache"}
	reading := map[string]string{"Allow": "GET, HEAD, OPTIONS"}
	both := map[string]string{"Allow": "GET, HEAD, POST, OPTIONS"}
	const sheet = "/public/css/site.css"
	tryAll(t, s, []exchange{
		{"GET /", "", 200, page, `id="messagesTable"`},
		{"HEAD /", "", 200, page, ""},
		{"GET /mini", "", 200, html, "new EventSource("},
		{"GET " + sheet, "", 200, style, "body"},
		{"GET /favicon.ico", "", 200, map[string]string{"Content-Type": "image/svg+xml"}, "<svg"},
		{"GET /healthz", "", 200, map[string]string{"Content-Type": "application/json"}, `"status":"ok"`},
		{"GET /healthz", "", 200, nil, `"streams":0`},
		{"GET /readyz", "", 200, nil, `{"status":"ok","streams":0}`},
		{"GET / | Host: a;$(id)&b", "", 200, page, "curl -d hello localhost:8080/events/news"},
		{"GET /nothing", "", 404, problem, ""},
		{"GET /public/../main.go", "", 404, nil, ""},
		{"GET /public/", "", 404, nil, ""},
		{"GET /nothing | Accept: text/html", "", 404, page, `href="/"`},
		{"POST /nothing", "x", 404, problem, ""},
		{"POST /events", "x", 405, reading, "POST /events/news"},
		{"POST /", "x", 405, reading, "GET, HEAD, OPTIONS"},
		{"PUT /events/news", "x", 405, both, "GET, HEAD, POST, OPTIONS"},
		{"DELETE /events/news", "", 405, both, ""},
		{"PATCH /healthz", "", 405, reading, ""},
		{"OPTIONS /events/news", "", 204, both, ""},
		{"OPTIONS /nothing", "", 404, nil, ""},
	})
	response, _ := s.Do(http.MethodGet, sheet, "")
	exchange{"GET " + sheet + " | If-None-Match: " + response.Header.Get("ETag"), "", 304, nil, ""}.try(t, s)
}

func TestAListBeginsWhereItsReaderSays(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false") // the newest event of all counts
	ids := s.Append("a", "0", "1", "2", "3", "4")
	s.Append("b", strings.Split(strings.Repeat("x", 150), "")...)
	head := s.Head()
	for _, c := range []struct{ query, data, next string }{
		{"a?", "01234", ids[4]},
		{"a?limit=2", "34", ids[4]},
		{"a?since=all&limit=2", "01", ids[1]},
		{"a?since=" + ids[1] + "&limit=2", "23", ids[3]},
		{"a?since=" + ids[1], "234", ids[4]},
		{"a?since=1h", "01234", ids[4]},
		{"a?last=3", "234", ids[4]},
		{"a?last=3&limit=2", "23", ids[3]},
		{"a?since=" + ids[4], "", head},
		{"a?since=9000h", "01234", ids[4]},
		{"never?", "", head},
		{"b?", strings.Repeat("x", 100), head},
		{"b?last=140", strings.Repeat("x", 140), head},
	} {
		data, next, gap := list(t, s, "/events/"+c.query)
		if strings.Join(data, "") != c.data || next != c.next || gap != nil {
			t.Errorf("%s: %q, next %s, gap %v, want %q, next %s, no gap", c.query, data, next, gap, c.data, c.next)
		}
	}
	const future = "9999999999999-1" // of another log
	data, next, gap := list(t, s, "/events?topic=a&topic=b/*&since="+future)
	if len(data) > 0 || next != head || gap == nil || gap.Since != future || gap.Oldest != head ||
		!slices.Equal(gap.Topics, []string{"a", "b/*"}) {
		t.Errorf("after a position of another log: %q, next %s, gap %+v, want the gap at %s", data, next, gap, head)
	}
	_, next, _ = list(t, s, "/events/a")
	r := s.Listen("/events/a?since="+next, "")
	s.Publish("a", "from next on")
	r.Want("from next on")
}

func TestListsAndEnvelopesHaveTheExactText(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	const text = "one\r\ntwo\rthree\nfour\n\n\u2028<b>&\x00\t"
	s.Publish("exact", text)
	if data, _, _ := list(t, s, "/events/exact"); len(data) != 1 || data[0] != text {
		t.Errorf("the list has %q", data)
	}
	envelope := s.Listen("/events/exact?last=1&envelope=1", "")
	envelope.Must() // ready
	var e struct{ Data string }
	if err := json.Unmarshal([]byte(envelope.Must().Data), &e); err != nil || e.Data != text {
		t.Errorf("the envelope has %q, %v", e.Data, err)
	}
	s.Listen("/events/exact?last=1", "").Want("one\ntwo\nthree\nfour\n\n\u2028<b>&\x00\t")
}

// A client that keeps its connection is done with a list when it knows where it ends.
func TestAShortListStatesItsLength(t *testing.T) {
	t.Parallel()
	s := harness.Shared(t)
	for _, path := range []string{"/events/news", "/api/v1/audits"} {
		response := s.Ask(http.MethodGet, path, "", "Accept: application/json")
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.ContentLength != int64(len(body)) {
			t.Errorf("%s says %d and has %d bytes: %v", path, response.ContentLength, len(body), err)
		}
	}
}

func TestSmallRetentionStillDeliversEvents(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-keep-events", "1")
	r := s.Listen("/events/news", "")
	s.Publish("news", "first")
	r.Want("first") // so it is live
	s.Append("news", "second", "third")
	r.Want("second", "third")
	if data, _, _ := list(t, s, "/events/news?since=all"); len(data) != 1 {
		t.Errorf("%d events kept, want 1", len(data))
	}
}
