package pages

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// strangers are elements in the page that only data can have brought.
const strangers = `[...document.querySelectorAll(
	"main :is(img, b, iframe, object, template template, svg:not(.picture svg), script:not([type=module]))")]
	.filter((one) => !one.matches("live-figures b, .legend b")).map((one) => one.outerHTML.slice(0, 100))`

// harmless fails the test if data has become part of the page.
func harmless(t *testing.T, b *harness.Tab, where string) {
	t.Helper()
	if found := harness.Eval[[]string](b, strangers); len(found) > 0 {
		t.Errorf("%s has elements that nobody wrote: %q", where, found)
	}
	if harness.Eval[bool](b, `'polluted' in {}`) {
		t.Errorf("%s: data has changed every object", where)
	}
	b.Fits()
	b.Check()
}

// hostileForms are hostile texts as far as a comment and a record take them.
func hostileForms() (forms []string) {
	for _, text := range harness.Hostile {
		forms = append(forms, strings.ToValidUTF8(text[:min(len(text), 200)], ""))
	}
	return forms
}

// asHTML is what HTML makes of a text that has stood in a page.
var asHTML = strings.NewReplacer("\r\n", "\n", "\x00", "\ufffd")

func TestHostileDataIsTextOnTheBoardInTheAuditLogAndOnTheCards(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	home := harness.Browse(t)
	home.OpenLive(s.URL + "/")
	board, log := home.Another(), home.Another()
	write := func() {
		for _, text := range hostileForms() {
			short := strings.ToValidUTF8(text[:min(len(text), 40)], "")
			s.Do("POST", "/api/v1/comments", harness.Quote(map[string]string{"nickname": short, "content": text}))
			s.Do("POST", "/api/v1/audits", harness.Quote(map[string]string{
				"id": text, "actor": text, "action": text, "target": text, "details": text}))
		}
	}
	write() // shown by the server, and then by the stream
	board.OpenLive(s.URL + "/comments")
	log.OpenLive(s.URL + "/audits")
	write()
	var kept struct {
		Comments, Audits []struct{ ID, Content string }
	}
	for _, path := range []string{"/api/v1/comments", "/api/v1/audits"} {
		if _, list := s.Do("GET", path, "", "Accept: application/json"); json.Unmarshal([]byte(list), &kept) != nil {
			t.Fatalf("%s: %s", path, list)
		}
	}
	if n, m := len(kept.Comments), len(kept.Audits); n < len(harness.Hostile) || m < len(harness.Hostile) {
		t.Fatalf("only %d comments and %d records were taken", n, m)
	}
	var contents, ids []string
	for _, comment := range kept.Comments {
		contents = append(contents, comment.Content)
	}
	for _, record := range slices.Backward(kept.Audits) {
		ids = append(ids, asHTML.Replace(record.ID))
	}
	board.Until("the board has all",
		`JSON.stringify([...document.querySelectorAll("#comments .content")].map(({ textContent }) =>
			textContent).sort()) === JSON.stringify(`+harness.Quote(contents)+`.sort())`)
	log.Until("the log has all",
		`JSON.stringify([...document.querySelectorAll("#auditsTable .id")].map(({ textContent }) =>
			textContent.replace("\r\n", "\n").replace("\0", "\ufffd"))) === JSON.stringify(`+harness.Quote(ids)+`)`)
	home.Until("the cards have told the last",
		`["comments", "audits"].every((topic) => `+cards+`[topic].includes("WWWW"))`)
	harmless(t, board, "/comments")
	harmless(t, log, "/audits")
	harmless(t, home, "/")
}

func TestHostileDataIsTextWhereTheServerAloneSpeaks(t *testing.T) {
	t.Parallel()
	m := harness.Between(t, harness.Serve(t, "-demo=false"))
	b := harness.Browse(t)
	home := b.Another()
	home.OpenLive(m.URL + "/")
	for _, topic := range []string{"time", "ping"} {
		b.OpenLive(m.URL + "/" + topic)
		m.Say(topic, harness.Hostile...)
		b.Until("all have come",
			fmt.Sprintf(`document.querySelectorAll("#timeList li, #pingTable tbody tr").length >= %d`,
				len(harness.Hostile)))
		harmless(t, b, "/"+topic)
		home.Until("its card has told the last", cards+`[`+harness.Quote(topic)+`].startsWith("WWWW")`)
	}
	harmless(t, home, "/")
}

func TestHostileAddressesAreText(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.Forgive(harness.NetworkErrors + `.* status of 40[04]`)
	for _, text := range hostileForms() {
		escaped := url.QueryEscape(text)
		paths := []string{"/" + url.PathEscape(text), "/watch?topic=" + escaped, "/audits?actor=" + escaped}
		for _, path := range paths {
			b.Open(s.URL + path)
			harmless(t, b, path)
		}
		b.OpenLive(s.URL + "/audits?actor=" + url.QueryEscape(text))
		got := harness.Eval[string](b, `document.querySelector("#filterForm input").value`)
		if got != strings.ReplaceAll(asHTML.Replace(text), "\n", "") {
			t.Errorf("the filter is %q, want %q", got, text)
		}
	}
}

func TestWhatThePageDidNotBringIsRefusedAndTold(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	for path, policy := range map[string]string{"/": "script-src-attr", "/mini": "script-src-attr"} {
		b := harness.Browse(t)
		b.Open(s.URL + path)
		harness.Eval[bool](b, `((made) => {
			made.setAttribute("onclick", "alert(1)");
			document.body.append(made);
			made.click();
			return true;
		})(document.createElement("p"))`)
		harness.Eventually(t, "it is told", func() bool {
			return strings.Contains(strings.Join(b.Wrong(), "\n"), "refused by policy "+policy)
		})
		b.Forgive(`refused by policy`, `Content Security Policy`)
	}
}
