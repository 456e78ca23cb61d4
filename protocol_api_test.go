package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// answer sends a request and decodes the JSON that comes back.
func (s *site) answer(method, path, body string, headers ...string) (status int, fields map[string]any, response *http.Response) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err = client0.Transport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	json.Unmarshal(text, &fields)
	return response.StatusCode, fields, response
}

func TestAuditsFollowTheProtocol(t *testing.T) {
	t.Parallel()
	s := serve(t, "-max-data", "1KiB")
	problem := map[string]string{"Content-Type": "application/problem+json"}
	const path = "POST /api/v1/audits"
	for _, e := range []exchange{
		{path, `{"id": "1"}`, 201, map[string]string{"Content-Type": "application/json"}, `{"id":"1","created_at":"`},
		{path + " | Content-Type: application/x-www-form-urlencoded", `{"id": "1"}`, 201, nil, `{"id":"1",`},
		{path + " | Sec-Fetch-Site: same-origin | Content-Type: application/json; charset=utf-8", `{"id":"2","actor":"bob","action":"login","target":"<x>","details":{"a":["&"]}}`,
			201, nil, `"actor":"bob","action":"login","target":"<x>","details":{"a":["&"]}}`},
		{path + " | Sec-Fetch-Site: same-origin", `{"id":"2"}`, 415, problem, `Content-Type: application/json, such as {\"id\"`},
		{path + " | Host: localhost:1 | Origin: http://localhost:1 | Content-Type: text/plain", `{"id":"2"}`, 415, problem, "Send JSON"},
		{path, "", 400, problem, "one JSON object"},
		{path, "null", 400, problem, "one JSON object"},
		{path, `["id"]`, 400, problem, "one JSON object"},
		{path, `{"id":"1"} x`, 400, problem, "and nothing else"},
		{path, `{"id":"1"}{"id":"2"}`, 400, problem, "and nothing else"},
		{path, `{"id":"1"`, 400, problem, "ends too early"},
		{path, `{"id":}`, 400, problem, "not valid JSON at byte 7"},
		{path, `{"id":1}`, 400, problem, `The field \"id\" cannot be a JSON number.`},
		{path, `{"id":"1","extra":1}`, 400, problem, "an unknown field"},
		{path, "{\"id\":\"\xff\"}", 400, problem, "UTF-8"},
		{path, `{}`, 422, problem, "id is missing"},
		{path, `{"id":" "}`, 422, problem, "id is missing"},
		{path, `{"id":"` + strings.Repeat("x", 257) + `"}`, 422, problem, "id must be at most 256 characters"},
		{path, `{"id":"1","details":"` + strings.Repeat("x", 1024) + `"}`, 413, problem, "-max-data"},
		{path + " | Host: evil.test", `{"id":"1"}`, 403, problem, "-open-publish"},
		{path + " | Origin: https://evil.test | Content-Type: application/json", `{"id":"1"}`, 403, problem, "-cors-origins"},
		{"PUT /api/v1/audits", `{}`, 405, map[string]string{"Allow": "GET, HEAD, POST, OPTIONS"}, ""},
		{"GET /api/v1/audits", "", 200, map[string]string{"Content-Type": "text/event-stream; charset=utf-8", "Vary": "Accept"}, ": iris-broadcast"},
		{"HEAD /api/v1/audits", "", 200, map[string]string{"Content-Type": "text/event-stream; charset=utf-8"}, ""},
		{"GET /api/v1/audits?last=0", "", 400, problem, "last is"},
		{"GET /api/v1/audits?topic=x", "", 400, problem, "Name topics"},
		{"GET /api/v1/audits?format=xml", "", 400, problem, "format must be jsonl or csv"},
		{"GET /api/v1/audits?limit=0" + asList, "", 400, problem, "limit must be"},
		{"POST /audits", "id=form", 422, problem, "id is missing"}, // a body that is no form has no fields
		{"POST /audits | Content-Type: application/x-www-form-urlencoded", "id=%ff", 400, problem, "The form must be UTF-8."},
		{"POST /audits | Content-Type: application/x-www-form-urlencoded", "id=1&details=%22%ff%22", 400, problem, "The form must be UTF-8."},
		{"POST /audits | Content-Type: application/x-www-form-urlencoded", "id=%zz", 400, problem, "send a form as application/x-www-form-urlencoded"},
		{"POST /audits | Content-Type: application/x-www-form-urlencoded", "id=form&details=%7B%22x%22%3A1%7D", 303, map[string]string{"Location": "/audits"}, ""},
		{"POST /audits | Content-Type: application/x-www-form-urlencoded", "actor=x", 422, problem, "id is missing"},
	} {
		e.try(t, s)
	}
}

