package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// contents are the comments as the page ranks them, each with its likes.
func (b *tab) contents() string {
	b.t.Helper()
	return strings.Join(eval[[]string](b, `[...document.querySelectorAll("#comments .comment")].map((c) =>
		c.querySelector(".content").textContent + " " + c.querySelector(".likes").textContent)`), ", ")
}

func (b *tab) untilContents(want string) {
	b.t.Helper()
	b.until("the board is "+want, `[...document.querySelectorAll("#comments .comment")].map((c) =>
		c.querySelector(".content").textContent + " " + c.querySelector(".likes").textContent).join(", ") === `+quote(want))
}

// fill writes into a field of a form, as a visitor does.
func (b *tab) fill(field, text string) {
	b.t.Helper()
	eval[bool](b, `((field) => { field.focus(); field.value = `+quote(text)+`; field.dispatchEvent(new Event("input", { bubbles: true })); return true; })(document.querySelector(`+quote(field)+`))`)
}

func TestACommentAndALikeAppearInEveryPage(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	one := browse(t)
	one.openLive(s.url + "/comments")
	two := one.another()
	two.openLive(s.url + "/comments")
	for _, text := range []string{"first", "<img src=x onerror=alert(1)>"} {
		one.fill("#commentForm textarea", text)
		one.click("#commentForm button")
		two.until(text+" has arrived", `document.querySelector("#comments .comment .content").textContent === `+quote(text))
	}
	want := "<img src=x onerror=alert(1)> 0, first 0"
	one.untilContents(want)
	two.untilContents(want)
	eval[bool](two, `(document.querySelector("#comments .comment:last-child .like button").click(), true)`) // it may be moving
	want = "first 1, <img src=x onerror=alert(1)> 0"
	one.untilContents(want) // the ranking has changed in both
	two.untilContents(want)
	for _, b := range []*tab{one, two} {
		b.openLive(s.url + "/comments")
		if got, liked := b.contents(), b.pressed(); got != want || liked != "true false" { // one browser is one visitor
			t.Errorf("after a reload: %s, liked %s, want %s, and the first liked", got, liked, want)
		}
		b.fits()
		b.check()
	}
}

// pressed tells of each comment whether it looks liked.
func (b *tab) pressed() string {
	b.t.Helper()
	return strings.Join(eval[[]string](b, `[...document.querySelectorAll("#comments .like button")].map((button) => button.ariaPressed)`), " ")
}

func TestTheBoardPageWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	s.answer("POST", "/api/v1/comments", `{"content":"already there"}`)
	b := browse(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(s.url + "/comments")
	b.click("#comments .like button")
	b.until("the page has come again", `document.querySelector("#comments .like button").value === "0"`)
	if n := likes(s); n != 1 {
		t.Errorf("there are %d likes, want 1", n)
	}
	b.click("#comments .like button")
	b.until("the page has come again", `document.querySelector("#comments .like button").value === "1"`)
	if n := likes(s); n != 0 {
		t.Errorf("there are %d likes, want none", n)
	}
}

// likes are those of the first comment.
func likes(s *site) int {
	_, list, _ := s.answer("GET", "/api/v1/comments", "")
	return int(list["comments"].([]any)[0].(map[string]any)["likes"].(float64))
}

func TestTheBoardPageRefusesWhatTheRulesRefuseAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.forgive(networkErrors + `.* status of 422`)
	b.openLive(s.url + "/comments")
	b.fill("#commentForm textarea", "   ")
	b.click("#commentForm button")
	b.until("the reason is shown", `document.querySelector("#commentForm .problem").textContent.includes("content is 1 to 2000 characters")`)
	if got := eval[string](b, `document.querySelector("#commentForm textarea").value`); got != "   " {
		t.Errorf("what was typed has become %q", got)
	}
}

func TestTheAuditPageListsWhatIsStoredAndGoesOnLive(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	record := func(i int, actor string) {
		if status, fields, _ := s.answer("POST", "/api/v1/audits", fmt.Sprintf(`{"id":"%d","actor":%q}`, i, actor)); status != 201 {
			t.Fatal(status, fields)
		}
	}
	for i := range 5 {
		record(i, "ann")
	}
	b := browse(t)
	b.openLive(s.url + "/audits")
	for i := range 5 {
		record(5+i, "bob")
	}
	ids := func(want string) {
		t.Helper()
		b.until("the records are "+want, `[...document.querySelectorAll("#auditsTable tbody .id")].map((cell) => cell.textContent).join("") === `+quote(want))
	}
	ids("9876543210")
	b.fill("#auditForm input[name=id]", "<b>form</b>")
	b.click("#auditForm button")
	ids("<b>form</b>9876543210")
	b.openLive(s.url + "/audits?actor=bob")
	ids("98765")
	record(10, "ann")
	record(11, "bob")
	ids("1198765")
	export := eval[string](b, `fetch(document.querySelector("#exports a").href).then((answer) => answer.text())`)
	if rows := strings.Count(export, "\n"); rows != 1+6 {
		t.Errorf("the export of this filter has %d rows: %s", rows, export)
	}
	b.fits()
}

func TestThePingAndTimePagesAreLive(t *testing.T) {
	t.Parallel()
	s := serve(t)
	b := browse(t)
	b.openLive(s.url + "/ping")
	b.until("ping is shown", `/[0-9]{10}/.test(document.querySelector("main").innerText)`)
	b.fits()
	b.openLive(s.url + "/time")
	b.until("the time is shown twice", `document.querySelector("main").innerText.match(/The time is /g)?.length >= 2`)
	b.openLive(s.url + "/time")
	if lines := eval[int](b, `document.querySelector("main").innerText.match(/The time is /g)?.length ?? 0`); lines < 2 {
		t.Errorf("after a reload %d lines are there at once", lines)
	}
	b.fits()
}

func TestThePageGoesOnFromTheSnapshotAfterAGap(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false", "-keep-events", "2")
	b := browse(t)
	b.inject(alone + `const RealEventSource = EventSource; window.EventSource = class extends RealEventSource {
		constructor(url) { super(url); window.latest = this; } };`)
	s.answer("POST", "/api/v1/comments", `{"content":"one"}`)
	b.openLive(s.url + "/comments")
	eval[bool](b, `(window.latest.close(), true)`) // cut off, and told so only when all has happened
	for _, text := range []string{"two", "three", "four", "five"} {
		s.answer("POST", "/api/v1/comments", fmt.Sprintf(`{"content":%q}`, text))
	}
	eval[bool](b, `(window.latest.dispatchEvent(new Event("error")), true)`)
	b.untilContents("five 0, four 0, three 0, two 0, one 0")
}
