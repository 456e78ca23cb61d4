package main

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// livePages are the pages with a stream, stillPages the others that have the site's layout.
var (
	livePages  = []string{"/", "/comments", "/audits", "/ping", "/time", "/watch?topic=silent", "/watch?topic=orders", "/watch?topic=jobs", "/watch?topic=sensors/*", "/status"}
	stillPages = []string{"/watch", "/nothing-here"}
)

// visit opens a page and waits until it shows what it has.
func (b *tab) visit(s *site, path string) {
	b.t.Helper()
	b.open(s.url + path)
	if path != "/mini" && path != stillPages[0] && path != stillPages[1] {
		b.untilLive()
	}
	if strings.Contains(path, "orders") || strings.Contains(path, "sensors") || path == "/status" {
		b.until("charts are drawn", `document.querySelector(".charts canvas")`)
	}
}

// look has the page look as for visitors who like these colours, without motion.
func (b *tab) look(scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
}

// keys presses keys.
func (b *tab) keys(keys string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent(keys)); err != nil {
		b.t.Fatal(err)
	}
}

// violations are what axe-core finds wrong with the page, a line each. The rings behind it are taken away: on a picture
// axe-core measures no contrast.
const violations = `document.styleSheets[0]?.insertRule("body::before { display: none }"),
	axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, help, nodes }) =>
		id + ": " + help + ": " + nodes.map(({ html, failureSummary }) => html + " " + failureSummary).join("; ").slice(0, 800)))`

func TestNoPageShutsAnybodyOut(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("testdata/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, "-demo=false")
	s.populate()
	b := browse(t)
	b.forgive(networkErrors + `.* status of 404`)
	look := func(what string) {
		t.Helper()
		for _, violation := range eval[[]string](b, string(axe)+";"+violations) {
			t.Errorf("%s: %s", what, violation)
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		b.look(scheme)
		for _, path := range append(livePages, stillPages...) {
			b.visit(s, path)
			look(scheme + " " + path)
		}
		b.visit(s, "/watch?topic=orders")
		b.click("#eventsTable tbody tr:nth-last-child(2) td:last-child")
		b.until("an event is open", `document.querySelector("dialog").open`)
		look(scheme + " an event")
		b.visit(s, "/mini")
		look(scheme + " /mini")
	}
}

// reachable gives each element that can be used a number, and says how many there are.
const reachable = `(() => {
	const all = [...document.querySelectorAll("a[href], button, input, textarea, [tabindex]")].filter((one) =>
		one.tabIndex >= 0 && one.type !== "hidden" && !one.disabled && one.checkVisibility());
	all.forEach((one, i) => (one.dataset.reachable = i));
	return all.length;
})()`

// focused is the number of the element that has the focus, -1 for none, and whether one sees that: by an outline of its own or of
// what it stands for.
const focused = `((element) => {
	const outlined = (one) => one && getComputedStyle(one).outlineStyle !== "none";
	const row = element.closest("#eventsTable tr");
	return { number: Number(element.dataset.reachable ?? -1), seen: outlined(element) || outlined(element.closest("#more li")) ||
		Boolean(row) && getComputedStyle(row.cells[0]).boxShadow !== "none", what: element.outerHTML.slice(0, 200) };
})(document.activeElement)`

func TestTheTabKeyComesToEverythingAndOneSeesWhere(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	s.populate()
	b := browse(t)
	b.forgive(networkErrors + `.* status of 404`)
	for _, path := range append(livePages, stillPages...) {
		b.visit(s, path)
		if path == "/status" { // so that its rows stay where they are
			eval[bool](b, `(document.querySelector(".pause").click(), true)`)
		}
		n := eval[int](b, reachable)
		var order []int
		for range n {
			b.keys(kb.Tab)
			at := eval[struct {
				Number int
				Seen   bool
				What   string
			}](b, focused)
			if order = append(order, at.Number); !at.Seen {
				t.Errorf("%s: one does not see that this has the focus: %s", path, at.What)
			}
		}
		for i, number := range order {
			if number != i {
				t.Errorf("%s: the Tab key comes to %v, and is to come to %d elements in their order", path, order, n)
				break
			}
		}
	}
}

// tabTo presses the Tab key until this holds of the element with the focus, called at.
func (b *tab) tabTo(expression string) {
	b.t.Helper()
	for range 100 {
		if b.keys(kb.Tab); eval[bool](b, `((at) => Boolean(`+expression+`))(document.activeElement)`) {
			return
		}
	}
	b.t.Fatalf("the Tab key comes to nothing that is %s", expression)
}

func TestEachPageWorksByKeyboard(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	s.append("words", "first", "second")
	b := browse(t)

	b.openLive(s.url + "/")
	b.tabTo(`at.closest("copy-button")`)
	b.keys(kb.Enter)
	b.until("the command is copied", `document.querySelector("copy-button").innerText === "Copied"`)
	b.tabTo(`at.textContent === "Comments" && at.closest("#more")`)
	b.keys(kb.Enter)
	b.until("the comments are there", `location.pathname === "/comments" && document.querySelector("#state").textContent === "Live"`)

	b.tabTo(`at.tagName === "TEXTAREA"`)
	b.keys("by keyboard")
	b.tabTo(`at.type === "submit"`)
	b.keys(kb.Enter)
	b.untilContents("by keyboard 0")
	b.tabTo(`at.name === "like"`)
	b.keys(" ")
	b.untilContents("by keyboard 1")

	b.openLive(s.url + "/audits")
	b.tabTo(`at.name === "id" && at.closest("#auditForm")`)
	b.keys("42" + kb.Enter)
	b.until("the record is there", `document.querySelector("#auditsTable tbody .id")?.textContent === "42"`)

	b.open(s.url + "/watch")
	b.tabTo(`at.name === "topic"`)
	b.keys("words" + kb.Enter)
	b.until("the topic is there", `location.search === "?topic=words" && document.querySelector("#state").textContent === "Live"`)
	b.tabTo(`at.matches(".pause")`)
	b.keys(" ")
	b.until("it pauses", `document.querySelector("live-watch[paused] .pause").innerText.includes("Resume")`)
	b.keys(" ")
	b.tabTo(`at.type === "search"`)
	b.keys("fir")
	b.untilWatched("first")
	b.tabTo(`at.matches(".open")`)
	b.keys(kb.Enter)
	b.until("the event is open", `document.querySelector("dialog[open] .text")?.textContent === "first"`)
	b.keys(kb.Escape)
	b.until("the focus is where it was", `!document.querySelector("dialog").open && document.activeElement.matches(".open")`)
	b.tabTo(`at.tagName === "TEXTAREA"`)
	b.keys("third, of the first")
	b.tabTo(`at.type === "submit"`)
	b.keys(kb.Enter)
	b.untilWatched("first", "third, of the first")

	for _, path := range []string{"/ping", "/time"} {
		b.openLive(s.url + path)
		b.tabTo(`at.closest("copy-button")`)
		b.keys(kb.Enter)
		b.until("the code is copied", `document.querySelector("copy-button").innerText === "Copied"`)
	}
}