func TestTheAuditLoopWorksAsItStands(t *testing.T) {
	s := serve(t)
	r := s.listen("/api/v1/audits", "")
	s.waitFor(1)
	loop := `for i in $(seq 1 10); do curl -i -X POST -d "{\"id\": \"$i\"}" http://localhost:8080/api/v1/audits; done`
	needs(t, "apt-get install curl", "curl")
	command := exec.Command(needs(t, "apt-get install bash", "bash"), "-c", strings.ReplaceAll(loop, "http://localhost:8080", s.url))
	said, err := command.Output()
	if n := bytes.Count(said, []byte("HTTP/1.1 201 Created")); err != nil || n != 10 {
		t.Errorf("%d times 201: %v\n%s", n, err, said)
	}
	for i := range 10 {
		var record struct {
			ID        string
			CreatedAt time.Time `json:"created_at"`
		}
		if m := r.next(); json.Unmarshal([]byte(m.Data), &record) != nil || record.ID != fmt.Sprint(i+1) || time.Since(record.CreatedAt) > time.Minute {
			t.Errorf("record %d is %+v", i, m)
		}
	}
}

// audits lists the records' ids.
func (s *site) audits(query string) (ids, next string) {
	s.t.Helper()
	status, fields, _ := s.answer("GET", "/api/v1/audits?"+query, "", "Accept: application/json")
	if status != 200 {
		s.t.Fatalf("%s: %d %v", query, status, fields)
	}
	for _, record := range fields["audits"].([]any) {
		ids += record.(map[string]any)["id"].(string)
	}
	return ids, fields["next"].(string)
}

func TestListFiltersAndExportsAgree(t *testing.T) {
	s := serve(t)
	for i, actor := range []string{"ann", "bob", "ann", "bob", "ann", "=cmd"} {
		body := fmt.Sprintf(`{"id":"%d","actor":%q,"action":"a%d","details":"x,\"y\"\n"}`, i, actor, i%2)
		if status, fields, _ := s.answer("POST", "/api/v1/audits", body); status != 201 {
			t.Fatal(status, fields)
		}
	}
	_, third := s.audits("since=all&limit=3")
	for query, want := range map[string]string{
		"": "012345", "since=all&limit=3": "012", "since=" + third: "345", "since=" + third + "&limit=2": "34", "last=2": "45",
		"last=4&limit=2": "23", "limit=2": "45", "actor=ann": "024", "actor=ann&limit=2": "24", "actor=ann&since=all&limit=2": "02",
		"actor=bob&action=a1": "13", "actor=nobody": "", "since=1h&action=a0": "024",
	} {
		ids, next := s.audits(query)
		if ids != want {
			t.Errorf("%q lists %q, want %q", query, ids, want)
		}
		if again, _ := s.audits("since=" + next); strings.HasSuffix(want, "5") && again != "" {
			t.Errorf("%q: after next there is %q", query, again)
		}
		if strings.Contains(query, "limit") {
			continue // an export has all that match
		}
		if got := s.export(query, "jsonl"); got != want {
			t.Errorf("%q exports %q as jsonl, want %q", query, got, want)
		}
		if got := s.export(query, "csv"); got != want {
			t.Errorf("%q exports %q as csv, want %q", query, got, want)
		}
	}
}

