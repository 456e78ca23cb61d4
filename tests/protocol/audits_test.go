package protocol

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

func TestAuditsFollowTheProtocol(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-max-data", "1KiB")
	created := map[string]string{"Content-Type": "application/json"}
	stream := map[string]string{"Content-Type": "text/event-stream; charset=utf-8", "Vary": "Accept"}
	full := `"actor":"bob","action":"login","target":"<x>","details":{"a":["&"]}}`
	const (
		path   = "POST /api/v1/audits"
		asJSON = " | Content-Type: application/json"
		own    = " | Sec-Fetch-Site: same-origin"
		page   = " | Host: localhost:1 | Origin: http://localhost:1"
	)
	tryAll(t, s, []exchange{
		{path, `{"id": "1"}`, 201, created, `{"id":"1","created_at":"`},
		{path + asForm, `{"id": "1"}`, 201, nil, `{"id":"1",`},
		{path + own + asJSON + "; charset=utf-8", `{"id":"2",` + full, 201, nil, full},
		{path + own, `{"id":"2"}`, 415, problem,
			`Content-Type: application/json, such as {\"id\"`},
		{path + page + " | Content-Type: text/plain", `{"id":"2"}`, 415, problem,
			`Content-Type: application/json, such as {\"id\"`},
		{path, "", 400, problem, "one JSON object"},
		{path, "null", 400, problem, "one JSON object"},
		{path, `["id"]`, 400, problem, "one JSON object"},
		{path, `{"id":"1"} x`, 400, problem, "nothing"},
		{path, `{"id":"1"}{"id":"2"}`, 400, problem, "nothing"},
		{path, `{"id":"1"`, 400, problem, "ends"},
		{path, `{"id":}`, 400, problem, "byte 7"},
		{path, `{"id":1}`, 400, problem, `\"id\"`},
		{path, `{"id":"1","extra":1}`, 400, problem, "field"},
		{path, "{\"id\":\"\xff\"}", 400, problem, "UTF-8"},
		{path, `{}`, 422, problem, "id is missing"},
		{path, `{"id":" "}`, 422, problem, "id is missing"},
		{path, `{"id":"` + strings.Repeat("x", 257) + `"}`, 422, problem, "256 characters"},
		{path, `{"id":"1","actor":"` + strings.Repeat("x", 257) + `"}`, 422, problem, "actor must be"},
		{path, `{"id":"1","action":"` + strings.Repeat("x", 257) + `"}`, 422, problem, "action must be"},
		{path, `{"id":"1","target":"` + strings.Repeat("x", 257) + `"}`, 422, problem, "target must be"},
		{path, `{"id":"` + strings.Repeat("ä", 256) + `"}`, 201, nil, ""}, // characters, not bytes
		{path, `{"id":"1","details":"` + strings.Repeat("x", 1024) + `"}`, 413, problem, "-max-data"},
		{path + " | Host: evil.test", `{"id":"1"}`, 403, problem, "-open-publish"},
		{path + " | Origin: https://evil.test" + asJSON, `{"id":"1"}`, 403, problem, "-cors-origins"},
		{"PUT /api/v1/audits", `{}`, 405, map[string]string{"Allow": "GET, HEAD, POST, OPTIONS"}, ""},
		{"GET /api/v1/audits", "", 200, stream, ": iris-broadcast"},
		{"HEAD /api/v1/audits", "", 200, stream, ""},
		{"GET /api/v1/audits?last=0", "", 400, problem, "last"},
		{"GET /api/v1/audits?topic=x", "", 400, problem, "topic"},
		{"GET /api/v1/audits?format=xml", "", 400, problem, "jsonl or csv"},
		{"GET /api/v1/audits?limit=0" + asList, "", 400, problem, "limit"},
	})
}

func TestTheAuditsFormFollowsTheProtocol(t *testing.T) {
	t.Parallel()
	const path = "POST /audits"
	tryAll(t, harness.Serve(t, "-demo=false"), []exchange{
		{path, "id=form", 422, problem, "id is missing"}, // a body that is no form has no fields
		{path + asForm, "id=%ff", 400, problem, "UTF-8"},
		{path + asForm, "id=1&details=%22%ff%22", 400, problem, "UTF-8"},
		{path + asForm, "id=%zz", 400, problem, "application/x-www-form-urlencoded"},
		{path + asForm, "id=form&details=%7B%22x%22%3A1%7D", 303, map[string]string{"Location": "/audits"}, ""},
		{path + asForm, "actor=x", 422, problem, "id is missing"},
	})
}

func TestTheAuditLoopWorksAsItStands(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	r := s.Listen("/api/v1/audits", "")
	loop := `for i in $(seq 1 10); do curl -i -X POST -d "{\"id\": \"$i\"}" http://localhost:8080/api/v1/audits; done`
	harness.Needs(t, "apt-get install curl", "curl")
	bash := harness.Needs(t, "apt-get install bash", "bash")
	said, err := exec.Command(bash, "-c", strings.ReplaceAll(loop, "http://localhost:8080", s.URL)).Output()
	if n := bytes.Count(said, []byte("HTTP/1.1 201 Created")); err != nil || n != 10 {
		t.Errorf("%d times 201: %v\n%s", n, err, said)
	}
	for i := range 10 {
		var record struct {
			ID        string
			CreatedAt time.Time `json:"created_at"`
		}
		m := r.Must()
		err := json.Unmarshal([]byte(m.Data), &record)
		if err != nil || record.ID != fmt.Sprint(i+1) || time.Since(record.CreatedAt) > time.Minute {
			t.Errorf("record %d is %+v: %v", i, m, err)
		}
	}
}

