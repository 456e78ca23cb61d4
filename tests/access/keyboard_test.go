package access

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"iris-broadcast/tests/harness"
)

// reachable gives each element that can be used a number, and says how many there are.
const reachable = `(() => {
	const all = [...document.querySelectorAll("a[href], button, input, textarea, [tabindex]")].filter((one) =>
		one.tabIndex >= 0 && one.type !== "hidden" && !one.disabled && one.checkVisibility());
	all.forEach((one, i) => (one.dataset.reachable = i));
	return all.length;
})()`

// focused is the number of the element that has the focus, -1 for none, and whether one sees that: by an outline of its
// own or of what it stands for.
const focused = `((element) => {
	const outlined = (one) => one && getComputedStyle(one).outlineStyle !== "none";
	const row = element.closest("#eventsTable tr");
	const seen = outlined(element) || outlined(element.closest("#more li")) ||
		Boolean(row) && getComputedStyle(row.cells[0]).boxShadow !== "none";
	return { number: Number(element.dataset.reachable ?? -1), seen, what: element.outerHTML.slice(0, 200) };
})(document.activeElement)`

func TestTheTabKeyComesToEverythingAndOneSeesWhere(t *testing.T) {
	t.Parallel()
	m := populated(t)
	for _, path := range slices.Concat(livePages, stillPages) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := harness.Browse(t)
			b.Focus()
			b.Forgive(harness.NetworkErrors + `.* status of 404`)
			visit(b, m.URL, path)
			if path == "/status" { // so that its rows stay where they are
				harness.Eval[bool](b, `(document.querySelector(".pause").click(), true)`)
			}
			n := harness.Eval[int](b, reachable)
			var order, want []int
			for i := range n {
				b.Keys(kb.Tab)
				want = append(want, i)
				at := harness.Eval[struct {
					Number int
					Seen   bool
					What   string
				}](b, focused)
				if order = append(order, at.Number); !at.Seen {
					t.Errorf("one does not see that this has the focus: %s", at.What)
				}
			}
			if !slices.Equal(order, want) {
				t.Errorf("the Tab key comes to %v, and is to come to %d elements in their order", order, n)
			}
		})
	}
}

// tabTo presses the Tab key until this holds of the element with the focus, called at.
func tabTo(t *testing.T, b *harness.Tab, expression string) {
	t.Helper()
	for range 100 {
		if b.Keys(kb.Tab); harness.Eval[bool](b, `((at) => Boolean(`+expression+`))(document.activeElement)`) {
			return
		}
	}
	t.Fatalf("the Tab key comes to nothing that is %s", expression)
}

func TestEachPageWorksByKeyboard(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.Append("words", "first", "second")
	b := harness.Browse(t)
	b.Focus()

	b.OpenLive(s.URL + "/")
	tabTo(t, b, `at.closest("copy-button")`)
	b.Keys(kb.Enter)
	b.Until("the command is copied", `document.querySelector("copy-button").innerText === "Copied"`)
	tabTo(t, b, `at.textContent === "Comments" && at.closest("#more")`)
	b.Keys(kb.Enter)
	b.Until("the comments are there",
		`location.pathname === "/comments" && document.querySelector("#state").textContent === "Live"`)

	tabTo(t, b, `at.tagName === "TEXTAREA"`)
	b.Keys("by keyboard")
	tabTo(t, b, `at.type === "submit"`)
	b.Keys(kb.Enter)
	b.UntilComments("by keyboard 0")
	b.Until("the form has taken the focus for more", `!document.querySelector("#commentForm textarea").value`)
	tabTo(t, b, `at.name === "like"`)
	b.Keys(" ")
	b.UntilComments("by keyboard 1")

	b.OpenLive(s.URL + "/audits")
	tabTo(t, b, `at.name === "id" && at.closest("#auditForm")`)
	b.Keys("42" + kb.Enter)
	b.Until("the record is there", `document.querySelector("#auditsTable tbody .id")?.textContent === "42"`)

	b.Open(s.URL + "/watch")
	tabTo(t, b, `at.name === "topic"`)
	b.Keys("words" + kb.Enter)
	b.Until("the topic is there",
		`location.search === "?topic=words" && document.querySelector("#state").textContent === "Live"`)
	tabTo(t, b, `at.matches(".pause")`)
	b.Keys(" ")
	b.Until("it pauses", `document.querySelector("live-watch[paused] .pause").innerText.includes("Resume")`)
	b.Keys(" ")
	tabTo(t, b, `at.type === "search"`)
	b.Keys("fir")
	b.UntilWatched("first")
	tabTo(t, b, `at.matches(".open")`)
	b.Keys(kb.Enter)
	b.Until("the event is open", `document.querySelector("dialog[open] .text")?.textContent === "first"`)
	b.Keys(kb.Escape)
	b.Until("the focus is where it was",
		`!document.querySelector("dialog").open && document.activeElement.matches(".open")`)
	tabTo(t, b, `at.tagName === "TEXTAREA"`)
	b.Keys("third, of the first")
	tabTo(t, b, `at.type === "submit"`)
	b.Keys(kb.Enter)
	b.UntilWatched("first", "third, of the first")

	for _, path := range []string{"/ping", "/time"} {
		b.OpenLive(s.URL + path)
		tabTo(t, b, `at.closest("copy-button")`)
		b.Keys(kb.Enter)
		b.Until("the code is copied", `document.querySelector("copy-button").innerText === "Copied"`)
	}
}