// export fetches a file and returns its records' ids.
func (s *site) export(query, format string) (ids string) {
	s.t.Helper()
	response, err := client0.Get(s.url + "/api/v1/audits?format=" + format + "&" + query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if disposition := response.Header.Get("Content-Disposition"); disposition != `attachment; filename="audits.`+format+`"` {
		s.t.Errorf("Content-Disposition %q", disposition)
	}
	if format == "jsonl" {
		for lines := json.NewDecoder(response.Body); lines.More(); {
			var record struct{ ID, Details string }
			if err := lines.Decode(&record); err != nil || record.Details != "x,\"y\"\n" {
				s.t.Fatalf("%+v, %v", record, err)
			}
			ids += record.ID
		}
		return ids
	}
	rows, err := csv.NewReader(response.Body).ReadAll()
	if err != nil || strings.Join(rows[0], " ") != "id created_at actor action target details" {
		s.t.Fatalf("%q, %v", rows, err)
	}
	for _, row := range rows[1:] {
		if ids += row[0]; row[5] != `"x,\"y\"\n"` || strings.HasPrefix(row[2], "=") {
			s.t.Errorf("row %q", row)
		}
	}
	return ids
}

func TestCommentsFollowTheProtocol(t *testing.T) {
	s := serve(t)
	problem := map[string]string{"Content-Type": "application/problem+json"}
	const path = "POST /api/v1/comments"
	for _, e := range []exchange{
		{path, `{"content":"hi"}`, 201, nil, `"nickname":"anonymous","content":"hi","likes":0,`},
		{path, `{"nickname":"Bob","content":"<b>"}`, 201, nil, `"nickname":"Bob","content":"<b>","likes":0,`},
		{path, `{"nickname":"Bob"}`, 422, problem, "content must be 1 to 2000 characters."},
		{path, `{"content":"` + strings.Repeat("x", 2001) + `"}`, 422, problem, "content must be 1 to 2000"},
		{path, `{"nickname":"` + strings.Repeat("x", 51) + `","content":"x"}`, 422, problem, "nickname must be one line of 1 to 50"},
		{path, `{"content":"x","liked":true}`, 400, problem, `an unknown field; send, for example, {\"content\"`},
		{path, `"x"`, 400, problem, `one JSON object, such as {\"content\": \"hello\"}.`},
		{path + " | Sec-Fetch-Site: same-origin", `{"content":"x"}`, 415, problem, `such as {\"content\": \"hello\"}.`},
		{path + " | Host: evil.test", `{"content":"x"}`, 403, problem, "-open-publish"},
		{"PUT /api/v1/comments/nothing/like", "", 404, problem, "There is no such comment."},
		{"DELETE /api/v1/comments/nothing/like", "", 404, problem, "There is no such comment."},
		{"POST /api/v1/comments/nothing/like", "", 405, map[string]string{"Allow": "PUT, DELETE, OPTIONS"}, ""},
		{"GET /api/v1/comments?limit=1001", "", 400, problem, "limit must be"},
		{"GET /api/v1/comments?offset=-1", "", 400, problem, "offset must be a whole number, 0 or more."},
		{"GET /api/v1/comments", "", 200, map[string]string{"Content-Type": "application/json"}, `"total":2,"position":"`},
		{"POST /comments | Content-Type: application/x-www-form-urlencoded", "content=form", 303, map[string]string{"Location": "/comments"}, ""},
		{"POST /comments | Content-Type: application/x-www-form-urlencoded", "nickname=x", 422, problem, "content must be"},
		{"POST /comments/nothing/like | Content-Type: application/x-www-form-urlencoded", "like=1", 404, problem, "no such comment"},
		{"POST /comments/nothing/like | Content-Type: application/x-www-form-urlencoded", "like=2", 422, problem, "like must be 1 or 0."},
		{"POST /events/comments", "x", 403, problem, "POST /api/v1/comments"},
		{"POST /events/audits", "x", 403, problem, "POST /api/v1/audits"},
	} {
		e.try(t, s)
	}
}

func TestAVisitorsLikesAreTheirOwn(t *testing.T) {
	s := serve(t)
	r := s.listen("/events/comments", "")
	s.waitFor(1)
	_, comment, _ := s.answer("POST", "/api/v1/comments", `{"nickname":"Bob","content":"hi"}`)
	like := "/api/v1/comments/" + comment["id"].(string) + "/like"
	told := r.next()
	if want := fmt.Sprintf(`{"id":"%s","nickname":"Bob","content":"hi","likes":0,"created_at":"%s"}`, comment["id"], comment["created_at"]); told.Type != "comment" || told.Data != want {
		t.Errorf("told %+v, want %s", told, want)
	}
	_, liked, response := s.answer("PUT", like, "")
	cookie := response.Cookies()[0]
	if liked["likes"] != 1.0 || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || len(cookie.Value) < 20 || cookie.Path != "/" {
		t.Errorf("liked %v with the cookie %+v", liked, cookie)
	}
	me := "Cookie: " + cookie.Name + "=" + url.QueryEscape(cookie.Value)
	for _, step := range []struct {
		method string
		likes  float64
	}{{"PUT", 1}, {"DELETE", 0}, {"DELETE", 0}, {"PUT", 1}} {
		if _, got, again := s.answer(step.method, like, "", me); got["likes"] != step.likes || len(again.Cookies()) != 0 {
			t.Errorf("%s: %v, cookies %v, want %v likes", step.method, got, again.Cookies(), step.likes)
		}
	}
	for _, want := range []int{1, 0, 1} { // what changed nothing made no event
		if m := r.next(); m.Type != "like" || m.Data != fmt.Sprintf(`{"id":"%s","likes":%d}`, comment["id"], want) {
			t.Errorf("told %+v, want %d likes", m, want)
		}
	}
	for who, want := range map[string]bool{me: true, "Cookie: visitor=other": false} {
		_, list, _ := s.answer("GET", "/api/v1/comments", "", who)
		if got := list["comments"].([]any)[0].(map[string]any); got["liked"] != want || got["likes"] != 1.0 {
			t.Errorf("%s sees %v", who, got)
		}
	}
}

// recent says whether a text is the unix seconds of the last minute.
func recent(text string) bool {
	seconds, err := strconv.ParseInt(text, 10, 64)
	return err == nil && time.Since(time.Unix(seconds, 0)).Abs() < time.Minute
}

func TestPingAndTimeSpeak(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo")
	ping, clock := s.listen("/sse", ""), s.listen("/events/time", "")
	for range 2 {
		if m := ping.next(); m.Type != "ping" || m.ID == "" || !recent(m.Data) {
			t.Errorf("ping says %+v", m)
		}
	}
	said := strings.TrimPrefix(clock.next().Data, "The time is ")
	if at, err := time.ParseInLocation(time.UnixDate, said, time.Local); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("the time is %q, %v", said, err)
	}
}
