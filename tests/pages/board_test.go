package pages

import (
	"fmt"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestACommentAndALikeAppearInEveryPage(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	one := harness.Browse(t)
	one.OpenLive(s.URL + "/comments")
	two := one.Another()
	two.OpenLive(s.URL + "/comments")
	for _, text := range []string{"first", "<img src=x onerror=alert(1)>"} {
		one.Fill("#commentForm textarea", text)
		one.Click("#commentForm button")
		two.Until(text+" has arrived",
			`document.querySelector("#comments .comment .content").textContent === `+harness.Quote(text))
		one.Until("the form is ready for more", `!document.querySelector("#commentForm textarea").value`)
	}
	want := "<img src=x onerror=alert(1)> 0, first 0"
	one.UntilComments(want)
	two.UntilComments(want)
	const like = `(document.querySelector("#comments .comment:last-child .like button").click(), true)`
	harness.Eval[bool](two, like) // and no click of the mouse: it may be moving
	want = "first 1, <img src=x onerror=alert(1)> 0"
	one.UntilComments(want) // the ranking has changed in both
	two.UntilComments(want)
	for _, b := range []*harness.Tab{one, two} {
		b.OpenLive(s.URL + "/comments")
		if got, liked := b.Comments(), pressed(b); got != want || liked != "true false" { // one browser is one visitor
			t.Errorf("after a reload: %s, liked %s, want %s, and the first liked", got, liked, want)
		}
		b.Fits()
		b.Check()
	}
}

func TestWhatIsTypedWhileAFormIsSentStays(t *testing.T) {
	t.Parallel()
	b := harness.Browse(t)
	b.OpenLive(harness.Serve(t, "-demo=false").URL + "/comments")
	b.Fill("#commentForm textarea", "first")
	harness.Eval[string](b, `(() => {
		document.querySelector("#commentForm button").click();
		return document.querySelector("#commentForm textarea").value = "typed meanwhile";
	})()`)
	b.Until("it has been sent", `document.querySelector("json-form .done").textContent !== ""`)
	b.UntilComments("first 0")
	got := harness.Eval[string](b, `document.querySelector("#commentForm textarea").value`)
	if got != "typed meanwhile" {
		t.Errorf("the field holds %q", got)
	}
}

// pressed tells of each comment whether it looks liked.
func pressed(b *harness.Tab) string {
	return harness.Eval[string](b,
		`[...document.querySelectorAll("#comments .like button")].map((button) => button.ariaPressed).join(" ")`)
}

func TestTheBoardPageWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.API("POST", "/api/v1/comments", `{"content":"already there"}`)
	b := harness.Browse(t)
	b.WithoutScripts()
	b.Open(s.URL + "/comments")
	b.Click("#comments .like button")
	b.Until("the page has come again", `document.querySelector("#comments .like button").value === "0"`)
	if n := likes(s); n != 1 {
		t.Errorf("there are %d likes, want 1", n)
	}
	b.Click("#comments .like button")
	b.Until("the page has come again", `document.querySelector("#comments .like button").value === "1"`)
	if n := likes(s); n != 0 {
		t.Errorf("there are %d likes, want none", n)
	}
}

// likes are those of the first comment.
func likes(s *harness.Server) int {
	list := s.API("GET", "/api/v1/comments", "")
	return int(list["comments"].([]any)[0].(map[string]any)["likes"].(float64))
}

func TestTheBoardPageRefusesWhatTheRulesRefuseAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.Forgive(harness.NetworkErrors + `.* status of 422`)
	b.OpenLive(s.URL + "/comments")
	b.Fill("#commentForm textarea", "   ")
	b.Click("#commentForm button")
	b.Until("the reason is shown",
		`document.querySelector("#commentForm .problem").textContent.includes("content must be 1 to 2000 characters")`)
	if got := harness.Eval[string](b, `document.querySelector("#commentForm textarea").value`); got != "   " {
		t.Errorf("what was typed has become %q", got)
	}
}

func TestTheAuditPageListsWhatIsStoredAndGoesOnLive(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	record := func(i int, actor string) {
		s.API("POST", "/api/v1/audits", fmt.Sprintf(`{"id":"%d","actor":%q}`, i, actor))
	}
	for i := range 5 {
		record(i, "ann")
	}
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/audits")
	for i := range 5 {
		record(5+i, "bob")
	}
	ids := func(want string) {
		t.Helper()
		b.Until("the records are "+want,
			`[...document.querySelectorAll("#auditsTable tbody .id")].map((cell) => cell.textContent).join("") === `+
				harness.Quote(want))
	}
	ids("9876543210")
	b.Fill("#auditForm input[name=id]", "<b>form</b>")
	b.Click("#auditForm button")
	ids("<b>form</b>9876543210")
	b.OpenLive(s.URL + "/audits?actor=bob")
	ids("98765")
	record(10, "ann")
	record(11, "bob")
	ids("1198765")
	export := harness.Eval[string](b,
		`fetch(document.querySelector("#exports a").href).then((answer) => answer.text())`)
	if rows := strings.Count(export, "\n"); rows != 1+6 {
		t.Errorf("the export of this filter has %d rows: %s", rows, export)
	}
	b.Fits()
}

func TestThePingAndTimePagesAreLive(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t)
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/ping")
	b.Until("ping is shown", `/[0-9]{10}/.test(document.querySelector("main").innerText)`)
	b.Fits()
	b.OpenLive(s.URL + "/time")
	b.Until("the time is shown twice", `document.querySelector("main").innerText.match(/The time is /g)?.length >= 2`)
	b.OpenLive(s.URL + "/time")
	lines := harness.Eval[int](b, `document.querySelector("main").innerText.match(/The time is /g)?.length ?? 0`)
	if lines < 2 {
		t.Errorf("after a reload %d lines are there at once", lines)
	}
	b.Fits()
}

func TestThePageGoesOnFromTheSnapshotAfterAGap(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-keep-events", "2")
	b := harness.Browse(t)
	b.Inject(harness.Alone + `const RealEventSource = EventSource; window.EventSource = class extends RealEventSource {
		constructor(url) { super(url); window.latest = this; } };`)
	s.API("POST", "/api/v1/comments", `{"content":"one"}`)
	b.OpenLive(s.URL + "/comments")
	harness.Eval[bool](b, `(window.latest.close(), true)`) // cut off, and told so only when all has happened
	for _, text := range []string{"two", "three", "four", "five"} {
		s.API("POST", "/api/v1/comments", fmt.Sprintf(`{"content":%q}`, text))
	}
	harness.Eval[bool](b, `(window.latest.dispatchEvent(new Event("error")), true)`)
	b.UntilComments("five 0, four 0, three 0, two 0, one 0")
}