// audits lists the records' ids.
func audits(t *testing.T, s *harness.Server, query string) (ids, next string) {
	t.Helper()
	fields := s.API(http.MethodGet, "/api/v1/audits?"+query, "")
	for _, record := range fields["audits"].([]any) {
		ids += record.(map[string]any)["id"].(string)
	}
	return ids, fields["next"].(string)
}

func TestAuditFiltersAndExportsAgree(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	for i, actor := range []string{"ann", "bob", "ann", "bob", "ann", "=cmd"} {
		s.API(http.MethodPost, "/api/v1/audits",
			fmt.Sprintf(`{"id":"%d","actor":%q,"action":"a%d","details":"x,\"y\"\n"}`, i, actor, i%2))
	}
	_, third := audits(t, s, "since=all&limit=3")
	for query, want := range map[string]string{
		"":                            "012345",
		"since=all&limit=3":           "012",
		"since=" + third:              "345",
		"since=" + third + "&limit=2": "34",
		"last=2":                      "45",
		"last=4&limit=2":              "23",
		"limit=2":                     "45",
		"actor=ann":                   "024",
		"actor=ann&limit=2":           "24",
		"actor=ann&since=all&limit=2": "02",
		"actor=bob&action=a1":         "13",
		"actor=nobody":                "",
		"since=1h&action=a0":          "024",
	} {
		ids, next := audits(t, s, query)
		if ids != want {
			t.Errorf("%q lists %q, want %q", query, ids, want)
		}
		if again, _ := audits(t, s, "since="+next); strings.HasSuffix(want, "5") && again != "" {
			t.Errorf("%q: after next there is %q", query, again)
		}
		if strings.Contains(query, "limit") {
			continue // an export has all that match
		}
		if got := exportedJSON(t, s, query); got != want {
			t.Errorf("%q exports %q as jsonl, want %q", query, got, want)
		}
		if got := exportedCSV(t, s, query); got != want {
			t.Errorf("%q exports %q as csv, want %q", query, got, want)
		}
	}
}

// export fetches a file.
func export(t *testing.T, s *harness.Server, query, format string) *strings.Reader {
	t.Helper()
	response, body := s.Do(http.MethodGet, "/api/v1/audits?format="+format+"&"+query, "")
	disposition := response.Header.Get("Content-Disposition")
	if disposition != `attachment; filename="audits.`+format+`"` {
		t.Errorf("Content-Disposition %q", disposition)
	}
	return strings.NewReader(body)
}

// exportedJSON is the ids of the records in an export.
func exportedJSON(t *testing.T, s *harness.Server, query string) (ids string) {
	t.Helper()
	for lines := json.NewDecoder(export(t, s, query, "jsonl")); lines.More(); {
		var record struct{ ID, Actor, Details string }
		err := lines.Decode(&record)
		if err != nil || record.Details != "x,\"y\"\n" || strings.HasPrefix(record.Actor, "'") {
			t.Fatalf("%+v, %v", record, err)
		}
		ids += record.ID
	}
	return ids
}

// exportedCSV is the ids of the records in an export, which no spreadsheet takes for formulas.
func exportedCSV(t *testing.T, s *harness.Server, query string) (ids string) {
	t.Helper()
	rows, err := csv.NewReader(export(t, s, query, "csv")).ReadAll()
	if err != nil || strings.Join(rows[0], " ") != "id created_at actor action target details" {
		t.Fatalf("%q, %v", rows, err)
	}
	for _, row := range rows[1:] {
		if ids += row[0]; row[5] != `"x,\"y\"\n"` || strings.HasPrefix(row[2], "=") {
			t.Errorf("row %q", row)
		}
	}
	return ids
}

func TestAFilterIsForTheFieldAlone(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.API(http.MethodPost, "/api/v1/audits",
		`{"id":"1","actor":"bob","action":"x","details":{"actor":"ann","action":"y"}}`)
	for query, want := range map[string]string{"actor=ann": "", "action=y": "", "actor=bob": "1", "action=x": "1"} {
		if ids, _ := audits(t, s, query); ids != want {
			t.Errorf("%s lists %q, want %q", query, ids, want)
		}
	}
}

func TestAFilterWithoutSinceSearchesTheNewest4000(t *testing.T) {
	t.Parallel()
	records := make([]string, 4001)
	for i := range records {
		records[i] = `{"id":"1","created_at":"2026-01-02T03:04:05Z","actor":"bob"}`
	}
	records[0] = strings.Replace(records[0], "bob", "ann", 1)
	records[1] = strings.Replace(records[1], "bob", "eve", 1)
	s := harness.Serve(t, "-demo=false", "-store", imported(t, "audits", records...))
	for query, want := range map[string]string{"actor=ann": "", "actor=ann&since=all": "1", "actor=eve": "1"} {
		if ids, _ := audits(t, s, query); ids != want {
			t.Errorf("%s lists %q, want %q", query, ids, want)
		}
	}
}

func TestADiskKeepsEveryRecord(t *testing.T) {
	t.Parallel()
	store := imported(t, "audits", `{"id":"0"}`, `{"id":"1"}`, `{"id":"2"}`, `{"id":"3"}`)
	s := harness.Serve(t,
		"-demo=false", "-store", store, "-keep-events", "1", "-keep-age", "1s", "-keep-bytes", "1MiB")
	s.API(http.MethodPost, "/api/v1/audits", `{"id":"4"}`)
	if ids, _ := audits(t, s, "since=all"); ids != "01234" {
		t.Errorf("kept are %q", ids)
	}
}
