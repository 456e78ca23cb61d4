package access

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// livePages are the pages with a stream, stillPages the others that have the site's layout.
var (
	livePages = []string{"/", "/comments", "/audits", "/ping", "/time", "/watch?topic=silent", "/watch?topic=orders",
		"/watch?topic=jobs", "/watch?topic=sensors/*", "/status"}
	stillPages = []string{"/watch", "/nothing-here"}
)

// visit opens a page and waits until it shows what it has.
func visit(b *harness.Tab, site, path string) {
	b.Open(site + path)
	if path != "/mini" && path != stillPages[0] && path != stillPages[1] {
		b.UntilLive()
	}
	if n := map[string]int{"/watch?topic=sensors/*": 3, "/watch?topic=orders": 2, "/status": 4}[path]; n > 0 {
		b.Until("charts are drawn", fmt.Sprintf(`document.querySelectorAll(".charts canvas").length >= %d`, n))
	}
}

// served starts a server with something on each page: some of what a visitor wrote is long, or has no place to break.
func served(t *testing.T) *harness.Server {
	t.Helper()
	store := "pebble:" + t.TempDir() + "/data"
	speaking := harness.Serve(t, "-store", store)
	r := speaking.Listen("/events?topic=time&topic=ping", "")
	for times := 0; times < 2; { // which are then stored
		m, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(m.Data, "The time is ") {
			times++
		}
	}
	r.Leave()
	speaking.Stop()

	s := harness.Serve(t, "-demo=false", "-store", store)
	long := strings.Repeat("A longer comment, of several lines. ", 12)
	for i, content := range []string{"Is anybody there?", long, strings.Repeat("x", 300)} {
		s.API("POST", "/api/v1/comments", fmt.Sprintf(`{"nickname":"Visitor %d","content":%q}`, i, content))
		s.API("POST", "/api/v1/audits", fmt.Sprintf(
			`{"id":"%d","actor":"ann","action":"login","target":%q,"details":{"from":"here"}}`, i, content[:10*i]))
	}
	populateWatched(s)
	return s
}

// populated is such a server, behind a proxy by which it has been busy for some minutes.
func populated(t *testing.T) *harness.Proxy {
	t.Helper()
	s := served(t)
	m := harness.Between(t, s)
	m.Answer(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/status" {
			busyStatus(t, s, w)
		} else {
			m.Forward(w, r)
		}
	})
	return m
}

// populateWatched has something to watch: lines, records, numbers and tasks.
func populateWatched(s *harness.Server) {
	long := "a line that is long: " + strings.Repeat("and goes on, ", 30)
	s.Append("words", "one line", "two\nlines", long, `["an", "array"]`, "שלום עולם")
	towns := []string{"Lisbon", "Reykjavík", "Kyōto", "Montevideo", "Ulaanbaatar"}
	var posts []harness.Post
	say := func(topic, data string) { posts = append(posts, harness.Post{Topic: topic, Data: data}) }
	for i := range 60 {
		customer := map[string]any{"town": towns[i%5], "vip": i%7 == 0}
		total := math.Round(1999+900*math.Sin(float64(i))) / 100
		say("orders", harness.Quote(map[string]any{"order": 4711 + i, "customer": customer, "paid": i%3 != 0,
			"items": []string{"bulb", "seed"}[:1+i%2], "total": total, "note": nil}))
		angle := float64(i) / 6
		say("sensors/kitchen", fmt.Sprintf(`{"temperature":%.2f,"humidity":%.1f,"pressure":%.1f}`,
			21+2*math.Sin(angle), 48+9*math.Cos(angle/2), 1013+3*math.Sin(angle/4)))
		say("sensors/cellar", fmt.Sprintf(`{"temperature":%.2f,"humidity":%.1f}`,
			12+math.Cos(angle), 71+4*math.Sin(angle)))
	}
	for i := range 20 {
		say("jobs", fmt.Sprintf(`{"id":"render-7","status":"in_progress","completion":%.2f}`, float64(i)*2.69))
		say("jobs", fmt.Sprintf(`{"id":"backup","status":"in_progress","completion":%d}`, i*5))
	}
	say("jobs", `{"id":"backup","status":"completed","completion":100}`)
	say("jobs", `{"id":"upload","status":"failed","completion":38,"reason":"The disk is full."}`)
	s.Posts(posts...)
}

var statusRow = regexp.MustCompile(`(?s)<tr data-id="([0-9-]*)" data-topic="\$server".*?</tr>`)

// busyStatus answers with the status page of a server that has been busy for four minutes, in the form of what s says
// of itself.
func busyStatus(t *testing.T, s *harness.Server, w http.ResponseWriter) {
	var page string
	var response *http.Response
	harness.Eventually(t, "the server has told of itself", func() bool {
		response, page = s.Do(http.MethodGet, "/status", "")
		return statusRow.MatchString(page)
	})
	row, at := statusRow.FindString(page), time.Now().UTC()
	number := regexp.MustCompile(`(&#34;[a-z0-9_]+&#34;:)(?:[0-9.]+|null)`)
	rows := make([]string, 240)
	for i := range rows {
		busy, field := 3+2*math.Sin(float64(i)/40), 0.0
		when := at.Add(time.Duration(i-len(rows)) * time.Second)
		rows[i] = number.ReplaceAllStringFunc(row, func(told string) string {
			field++
			return number.FindStringSubmatch(told)[1] + fmt.Sprintf("%.1f", field*field*200*busy)
		})
		told := fmt.Sprintf(`<time datetime="%s">%s</time>`,
			when.Format("2006-01-02T15:04:05.000Z07:00"), when.Format("15:04:05 UTC"))
		rows[i] = regexp.MustCompile(`(?s)<time.*</time>`).ReplaceAllLiteralString(rows[i], told)
		id := statusRow.FindStringSubmatch(rows[i])[1]
		rows[i] = strings.Replace(rows[i], id, fmt.Sprintf("%d-0", when.UnixMilli()), 1)
	}
	first := statusRow.FindStringIndex(page)[0]
	page = page[:first] + strings.Join(rows, "\n") + statusRow.ReplaceAllLiteralString(page[first:], "")
	for _, name := range []string{"Content-Type", "Content-Security-Policy", "Cache-Control"} {
		w.Header().Set(name, response.Header.Get(name))
	}
	io.WriteString(w, page)
}
