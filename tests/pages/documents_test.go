package pages

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// documents are clients as tutorials write them: one file, opened from disk, with a bare EventSource.
var documents = map[string]string{
	"audits": `<!doctype html><title>Audits</title><ul id="list"></ul><script>
const source = new EventSource("http://localhost:8080/api/v1/audits");
source.onmessage = (event) => {
  const item = document.createElement("li");
  item.textContent = JSON.parse(event.data).id;
  document.getElementById("list").appendChild(item);
};
</script>`,
	"time": `<!doctype html><title>Time</title><ul id="list"></ul><script>
const source = new EventSource("http://localhost:8080/events/time");
source.onmessage = function (event) {
  const item = document.createElement("li");
  item.textContent = event.data;
  document.getElementById("list").appendChild(item);
};
</script>`,
	"ping": `<!doctype html><title>Ping</title><ul id="list"></ul><script>
const source = new EventSource("http://localhost:8080/sse");
source.addEventListener("ping", (event) => {
  const item = document.createElement("li");
  item.textContent = event.data + " " + event.lastEventId;
  document.getElementById("list").appendChild(item);
});
</script>`,
}

// openDocument opens one of the documents from disk, with the address of s in it.
func openDocument(t *testing.T, s *harness.Server, name string) *harness.Tab {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".html")
	text := strings.ReplaceAll(documents[name], "http://localhost:8080", s.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b := harness.Browse(t)
	b.Open((&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String())
	b.Until("its stream is open", `source.readyState === EventSource.OPEN`)
	return b
}

// items are what the document has listed.
func items(b *harness.Tab) []string {
	return harness.Eval[[]string](b, `[...document.querySelectorAll("li")].map((item) => item.textContent)`)
}

func TestAPageAsTheDocumentsWriteItListsAudits(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := openDocument(t, s, "audits")
	for i := range 3 {
		s.API("POST", "/api/v1/audits", fmt.Sprintf(`{"id":"record %d"}`, i))
	}
	b.Until("the records are listed", `document.querySelectorAll("li").length === 3`)
	if got := strings.Join(items(b), ", "); got != "record 0, record 1, record 2" {
		t.Errorf("listed are %s", got)
	}
}

func TestAPageAsTheDocumentsWriteItListsTheTime(t *testing.T) {
	t.Parallel()
	b := openDocument(t, harness.Serve(t), "time")
	b.Until("the time is listed twice", `document.querySelectorAll("li").length >= 2`)
	for _, item := range items(b) {
		if !strings.HasPrefix(item, "The time is ") {
			t.Errorf("listed is %q", item)
		}
	}
}

func TestAPageAsTheDocumentsWriteItHearsPing(t *testing.T) {
	t.Parallel()
	b := openDocument(t, harness.Serve(t), "ping")
	b.Until("ping is heard three times", `document.querySelectorAll("li").length >= 3`)
	for _, item := range items(b) {
		var seconds, ms, sequence int64
		if n, err := fmt.Sscanf(item, "%d %d-%d", &seconds, &ms, &sequence); n != 3 || ms/1000-seconds > 5 {
			t.Errorf("heard is %q, %v", item, err)
		}
	}
}
