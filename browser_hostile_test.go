package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"iris-broadcast/internal/stream"
)

// strangers are elements in the page that only data can have brought.
const strangers = `[...document.querySelectorAll("main :is(img, b, iframe, object, template template, svg:not(.picture svg), script:not([type=module]))")]
	.filter((one) => !one.matches("live-figures b, .legend b")).map((one) => one.outerHTML.slice(0, 100))`

// harmless fails the test if data has become part of the page.
func (b *tab) harmless(where string) {
	b.t.Helper()
	if found := eval[[]string](b, strangers); len(found) > 0 {
		b.t.Errorf("%s has elements that nobody wrote: %q", where, found)
	}
	if eval[bool](b, `'polluted' in {}`) {
		b.t.Errorf("%s: data has changed every object", where)
	}
	b.fits()
	b.check()
}

// hostileForms are hostile texts as far as a comment and a record take them.
func hostileForms() (forms []string) {
	for _, text := range hostile {
		forms = append(forms, strings.ToValidUTF8(text[:min(len(text), 200)], ""))
	}
	return forms
}

// asHTML is what HTML makes of a text that has stood in a page.
var asHTML = strings.NewReplacer("\r\n", "\n", "\x00", "\ufffd")

func TestHostileDataIsTextOnTheBoardInTheAuditLogAndOnTheCards(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	home := browse(t)
	home.openLive(s.url + "/")
	board, log := home.another(), home.another()
	write := func() {
		for _, text := range hostileForms() {
			short := strings.ToValidUTF8(text[:min(len(text), 40)], "")
			s.answer("POST", "/api/v1/comments", asJSON(map[string]string{"nickname": short, "content": text}))
			s.answer("POST", "/api/v1/audits", asJSON(map[string]string{"id": text, "actor": text, "action": text, "target": text, "details": text}))
		}
	}
	write() // shown by the server, and then by the stream
	board.openLive(s.url + "/comments")
	log.openLive(s.url + "/audits")
	write()
	var kept struct {
		Comments, Audits []struct{ ID, Content string }
	}
	for _, path := range []string{"/api/v1/comments", "/api/v1/audits"} {
		if _, list := s.get("GET", path, "Accept: application/json"); json.Unmarshal([]byte(list), &kept) != nil {
			t.Fatalf("%s: %s", path, list)
		}
	}
	if n, m := len(kept.Comments), len(kept.Audits); n < len(hostile) || m < len(hostile) {
		t.Fatalf("only %d comments and %d records were taken", n, m)
	}
	var contents, ids []string
	for _, comment := range kept.Comments {
		contents = append(contents, comment.Content)
	}
	for _, record := range slices.Backward(kept.Audits) {
		ids = append(ids, asHTML.Replace(record.ID))
	}
	board.until("the board has all", `JSON.stringify([...document.querySelectorAll("#comments .content")].map(({ textContent }) => textContent).sort()) === JSON.stringify(`+asJSON(contents)+`.sort())`)
	log.until("the log has all", `JSON.stringify([...document.querySelectorAll("#auditsTable .id")].map(({ textContent }) => textContent.replace("\r\n", "\n").replace("\0", "\ufffd"))) === JSON.stringify(`+asJSON(ids)+`)`)
	home.until("the cards have told the last", `["comments", "audits"].every((topic) => `+cards+`[topic].includes("WWWW"))`)
	board.harmless("/comments")
	log.harmless("/audits")
	home.harmless("/")
}

func TestHostileDataIsTextWhereTheServerAloneSpeaks(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	home := b.another()
	home.openLive(s.url + "/")
	for _, topic := range []string{"time", "ping"} {
		s.append(topic, hostile...)
		b.openLive(s.url + "/" + topic)
		for _, text := range hostile {
			if _, err := s.log.Append(t.Context(), stream.Event{Topic: stream.MustTopic(topic), Type: stream.MustType("ping"), Data: text}); err != nil {
				t.Fatal(err)
			}
		}
		b.until("all have come", fmt.Sprintf(`document.querySelectorAll("#timeList li, #pingTable tbody tr").length >= %d`, len(hostile)))
		b.harmless("/" + topic)
		home.until("its card has told the last", cards+`[`+quote(topic)+`].startsWith("WWWW")`)
	}
	home.harmless("/")
}

func TestHostileAddressesAreText(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.forgive(networkErrors + `.* status of 40[04]`)
	for _, text := range hostileForms() {
		for _, path := range []string{"/" + url.PathEscape(text), "/watch?topic=" + url.QueryEscape(text), "/audits?actor=" + url.QueryEscape(text)} {
			b.open(s.url + path)
			b.harmless(path)
		}
		b.openLive(s.url + "/audits?actor=" + url.QueryEscape(text))
		if got := eval[string](b, `document.querySelector("#filterForm input").value`); got != strings.ReplaceAll(asHTML.Replace(text), "\n", "") {
			t.Errorf("the filter is %q, want %q", got, text)
		}
	}
}

func TestWhatThePageDidNotBringIsRefusedAndTold(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	for path, policy := range map[string]string{"/": "script-src-attr", "/mini": "script-src-attr"} {
		b := browse(t)
		b.open(s.url + path)
		eval[bool](b, `(() => { const made = document.createElement("p"); made.setAttribute("onclick", "alert(1)"); document.body.append(made); made.click(); return true; })()`)
		eventually(t, "it is told", func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.ContainsFunc(b.wrong, func(wrong string) bool { return strings.Contains(wrong, "refused by policy "+policy) })
		})
		b.forgive(`refused by policy`, `Content Security Policy`)
	}
}
